"""The ids of one question to rows, all of its fields together, so that every unknown id is named at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gis_service.errors import AmbiguousId, InvalidInput, UnknownId
from gis_service.network.ids import IdIndex, Ref


def find_all(ids: IdIndex, fields: Mapping[str, Sequence[str]]) -> dict[str, list[Ref]]:
    """The elements behind the ids of each field.

    Raises
    ------
    UnknownId
        Naming every id of every field that nothing has.
    InvalidInput
        When ids stand in several layers; every fault names its field and place.
    """
    found: dict[str, list[Ref]] = {}
    unknown: list[str] = []
    faults: list[str] = []
    for field, wanted in fields.items():
        refs: list[Ref] = []
        for k, id in enumerate(wanted):
            try:
                refs.append(ids.find(id))
            except UnknownId:
                if id not in unknown:
                    unknown.append(id)
            except AmbiguousId as error:
                faults.append(f"{field}[{k}]: {error}")
        found[field] = refs
    if faults:
        raise InvalidInput(faults[0], faults)
    if unknown:
        raise UnknownId(unknown)
    return found


def refuse_layers(
    fields: Mapping[str, Sequence[Ref]], ids: Mapping[str, Sequence[str]], allowed: Sequence[str]
) -> None:
    """Refuse elements of layers that a question cannot start at, naming each place."""
    faults = [
        f"{field}[{k}]: {id!r} is a {ref.layer}; this question takes {', '.join(allowed)}"
        for field, refs in fields.items()
        for k, (ref, id) in enumerate(zip(refs, ids[field], strict=True))
        if ref.layer not in allowed
    ]
    if faults:
        raise InvalidInput(faults[0], faults)
