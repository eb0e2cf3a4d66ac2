"""The ids of one question to rows, all of its fields together, so that every unknown id is named at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice

from gis_service.errors import AmbiguousId, InvalidInput, UnknownId
from gis_service.network.ids import IdIndex, Ref


def find_all(ids: IdIndex, fields: Mapping[str, Sequence[str]]) -> dict[str, list[Ref]]:
    """The elements behind the ids of each field.

    Raises
    ------
    UnknownId
        Naming every id of every field that nothing has, and where it stands.
    InvalidInput
        When ids stand in several layers; every fault names its field and place.
    """
    try:
        refs = iter(ids.find_many([id for wanted in fields.values() for id in wanted]))
    except (UnknownId, AmbiguousId):
        _tell_all(ids, fields)
        raise
    return {field: list(islice(refs, len(wanted))) for field, wanted in fields.items()}


def _tell_all(ids: IdIndex, fields: Mapping[str, Sequence[str]]) -> None:
    """Find every id by itself, and raise what is wrong with all of them, each with its place."""
    places: dict[str, str] = {}
    faults: list[str] = []
    for field, wanted in fields.items():
        for k, id in enumerate(wanted):
            try:
                ids.find(id)
            except UnknownId:
                places.setdefault(id, f"{field}[{k}]")
            except AmbiguousId as error:
                faults.append(f"{field}[{k}]: {error}")
    if faults:
        raise InvalidInput(faults[0], faults)
    raise UnknownId(list(places), places=places)


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
