"""A 110/10 kV substation: source, transformers, two sections of busbar, a head breaker for each feeder.

Draws nothing outside the fence. Two transformers work apart, each on its section, with the section breaker
open; in a few substations they work in parallel, which makes a loop.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gis_service.ingest.spec import SWITCH_KINDS
from gis_service.province.drawing import Drawing
from gis_service.province.equipment import BUSBAR, HIGH_KV, MEDIUM_KV
from gis_service.province.layout import Layout

BREAKER = SWITCH_KINDS.index("breaker")
DISCONNECTOR = SWITCH_KINDS.index("disconnector")

_PARALLEL = 0.10
"""Part of the substations whose transformers work in parallel."""


@dataclass(frozen=True)
class Yard:
    """What was built: the source's node, each power transformer's nodes, and the feeders' first nodes."""

    source: int
    transformers: list[tuple[int, int]]
    heads: list[int]
    parallel: bool


def draw_substation(pen: Drawing, layout: Layout, x: float, y: float, stream: np.random.Generator) -> Yard:
    """Draw the substation at `x`, `y`; one transformer for up to three feeders, else two."""
    source = pen.node(x, y + 40.0, HIGH_KV, in_substation=True)
    number = 1 if len(layout.trunks) <= 3 else 2
    parallel = bool(stream.random() < _PARALLEL) and number == 2
    transformers, bays = [], []
    for k in range(number):
        at = x + (20.0 * k - 10.0 if number == 2 else 0.0)
        high = pen.node(at, y + 30.0, HIGH_KV, in_substation=True)
        pen.switch(BREAKER, source, high, 1250.0, remote=True)
        low = pen.node(at, y + 22.0, MEDIUM_KV, in_substation=True)
        transformers.append((high, low))
        incomer = pen.node(at, y + 16.0, MEDIUM_KV, in_substation=True)
        pen.switch(BREAKER, low, incomer, 3150.0, remote=True)
        far = pen.node(at + (-14.0 if k == 0 else 14.0), y + 16.0, MEDIUM_KV, in_substation=True)
        pen.line(incomer, far, BUSBAR)
        bays.append((incomer, far))
    if number == 2:
        pen.switch(BREAKER, bays[0][0], bays[1][0], 3150.0, normal_open=not parallel, remote=True)
    heads = []
    for trunk in layout.trunks:
        # Neighbouring streets come from different sections of the busbar.
        bay = bays[trunk.column % number][(trunk.number // 4) % 2]
        place = x + 3.0 * (trunk.number - len(layout.trunks) / 2.0)
        head = pen.node(place, y + 10.0, MEDIUM_KV, in_substation=True)
        pen.switch(BREAKER, bay, head, 1250.0, remote=True, head_of=trunk.number)
        heads.append(head)
    return Yard(source, transformers, heads, parallel)
