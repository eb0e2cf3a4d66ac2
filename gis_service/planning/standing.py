"""Whether those who were admitted before keep their limits of voltage beside a customer more.

A scheme is proved for the customer who is added, and its loadings are those of elements that all of its
supply path carry: what flows elsewhere stays. Voltage does not: it falls for everybody behind the same tap
changer. Every node with customers, and the end of every line that is reserved, is held against the limits of
its level; what broke a limit before is no reason to refuse.

Most additions are told to be harmless by a bound (`kernels.tolerances`), which their chain has tried already.
For the rest the flow over all that the voltage is held for is worked out anew, with the new customer and his
line in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gis_service.kernels.compiled import F64, I32, I64
from gis_service.kernels.feeders import Feeders, feeders_at_work
from gis_service.kernels.radial import way_up
from gis_service.kernels.tolerances import LEAST_PU, Tolerances, tolerances
from gis_service.planning.reserved import just_there
from gis_service.planning.supply_tree import OWN_LINE, TRANSFORMER

if TYPE_CHECKING:
    from gis_service.planning.reckoned import Reckoned

SLACK = 1e-9
_BASE_KVA = 1000.0
_BOUND_BY = 2e-6
"""Per unit: a bound that is nearer than this is looked at; voltages of chains are within 1e-6."""

_KEPT = 4096


class Joining(NamedTuple):
    """One supply of a customer more: a position, the portion of its edge, and his line, per unit."""

    at: int
    portion: float
    r: float
    x: float


class Broken(NamedTuple):
    """A limit that somebody kept before and would not keep after.

    limit : `voltage_drop` or `lowest_voltage`
    position : where
    node : row of the node; -1 where it is the end of a reserved supply's own line
    reservation : whose line that is; -1 where it is a node
    before, after : per cent for `voltage_drop`, per unit for `lowest_voltage`
    """

    limit: str
    position: int
    node: int
    reservation: int
    before: float
    after: float
    allowed: float


@dataclass(frozen=True, eq=False)
class _Places:
    """Who has limits to keep, by position, ascending.

    at, begin : position, and that where his level begins
    end, drop : per unit, and per cent, at present
    lowest, most : what is allowed; -inf and inf where he does not keep it at present
    """

    at: I64
    begin: I64
    end: F64
    drop: F64
    lowest: F64
    most: F64


@dataclass(frozen=True, eq=False)
class _Zone:
    """All that one voltage is held for: positions ascending, and of each where its parent is among them."""

    at: I64
    parent: I32
    places: I64


class Standing:
    """Those admitted before to a reckoned tree; what was looked at is kept, so it may be asked again."""

    def __init__(self, reckoned: Reckoned) -> None:
        self._reckoned = reckoned
        self._zones: dict[int, _Zone] = {}
        self._verdicts: dict[tuple[int, float, float], list[tuple[float, float, bool]]] = {}

    def spares(self, joining: Joining, kva: float, spare: float) -> bool:
        """Whether one supply harms nobody.

        Parameters
        ----------
        spare
            What its chain left to others, as in `Chains`.
        """
        if spare > _BOUND_BY and not self._above(joining.at):
            return True
        key = joining.at, joining.portion, kva
        known = self._verdicts.get(key, [])
        for r, x, spares in known:
            # the more a line loses, the more harm it does
            if spares and joining.r <= r and joining.x <= x:
                return True
            if not spares and joining.r >= r and joining.x >= x:
                return False
        found = not self.broken([joining], kva)
        known = [*known, (joining.r, joining.x, found)]
        if not found and joining.r + joining.x > 0.0:
            without = joining._replace(r=0.0, x=0.0)
            known.append((0.0, 0.0, not self.broken([without], kva)))
        if len(self._verdicts) >= _KEPT:
            self._verdicts.clear()
        self._verdicts[key] = known
        return found

    def spared_by_two(self, one: Joining, other: Joining, kva: float) -> bool:
        """Whether two supplies of one customer harm nobody together, where neither does alone."""
        tree, begins = self._reckoned.tree, self._reckoned.begins
        if begins[one.at] != begins[other.at]:
            return True
        shared = np.intersect1d(way_up(tree.parent, one.at), way_up(tree.parent, other.at))
        if shared.size and shared[-1] != begins[one.at]:
            return not self.broken([one, other], kva)
        return True

    def broken(
        self, joining: Sequence[Joining], kva: float, *, changed: tuple[F64, F64] | None = None
    ) -> list[Broken]:
        """The limits of voltage that a customer more breaks for others, the worst first.

        Parameters
        ----------
        joining
            His supplies; what they share he burdens once.
        changed
            Resistance and reactance of all edges instead of the present ones.
        """
        reckoned = self._reckoned
        parent = reckoned.tree.parent
        way = np.unique(np.concatenate([way_up(parent, one.at) for one in joining]))
        found: list[Broken] = []
        for begin in np.unique(reckoned.begins[way]).tolist():
            zone = self._zone(begin)
            if zone.places.size:
                found += self._compared(zone, self._flow(zone, way, joining, kva, changed))
        return sorted(found, key=lambda one: (-_beyond(one), one.node, one.reservation))

    @cached_property
    def tolerances(self) -> Tolerances:
        """How far each place may fall before somebody behind it would break a limit."""
        reckoned, places = self._reckoned, self._places
        n = reckoned.tree.size
        lowest, drop = np.full(n, np.inf), np.full(n, np.inf)
        low = np.where(places.end < LEAST_PU, 0.0, places.end - places.lowest)
        fall = np.where(places.end < LEAST_PU, 0.0, (places.most - places.drop) / 100.0)
        lowest[places.at] = np.where(np.isfinite(places.lowest), low, np.inf)
        drop[places.at] = np.where(np.isfinite(places.most), fall, np.inf)
        return Tolerances(
            *tolerances(
                reckoned.tree.parent, reckoned.holding, reckoned.tree.kind == TRANSFORMER, lowest, drop
            )
        )

    @cached_property
    def _places(self) -> _Places:
        reckoned = self._reckoned
        tree, rules = reckoned.tree, reckoned.rules
        own = tree.customers.copy()
        np.subtract.at(own, tree.parent[1:], tree.customers[1:])
        if tree.reserved is not None:
            # two supplies of one customer are taken off once where they meet
            _, met = just_there(tree, tree.reserved, tree.reserved_at)
            own -= np.where(tree.kind == OWN_LINE, 0, met.round().astype(np.int64))
        at = np.flatnonzero(own > 0)
        at = at[at > 0].astype(np.int64)
        volts: F64 = np.abs(reckoned.present.volts)
        transformer = tree.transformer[at].astype(np.int64)
        begin = np.where(transformer > 0, transformer, np.maximum(reckoned.begins[at], 0)).astype(np.int64)
        end, drop = volts[at], 100.0 * (volts[begin] - volts[at])
        lowest, most = np.full(at.size, -np.inf), np.full(at.size, np.inf)
        kv, of = np.unique(tree.kv[at], return_inverse=True)
        for number, value in enumerate(kv.tolist()):
            level = rules.level_of(float(value))
            if level is not None:
                mine = of.ravel() == number
                lowest[mine] = rules.limits.lowest_pu.of(level)
                most[mine] = rules.limits.voltage_drop_percent.of(level)
        lowest[end < lowest - SLACK] = -np.inf
        most[drop > most + SLACK] = np.inf
        return _Places(at, begin, end, drop, lowest, most)

    def _zone(self, begin: int) -> _Zone:
        """What the voltage at a position is held for, itself the first."""
        if begin not in self._zones:
            reckoned = self._reckoned
            at = np.flatnonzero(reckoned.begins == begin).astype(np.int64)
            parent = np.searchsorted(at, reckoned.tree.parent[at]).astype(np.int32) + 1
            parent[0] = 0
            mine = reckoned.begins[self._places.at] == begin
            if (
                not reckoned.present.settled
                and self._flow(_Zone(at, parent, at[:0]), at[:0], [], 0.0) is None
            ):
                mine = np.zeros(mine.size, np.bool_)  # more is drawn here than can be: nobody keeps a limit
            self._zones[begin] = _Zone(at, parent, np.flatnonzero(mine).astype(np.int64))
        return self._zones[begin]

    def _above(self, at: int) -> bool:
        """Whether somebody has limits to keep in front of where the voltage of a position is held."""
        reckoned = self._reckoned
        above = int(reckoned.tree.parent[max(int(reckoned.begins[at]), 0)])
        while above > 0:
            begin = int(reckoned.begins[above])
            if self._zone(begin).places.size:
                return True
            above = int(reckoned.tree.parent[begin])
        return False

    def _flow(
        self,
        zone: _Zone,
        way: I64,
        joining: Sequence[Joining],
        kva: float,
        changed: tuple[F64, F64] | None = None,
    ) -> F64 | None:
        """The voltages of a zone with a customer more; None where there are none.

        Position 0 of the arrays is the supply; a tapped edge becomes two, and own lines come last.
        """
        reckoned = self._reckoned
        s, n = kva / _BASE_KVA, zone.at.size
        load = reckoned.before[zone.at] / _BASE_KVA
        on_way = np.intersect1d(zone.at, way, assume_unique=True, return_indices=True)[1]
        with_him = reckoned.after_none[zone.at] + reckoned.share_after[zone.at] * s
        tapped = [one.at for one in joining if one.portion < 1.0]
        on_way = on_way[~np.isin(zone.at[on_way], tapped)]
        load[on_way] = with_him[on_way]
        r, x = (np.append(0.0, column[zone.at]) for column in (changed or (reckoned.r, reckoned.x)))
        parent, load, place = zone.parent, np.append(0.0, load), np.arange(1, n + 1)
        parent = np.append(np.int32(0), parent)
        for one in joining:
            k = int(np.searchsorted(zone.at, one.at))
            if k == n or zone.at[k] != one.at:
                continue
            on = int(place[k])
            if one.portion < 1.0:
                parent = np.insert(np.where(parent >= on, parent + 1, parent), on, parent[on])
                parent[on + 1] = on
                load = np.insert(load, on, with_him[k])
                r, x = (np.insert(column, on, column[on] * one.portion) for column in (r, x))
                r[on + 1] *= 1.0 - one.portion
                x[on + 1] *= 1.0 - one.portion
                place = np.where(place >= on, place + 1, place)
            parent, load = np.append(parent, np.int32(on)), np.append(load, s)
            r, x = np.append(r, one.r), np.append(x, one.x)
        begins = np.zeros(parent.size, np.bool_)
        begins[1] = True
        found = Feeders(
            *feeders_at_work(
                parent.astype(np.int32),
                begins,
                np.full(parent.size, reckoned.held[zone.at[0]]),
                r,
                x,
                load,
                reckoned.cosine,
                reckoned.sine,
            )
        )
        volts: F64 = np.abs(found.volts[place])
        return volts if found.settled else None

    def _compared(self, zone: _Zone, volts: F64 | None) -> list[Broken]:
        """The places of a zone at new voltages, held against the limits that they keep at present."""
        places, reckoned = self._places, self._reckoned
        mine = zone.places
        at = places.at[mine]
        if volts is None:
            end, drop = np.zeros(at.size), np.full(at.size, 100.0)
        else:
            end = volts[np.searchsorted(zone.at, at)]
            drop = 100.0 * (volts[np.searchsorted(zone.at, places.begin[mine])] - end)
        found: list[Broken] = []
        for limit, was, becomes, allowed, broken in (
            ("voltage_drop", places.drop, drop, places.most, drop > places.most[mine] + SLACK),
            ("lowest_voltage", places.end, end, places.lowest, end < places.lowest[mine] - SLACK),
        ):
            for k in np.flatnonzero(broken).tolist():
                place = int(at[k])
                found.append(
                    Broken(
                        limit,
                        place,
                        int(reckoned.tree.node[place]),
                        self._reservation_at(place),
                        float(was[mine[k]]),
                        float(becomes[k]),
                        float(allowed[mine[k]]),
                    )
                )
        return found

    def _reservation_at(self, position: int) -> int:
        tree = self._reckoned.tree
        if tree.reserved is None or tree.kind[position] != OWN_LINE:
            return -1
        return int(tree.reserved.reservation[np.flatnonzero(tree.reserved_at == position)[0]])


def _beyond(one: Broken) -> float:
    """How far a limit would be exceeded, in per unit."""
    far = abs(one.after - one.allowed)
    return far / 100.0 if one.limit == "voltage_drop" else far
