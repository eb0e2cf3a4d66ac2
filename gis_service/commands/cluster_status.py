"""How `cluster status` shows what it found: a table for people, a document for programs.

Pure: an overview in, text or plain values out. What is not known is shown as `?` and as null.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gis_service.commands.telling import counted

if TYPE_CHECKING:
    from gis_service.store.cluster_shards import Overview


def as_document(found: Overview) -> dict[str, Any]:
    """Everything, by plain values; sizes in bytes."""
    counties = _counties_by_shard(found)
    own = {one.shard for one in found.groups if one.is_own}
    return {
        "nodes": [_node(found, one) for one in found.nodes],
        "shards": {
            "count": len(found.groups),
            "bytes": _total([one.size for one in found.groups]),
            "largest_bytes": max((one.size or 0 for one in found.groups), default=0),
            "skew": skew([one.size for one in found.groups if counties.get(one.shard)]),
        },
        "node_skew": skew(
            [one["bytes"] for one in (_node(found, state) for state in found.nodes) if one["holds_shards"]]
        ),
        "counties": [
            {"county": county, "shard": one.shard, "node": str(one.node), "own_shard": one.shard in own}
            for one in found.groups
            for county in counties.get(one.shard, [])
        ],
        "moving": None
        if found.moving is None
        else [
            {
                "shard": one.shard,
                "from": one.source,
                "to": one.target,
                "bytes": one.size,
                "bytes_copied": one.copied,
                "state": one.state,
            }
            for one in found.moving
        ],
        "at_work": found.at_work or None,
        "leftovers": found.leftovers,
        "prepared_transactions": _total([one.prepared for one in found.nodes]),
    }


def as_table(found: Overview) -> str:
    """The same for reading."""
    document = as_document(found)
    rows = [
        (
            one["node"] + (" (coordinator)" if one["coordinator"] else ""),
            "yes" if one["answers"] else "no",
            str(one["shards"]) + ("" if one["holds_shards"] else ", to hold none"),
            str(one["counties"]),
            str(one["own_shards"]),
            _megabytes(one["bytes"]),
            "?" if one["prepared_transactions"] is None else str(one["prepared_transactions"]),
        )
        for one in document["nodes"]
    ]
    lines = _aligned(("node", "answers", "shards", "counties", "own shard", "size", "undecided writes"), rows)
    shards = document["shards"]
    lines.append(
        f"{counted(shards['count'], 'shard')} of {_megabytes(shards['bytes'])}, the largest "
        f"{_megabytes(shards['largest_bytes'])}; the largest node holds {_times(document['node_skew'])} the "
        f"mean, the largest shard with a county {_times(shards['skew'])}"
    )
    own = [one["county"] for one in document["counties"] if one["own_shard"]]
    lines.append(f"counties with a shard of their own: {', '.join(own) or 'none'}")
    if document["at_work"]:
        lines.append(f"at work: {document['at_work']}")
    if document["moving"] is None:
        lines.append("moving: not known while a node is away")
    lines += [
        f"moving: shard {one['shard']} from {one['from']} to {one['to']}, "
        f"{_megabytes(one['bytes_copied'])} of {_megabytes(one['bytes'])} ({one['state']})"
        for one in document["moving"] or []
    ]
    if document["leftovers"]:
        lines.append(f"still to be dropped: {counted(document['leftovers'], 'leftover')} of moves")
    return "\n".join(lines)


def skew(sizes: list[int | None]) -> float | None:
    """The largest over the mean; None where one is not known, or there is nothing."""
    known = [size for size in sizes if size is not None]
    if len(known) < len(sizes) or not sum(known):
        return None
    return round(max(known) * len(known) / sum(known), 2)


def _node(found: Overview, state: Any) -> dict[str, Any]:
    groups = [one for one in found.groups if one.node == state.node]
    counties = _counties_by_shard(found)
    return {
        "node": str(state.node),
        "coordinator": state.node.coordinator,
        "answers": state.answers,
        "holds_shards": state.holds,
        "shards": len(groups),
        "own_shards": sum(one.is_own for one in groups),
        "counties": sum(len(counties.get(one.shard, [])) for one in groups),
        "bytes": _total([one.size for one in groups]),
        "prepared_transactions": state.prepared,
    }


def _counties_by_shard(found: Overview) -> dict[int, list[str]]:
    grouped: dict[int, list[str]] = defaultdict(list)
    for county, shard in sorted(found.shard_of.items()):
        grouped[shard].append(county)
    return grouped


def _total(values: list[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def _megabytes(size: int | None) -> str:
    return "?" if size is None else f"{size / 1e6:,.1f} MB"


def _times(value: float | None) -> str:
    return "?" if value is None else f"{value:g} times"


def _aligned(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[k]) for row in (heads, *rows)) for k in range(len(heads))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (heads, *rows)
    ]
