"""`snapshots`: the files that an engine starts from, listed, compared with their checksums, thrown away.

Meets no database and changes nothing that could not be made again.
"""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path

from gis_service.commands.telling import counted
from gis_service.errors import InvalidInput
from gis_service.home import home


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare `snapshots` and what can be done with them."""
    whole = commands.add_parser("snapshots", help="the files that the engine starts from")
    verbs = whole.add_subparsers(dest="verb", required=True, metavar="VERB")
    status = verbs.add_parser("status", help="list them; headers are checked")
    status.set_defaults(run=run_status, thorough=False)
    verify = verbs.add_parser("verify", help="compare all of them with their checksums; 1 if one is damaged")
    verify.set_defaults(run=run_status, thorough=True)
    clear = verbs.add_parser("clear", help="remove them; the next start reads the database")
    clear.set_defaults(run=run_clear)


def snapshots_home() -> Path:
    """Where the snapshots of all databases lie, one directory each."""
    return home() / "snapshots"


def run_status(arguments: argparse.Namespace) -> int:
    """A line for each snapshot, and 1 where one cannot be used."""
    from gis_service.snapshots.directory import survey

    number = size = faults = 0
    for one in survey(snapshots_home(), thorough=arguments.thorough):
        number += 1
        size += one.size
        faults += bool(one.fault)
        written = datetime.fromtimestamp(one.written_at, UTC).isoformat(timespec="seconds")
        told = f"{one.kind} {one.of}, {_bytes(one.size)}, written {written.replace('+00:00', 'Z')}"
        told = f"{one.fault}: the next start makes it again" if one.fault else told
        print(f"{one.path.relative_to(snapshots_home())}: {told}{', in use' if one.in_use else ''}")
    print(f"{counted(number, 'snapshot')} in {snapshots_home()}, {_bytes(size)}; {faults} cannot be used")
    return 1 if faults else 0


def run_clear(_arguments: argparse.Namespace) -> None:
    """Remove all of them; a running engine keeps what it has open."""
    from gis_service.snapshots.directory import clear

    try:
        removed = clear(snapshots_home())
    except OSError as error:
        raise InvalidInput(f"{error.filename} cannot be removed: {error.strerror}") from None
    print(f"{counted(removed, 'snapshot')} removed")


def _bytes(number: float) -> str:
    for unit in ("B", "kB", "MB"):
        if number < 1000:
            return f"{number:.4g} {unit}"
        number /= 1000
    return f"{number:.4g} GB"
