"""How commands say things: notes, faults, counts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import orjson

from gis_service.errors import InvalidInput
from gis_service.ingest.faults import PRINTED, Fault, printed


def counted(number: int, what: str) -> str:
    """`1 row`, `1,234 rows`."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def tell_notes(notes: Sequence[str]) -> None:
    """Remarks that refuse nothing, a line each."""
    for note in notes:
        print(f"note: {note}")


def refuse_faults(
    what: str,
    faults: Sequence[Fault],
    *,
    all_faults: bool = False,
    json_file: Path | None = None,
    to_stdout: bool = True,
) -> None:
    """Print the faults to stdout, write all of them to `json_file`, and refuse; nothing when there are none.

    Raises
    ------
    InvalidInput
        With the one-line summary.
    """
    if json_file is not None:
        write_json(json_file, {"package": what, "faults": [fault.as_dict() for fault in faults]})
    if not faults:
        return
    if to_stdout:
        for line in printed(faults, limit=None if all_faults else PRINTED):
            print(line)
    raise InvalidInput(f"{what} has {counted(len(faults), 'fault')} and was refused; nothing was changed")


def write_json(file: Path, document: object) -> None:
    """Write a JSON document.

    Raises
    ------
    InvalidInput
        When the file cannot be written.
    """
    try:
        file.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    except OSError as error:
        raise InvalidInput(f"{file} cannot be written: {error.strerror}") from None
