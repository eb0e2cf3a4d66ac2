"""Whether lines are drawn where the network says they run, and as long as they say they are.

Lengths are on the WGS 84 ellipsoid. The tolerances are generous on purpose: routes are digitised from plans.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from pyproj import Geod

from gis_service.checks.subject import Subject

FAR_M = 30.0
LENGTH_TOLERANCE = 0.25
LENGTH_SLACK_M = 25.0

_EARTH = Geod(ellps="WGS84")
Floats = npt.NDArray[np.float64]


def line_lengths(subject: Subject) -> None:
    """Lines without length, and lines that are drawn much longer or shorter than they say."""
    lines = subject.topology.tables.lines
    drawn = drawn_lengths_m(lines.coords, lines.offsets)
    busbar = lines.construction == "busbar"
    for row in np.flatnonzero(~busbar & ((lines.length_m == 0.0) | (drawn == 0.0))).tolist():
        both = "has length_m 0" if lines.length_m[row] == 0.0 else "is drawn as a point"
        subject.find("zero_length", "line_section", row, both)
    apart = np.abs(lines.length_m - drawn)
    longer = np.maximum(lines.length_m, drawn)
    off = (apart > LENGTH_SLACK_M) & (apart > LENGTH_TOLERANCE * longer)
    for row in np.flatnonzero(off & (lines.length_m > 0.0) & (drawn > 0.0)).tolist():
        message = f"has length_m {lines.length_m[row]:.0f} and is drawn {drawn[row]:.0f} m long"
        subject.find("length_mismatch", "line_section", row, message)


def line_ends(subject: Subject) -> None:
    """Lines drawn to end far from their nodes, and those that are only drawn the other way round."""
    topology = subject.topology
    lines, nodes = topology.tables.lines, topology.tables.nodes
    start, end = topology.edge_from[: len(lines)], topology.edge_to[: len(lines)]
    rows = np.flatnonzero((start >= 0) & (end >= 0))
    if not rows.size:
        return
    first, last = lines.coords[lines.offsets[rows]], lines.coords[lines.offsets[rows + 1] - 1]
    from_xy, to_xy = nodes.xy[start[rows]], nodes.xy[end[rows]]
    at_from, at_to = _apart_m(first, from_xy), _apart_m(last, to_xy)
    turned = np.maximum(_apart_m(first, to_xy), _apart_m(last, from_xy))
    far = np.maximum(at_from, at_to) > FAR_M
    for place in np.flatnonzero(far).tolist():
        row = int(rows[place])
        if turned[place] <= FAR_M:
            subject.find("drawn_backwards", "line_section", row, "is drawn from to_node to from_node")
            continue
        for metres, name, node in (
            (at_from[place], "from_node", start[row]),
            (at_to[place], "to_node", end[row]),
        ):
            if metres > FAR_M:
                message = f"is drawn to end {metres:.0f} m from its {name} {subject.node_id(int(node))}"
                subject.find("end_far_from_node", "line_section", row, message)


def drawn_lengths_m(coords: Floats, offsets: npt.NDArray[np.int64]) -> Floats:
    """Length of each line in metres, float64 `(n,)`, from flat lon/lat coordinates."""
    line = np.repeat(np.arange(offsets.size - 1), np.diff(offsets))
    within = line[1:] == line[:-1]
    steps = _apart_m(coords[:-1][within], coords[1:][within])
    lengths = np.bincount(line[1:][within], weights=steps, minlength=offsets.size - 1)
    return lengths.astype(np.float64)


def _apart_m(there: Floats, here: Floats) -> Floats:
    if not len(there):
        return np.zeros(0)
    _, _, metres = _EARTH.inv(there[:, 0], there[:, 1], here[:, 0], here[:, 1])
    return np.asarray(metres, np.float64)
