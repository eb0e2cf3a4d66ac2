"""Where this machine keeps the programs of a PostgreSQL server that has PostGIS.

Knows directories, versions and extension files; starts no server and opens no connection.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

OLDEST_MAJOR = 13
_DEBIAN_ROOT = Path("/usr/lib/postgresql")


class NoServerPrograms(Exception):
    """This machine has no PostgreSQL that could run the cluster; the message says what to install."""


@dataclass(frozen=True, slots=True)
class ServerPrograms:
    """The programs of one PostgreSQL installation: `bindir` holds initdb, pg_ctl and postgres."""

    bindir: Path
    sharedir: Path
    major: int

    def program(self, name: str) -> str:
        """The full path of one program of this installation, as subprocess wants it."""
        return str(self.bindir / name)

    def has_extension(self, name: str) -> bool:
        """Whether `CREATE EXTENSION name` would find its control file."""
        return (self.sharedir / "extension" / f"{name}.control").is_file()

    def has_setting(self, name: str) -> bool:
        """Whether the server itself knows this setting; it does not start with one that it does not know."""
        described = _output_of(self.program("postgres"), "--describe-config")
        return any(line.split("\t", 1)[0] == name for line in described.splitlines())


def installed_servers() -> list[ServerPrograms]:
    """Every PostgreSQL server of this machine, newest first; the one `pg_config` names wins a tie."""
    found: dict[Path, ServerPrograms] = {}
    for bindir in _candidate_directories():
        resolved = bindir.resolve()
        if resolved not in found and (server := _inspect(resolved)) is not None:
            found[resolved] = server
    return sorted(found.values(), key=lambda server: -server.major)


def find_server(extensions: Sequence[str] = ("postgis",), *, major: int | None = None) -> ServerPrograms:
    """Return the newest installed server that has all these extensions.

    Parameters
    ----------
    extensions
        Extension names, each of which needs its control file.
    major
        Take only this major version (a data directory can be read by no other).

    Raises
    ------
    NoServerPrograms
        No installed server fits; the message tells which condition failed.
    """
    wanted = f"PostgreSQL {major}" if major else f"PostgreSQL {OLDEST_MAJOR} or later"
    servers = [
        server
        for server in installed_servers()
        if (server.major == major if major else server.major >= OLDEST_MAJOR)
    ]
    if not servers:
        raise NoServerPrograms(f"{wanted} is not installed; run scripts/bootstrap.sh, which installs it")
    for server in servers:
        if all(server.has_extension(extension) for extension in extensions):
            return server
    names = " and ".join(extensions)
    raise NoServerPrograms(f"{wanted} is installed, but without the extension {names}; install its package")


def _candidate_directories() -> Iterator[Path]:
    pg_config = shutil.which("pg_config")
    if pg_config and (bindir := _output_of(pg_config, "--bindir")):
        yield Path(bindir)
    if _DEBIAN_ROOT.is_dir():
        yield from sorted(_DEBIAN_ROOT.glob("*/bin"))


def _inspect(bindir: Path) -> ServerPrograms | None:
    if not all((bindir / name).is_file() for name in ("initdb", "pg_ctl", "postgres")):
        return None
    version = re.search(r"\) (\d+)", _output_of(str(bindir / "postgres"), "--version"))
    if version is None:
        return None
    major = int(version[1])
    sharedir = _output_of(str(bindir / "pg_config"), "--sharedir") or f"/usr/share/postgresql/{major}"
    return ServerPrograms(bindir, Path(sharedir), major)


def _output_of(*command: str) -> str:
    """Standard output of a program, stripped; empty when it is missing or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
