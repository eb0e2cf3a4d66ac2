"""What the size of a province costs: start, memory, a switch operation, and the same question at every size.

The largest province has ten million customers unless told otherwise. Memory and start are those of a process
of its own, which maps the snapshots.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from benchmarks.measured_process import QUESTIONS as QUESTIONS_ASKED
from benchmarks.measured_process import Process
from benchmarks.outage_graphs import Components
from benchmarks.outage_sql import as_rows, customers_lost
from benchmarks.pairing import Ask, Limit, Match, median_seconds
from benchmarks.province import Ground, ground, province_directory
from benchmarks.setting import Setting
from gis_service.kernels.compiled import I32
from gis_service.tracing.change import Change
from gis_service.tracing.outs import NOTHING, Outs

NAMES = ("question-", "province-switching", "province-start", "province-memory")
SIZES = (10_000, 100_000, 1_000_000)
BANDS = {"switch": (50, 150), "feeder": (1_000, 2_000)}
OPERATIONS, QUESTIONS, SEARCHED = 400, 40, 3
_GIB = 2**30


def contests(setting: Setting) -> Iterator[Match | Limit]:
    """Questions at every size up to the largest, then what the largest alone has to show."""
    sizes = [*(size for size in SIZES if size < setting.largest), setting.largest]
    for size in sizes:
        here = ground(setting, size)
        peer = Components(here)
        for what, (low, high) in BANDS.items():
            asked = _answering(here, low, high, setting.some(QUESTIONS))
            if not asked:
                continue
            ours, theirs = customers_lost(here), _searching(peer)
            few = asked[:SEARCHED]
            yield Match(
                name=f"question-{what}-{size}",
                work=f"ids of the {low:,} to {high:,} customers that a switch puts out, of {size:,}",
                peer="scipy connected_components of the whole network, matrix ready made",
                ours=partial(median_seconds, ours, asked),
                theirs=partial(median_seconds, theirs, few),
                equal=partial(_equal, ours, theirs, few),
                rounds=3,
            )
    yield _switching(setting, ground(setting, setting.largest))
    directory = province_directory(setting, setting.largest)
    process = Process([str(directory)], directory)

    right = partial(answered_right, setting, process)
    of = f"{setting.largest:,} customers"
    for name, cached in (("province-start", True), ("province-start-cold", False)):
        yield Limit(
            name=name,
            work=f"from starting a process to its first answer, {of}, "
            f"snapshots {'in' if cached else 'not in'} the system's cache",
            limit=10.0,
            measure=partial(process.start, cached=cached),
            right=right,
            rounds=3,
        )
    yield Limit(
        name="province-memory",
        work=f"peak memory of that process after {QUESTIONS_ASKED:,} outage questions, {of}",
        limit=3.0,
        measure=lambda: process.last["peak_bytes"] / _GIB,
        right=right,
        unit="GiB",
        rounds=1,
    )


def _equal(ours: Ask, theirs: Ask, questions: Sequence[int]) -> bool:
    return all(as_rows(ours(question)) == as_rows(theirs(question)) for question in questions)


def _answering(here: Ground, low: int, high: int, number: int) -> list[int]:
    """Random closed switches that put so many customers out."""
    forest, offset = here.supply.forest, here.supply.customers.offset
    found: list[int] = []
    for edge in here.random_switches(40 * number, seed=23):
        start = forest.below[edge]
        if low <= offset[forest.end[start]] - offset[start] <= high:
            found.append(edge)
    return found[:number]


def _searching(peer: Components) -> Any:
    return lambda edge: np.flatnonzero(peer.dark_customers(np.array([edge])))


def _switching(setting: Setting, here: Ground) -> Limit:
    """A switch is operated, and with the new state it is asked what another one puts out."""
    topology = here.topology
    first = topology.first_edge("switch")
    stream = np.random.default_rng(24)
    closed = here.closed_switches()
    pairs = stream.choice(closed, (setting.some(OPERATIONS), 2)).tolist()
    here.state.moved_from(topology.switchgear.normal_open)

    def ask(operated: int, out: int) -> I32:
        state = here.state.with_switching([operated - first], [True])
        lost, _ = Change(topology, state, outs=Outs(NOTHING, np.array([out]), NOTHING)).lost_and_gained()
        return lost

    def measure() -> float:
        spent: list[float] = []
        for operated, out in pairs:
            begin = time.perf_counter()
            ask(operated, out)
            spent.append(time.perf_counter() - begin)
        return float(np.median(spent))

    def right() -> bool:
        peer = Components(here)
        return all(
            as_rows(ask(operated, out))
            == np.flatnonzero(
                peer.dark_customers(np.array([operated, out])) & ~peer.dark_customers(np.array([operated]))
            ).tolist()
            for operated, out in pairs[:SEARCHED]
            if operated != out
        )

    return Limit(
        name="province-switching",
        work=f"a switch operation and the next outage question, {setting.largest:,} customers",
        limit=100e-6,
        measure=measure,
        right=right,
    )


def answered_right(setting: Setting, process: Process) -> bool:
    """Whether the process' first answer is what scipy finds in the largest province."""
    here = ground(setting, setting.largest)
    edge = here.topology.first_edge("switch") + int(process.last["switch"])
    dark = Components(here).dark_customers(np.array([edge]))
    return int(dark.sum()) == int(process.last["customers"])
