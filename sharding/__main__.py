"""`python -m sharding start|stop|status`: the private cluster of GRIDGIS_HOME from the command line."""

from __future__ import annotations

import sys

from sharding.local import ClusterError, LocalCluster
from sharding.pg_programs import NoServerPrograms

USAGE = "usage: python -m sharding start|stop|status"


def main(arguments: list[str]) -> int:
    """Carry out one verb; 0 done (for `status`: it runs), 1 it does not run, 2 with one line on stderr."""
    try:
        cluster = LocalCluster.from_environment()
        match arguments:
            case ["start"]:
                server = cluster.start()
                if server.recovered:
                    print(f"recovered: {server.recovered}")
                print(f"PostgreSQL listens on 127.0.0.1:{server.port}; see {cluster.home}/engine.dsn")
            case ["stop"]:
                print("PostgreSQL is stopped" if cluster.stop() else "PostgreSQL was not running")
            case ["status"]:
                status = cluster.status()
                runs, where = status.server, status.directory or "nowhere yet"
                state = f"runs on port {runs.port}, process {runs.pid}" if runs else "does not run"
                print(f"PostgreSQL {state}; its data lies in {where}")
                return 0 if runs else 1
            case _:
                raise ClusterError(USAGE)
    except (ClusterError, NoServerPrograms, PermissionError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
