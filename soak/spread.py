"""A cluster that a campaign grows and shrinks: a coordinator, and servers that are its workers or wait to be.

Everything that changes the cluster goes through `gridgis cluster`; the catalogues are read past it.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2

from sharding.local import DATABASES, LocalCluster
from sharding.local_citus import EXTENSIONS, LocalCitus
from soak.surroundings import GRIDGIS, ROOT, Surroundings

ENGINE = DATABASES["engine"]
COMMAND_S = 1800.0


@dataclass(frozen=True)
class SpreadGrid:
    """The coordinator's surroundings, and the addresses of servers that may be its workers."""

    here: Surroundings
    spare: tuple[str, ...]

    def command(self, *arguments: str) -> subprocess.Popen[str]:
        """A `gridgis cluster` command that has begun."""
        return subprocess.Popen(
            [*GRIDGIS, "cluster", *arguments],
            cwd=ROOT,
            env=self.here.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str) -> str:
        """What a whole command says; AssertionError with its complaint where it fails."""
        process = self.command(*arguments)
        out, err = process.communicate(timeout=COMMAND_S)
        assert process.returncode == 0, f"cluster {' '.join(arguments)}: {err.strip()}"
        return out

    def forget(self, address: str) -> None:
        """Drop what a server that is no node any more holds of the cluster."""
        with closing(psycopg2.connect(self._maintenance_dsn(address))) as held:
            held.autocommit = True
            with held.cursor() as cursor:
                cursor.execute(f"DROP DATABASE IF EXISTS {ENGINE} WITH (FORCE)")

    def counties_own(self) -> set[str]:
        """The counties with a shard of their own, by Citus' catalogues."""
        rows = self.here.query(
            "SELECT code FROM county JOIN pg_dist_shard ON shardid ="
            " get_shard_id_for_distribution_column('connectivity_node', code)"
            " WHERE shardminvalue = shardmaxvalue"
        )
        return {str(code) for (code,) in rows}

    def shards_by_address(self) -> dict[str, int]:
        """How many shards of the nodes' table each node holds."""
        rows = self.here.query(
            "SELECT nodename || ':' || nodeport, count(shardid) FROM pg_dist_node"
            " LEFT JOIN (pg_dist_placement JOIN pg_dist_shard USING (shardid)) ON"
            " pg_dist_placement.groupid = pg_dist_node.groupid"
            " AND logicalrelid = 'connectivity_node'::regclass GROUP BY 1"
        )
        return {str(address): int(number) for address, number in rows}

    def empty(self) -> None:
        """Take every row of the grid out, one statement at a time, as a cluster wants it."""
        rows = self.here.query(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
            " AND tablename NOT IN ('spatial_ref_sys', 'django_migrations') ORDER BY tablename = 'county'"
        )
        for (table,) in rows:  # the county table, which others may refer to, comes last
            self.here.query(f"DELETE FROM {table}")
        self.here.query("DELETE FROM county_register")  # which lies on the coordinator alone

    def row_counts(self, tables: Sequence[str]) -> dict[str, int]:
        """Rows of each of these tables, now."""
        return {name: int(self.here.query(f"SELECT count(*) FROM {name}")[0][0]) for name in tables}

    def _maintenance_dsn(self, address: str) -> str:
        host, _, port = address.rpartition(":")
        parts: dict[str, Any] = psycopg2.extensions.parse_dsn(self.here.dsn)
        elsewhere = {**parts, "host": host, "port": port, "dbname": "postgres"}
        return str(psycopg2.extensions.make_dsn(**elsewhere))


@contextmanager
def spread_grid(home: Path, *, settings: Mapping[str, str], servers: int = 2) -> Iterator[SpreadGrid]:
    """A coordinator without workers whose tables are made, and servers beside it that may be workers."""
    citus = LocalCitus(home / "citus", settings=settings)
    started: list[LocalCluster] = []
    try:
        citus.start(workers=0)
        here = Surroundings(home, citus.nodes[0])
        addresses = []
        for number in range(1, servers + 1):
            server = _server(home / f"server-{number}", home / "citus" / "pg.password", settings)
            started.append(server)
            addresses.append(f"127.0.0.1:{server.start().port}")
        grid = SpreadGrid(here, tuple(addresses))
        grid.run("init")
        yield grid
    finally:
        citus.stop()
        for server in started:
            server.stop()


def _server(directory: Path, password: Path, settings: Mapping[str, str]) -> LocalCluster:
    """A server with the cluster's password and no database of the cluster yet."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "pg.password").write_text(password.read_text())
    return LocalCluster(
        directory, extensions=EXTENSIONS, settings=settings, databases={"engine": "not_the_grid"}
    )
