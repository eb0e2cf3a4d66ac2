"""A supply tree under a rule book: how loaded everything is, how much room is left, how voltage falls.

Per unit on 1 MVA and each element's own voltage, balanced over the phases. The load of an element is the
contracted power below it times the coincidence of so many customers. A rating or impedance that is not known
limits nothing and lets no voltage fall, and is told as `unknown` by whoever uses it.

A voltage is reckoned from where it is held: the low side of the last transformer that is fed from above
`limits.regulated_above_kv`, else the source.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from gis_service.kernels.chains import Chains, Runs, chain_voltages, runs_of
from gis_service.kernels.compiled import B1, F64, I32, I64
from gis_service.kernels.feeders import Feeders, feeders_at_work, shares_drawn, voltages_held
from gis_service.kernels.radial import largest_below, sum_down, tightest
from gis_service.kernels.tolerances import NOBODY
from gis_service.planning.rules.book import Rules
from gis_service.planning.single_points import Exposure, exposure
from gis_service.planning.standing import Standing
from gis_service.planning.supply_tree import LINE, OWN_LINE, SOURCE, SWITCH, TRANSFORMER, SupplyTree

_BASE_KVA = 1000.0


@dataclass(frozen=True, eq=False)
class Reckoned:
    """Arrays by position of the tree; kVA where not said otherwise.

    rules : those of the question that had it reckoned first; of later ones only prices may differ
    r, x : of the edge that leads here, per unit
    rated, capacity : its rating, and how much of it may be used; inf where the rating is not known
    unknown : whether its rating or its impedance is not known
    """

    tree: SupplyTree
    rules: Rules
    r: F64
    x: F64
    rated: F64
    capacity: F64
    unknown: B1
    _exposures: dict[int, Exposure] = field(default_factory=dict)

    def exposure(self, phases: int) -> Exposure:
        """Which edges are the only way for some phases; kept."""
        if phases not in self._exposures:
            self._exposures[phases] = exposure(self.tree, phases)
        return self._exposures[phases]

    @property
    def cosine(self) -> float:
        """Active share of apparent power."""
        return self.rules.load.power_factor

    @property
    def sine(self) -> float:
        """Reactive share."""
        return float(np.sqrt(max(0.0, 1.0 - self.cosine**2)))

    @cached_property
    def _shares(self) -> tuple[F64, F64]:
        return shares_drawn(self.tree.customers, *self.rules.load.steps)

    @property
    def share(self) -> F64:
        """Coincidence of the customers below."""
        return self._shares[0]

    @property
    def share_after(self) -> F64:
        """The same with one customer more."""
        return self._shares[1]

    @cached_property
    def before(self) -> F64:
        """The load of each edge; an own line carries all that its one customer contracts for."""
        load: F64 = np.where(self.tree.kind == OWN_LINE, self.tree.kva, self.tree.kva * self.share)
        return load

    @cached_property
    def room(self) -> tuple[F64, I32]:
        """How large a customer may still come, as far as loading goes, and the position that says so."""
        room = np.where(np.isfinite(self.capacity), self.capacity / self.share_after - self.tree.kva, np.inf)
        # one customer more lowers the coincidence of few; what is overloaded now has no room for all that
        room = np.where(self.before > self.capacity, np.minimum(room, 0.0), room)
        return tightest(self.tree.parent, room)

    def after(self, positions: I64, kva: float) -> F64:
        """The load of some edges with a customer more below them, never less than it is now."""
        load = (self.tree.kva[positions] + kva) * self.share_after[positions]
        most: F64 = np.maximum(load, self.before[positions])
        return most

    @cached_property
    def _where_held(self) -> tuple[B1, B1, I32, F64]:
        tree, limits = self.tree, self.rules.limits
        return voltages_held(
            tree.parent,
            tree.kind,
            TRANSFORMER,
            tree.kv,
            tree.source_pu,
            limits.regulated_above_kv,
            limits.busbar_pu,
        )

    @property
    def regulated(self) -> B1:
        """Where a tap changer holds the voltage."""
        return self._where_held[0]

    @property
    def holding(self) -> B1:
        """Where a voltage is held: by a tap changer or a source."""
        return self._where_held[1]

    @property
    def begins(self) -> I32:
        """Position at which the voltage of each is held: behind the last tap changer, or the source."""
        return self._where_held[2]

    @property
    def held(self) -> F64:
        """The voltage there, per unit."""
        return self._where_held[3]

    @cached_property
    def _z(self) -> F64:
        """Fall of voltage per unit of apparent power, in the edge that leads here."""
        z: F64 = self.r * self.cosine + self.x * self.sine
        return z / _BASE_KVA

    @cached_property
    def fall(self) -> Falls:
        """What falls along the whole way, from where voltage is held."""
        return self._falls(self._z, self.holding)

    @cached_property
    def level_fall(self) -> Falls:
        """What falls along the lines of the level, from its last transformer on."""
        return self._falls(np.where(self.tree.kind == LINE, self._z, 0.0), self._level_begins)

    @cached_property
    def radius_m(self) -> F64:
        """Metres of line from the last transformer, or the source, to each position."""
        return sum_down(self.tree.parent, self.tree.length_m, self._level_begins)

    @cached_property
    def _level_begins(self) -> B1:
        begins: B1 = (self.tree.kind == TRANSFORMER) | (self.tree.kind == SOURCE)
        return begins

    def _falls(self, z: F64, again: B1) -> Falls:
        tree = self.tree
        return Falls(
            sum_down(tree.parent, z * self.before, again),
            sum_down(tree.parent, z * tree.kva * self.share_after, again),
            sum_down(tree.parent, z * self.share_after, again),
        )

    @cached_property
    def present(self) -> Feeders:
        """Voltages and losses without the customer: a power flow over all that each held voltage feeds."""
        load = self.before / _BASE_KVA
        found = Feeders(
            *feeders_at_work(
                self.tree.parent, self.holding, self.held, self.r, self.x, load, self.cosine, self.sine
            )
        )
        return found if found.settled else self._present_by_tree(load)

    def _present_by_tree(self, load: F64) -> Feeders:
        """The same, where one tree does not settle: the others as they are, that one by its linear fall."""
        tree, n = self.tree, self.tree.size
        fallen = self.held - self.fall.before / self.held
        volts = fallen.astype(np.complex128)
        edge_loss, below_loss = np.zeros(n, np.complex128), np.zeros(n, np.complex128)
        deepest = np.maximum(np.abs(volts) + largest_below(tree.parent, -np.abs(volts)), 0.0)
        for begin in np.flatnonzero(self.holding).tolist():
            mine = self.begins == begin
            alone = feeders_at_work(
                tree.parent,
                self.holding,
                self.held,
                self.r,
                self.x,
                np.where(mine, load, 0.0),
                self.cosine,
                self.sine,
            )
            found = Feeders(*alone)
            if found.settled:  # else: more than can be supplied, which the limits will say
                volts[mine], edge_loss[mine] = found.volts[mine], found.edge_loss[mine]
                below_loss[mine], deepest[mine] = found.below_loss[mine], found.deepest[mine]
        return Feeders(volts, edge_loss, below_loss, deepest, False)

    @cached_property
    def standing(self) -> Standing:
        """Those admitted before, and whether they keep their limits beside a customer more."""
        return Standing(self)

    @cached_property
    def _runs(self) -> Runs:
        """Elements in series between which nothing leaves, as one."""
        present = self.present
        return Runs(
            *runs_of(
                self.tree.parent,
                self.holding,
                self.tree.kind == TRANSFORMER,
                self.r,
                self.x,
                self.after_none,
                self.tree.customers,
                present.edge_loss,
                present.below_loss,
            )
        )

    def _each_alone(self, r: F64, x: F64) -> Runs:
        """Elements that are changed, none of them joined with another."""
        alone = np.arange(self.tree.size, dtype=np.int32)
        return Runs(np.maximum(self.tree.parent, 0).astype(np.int32), alone, r, x, self._runs.way_loss)

    @cached_property
    def after_none(self) -> F64:
        """What flows through each edge with a customer of no power below it, per unit."""
        load: F64 = self.tree.kva * self.share_after / _BASE_KVA
        return load

    def chains(
        self,
        at: I64,
        portion: F64,
        kva: float,
        new_kva: float,
        new_r: F64,
        new_x: F64,
        *,
        changed: tuple[F64, F64] | None = None,
        spare: bool = True,
    ) -> Chains:
        """Voltages and losses (kW) along the ways to some places and on along new lines.

        Parameters
        ----------
        at, portion
            Positions, and the portion of the edge that leads there, at which each new line begins.
        kva, new_kva
            What a customer adds to the elements above, and what flows through its own line.
        new_r, new_x
            Impedance of each new line, per unit.
        changed
            Resistance and reactance of all edges instead of the present ones: what a replacement would do.
        spare
            Whether to tell what is spared for others, for which these are looked at once for the whole tree.
        """
        scale = 1.0 / _BASE_KVA
        n = at.size
        r, x = changed or (self.r, self.x)
        found = Chains(
            *chain_voltages(
                self.tree.parent,
                self.begins,
                self.tree.transformer,
                r,
                x,
                *(self._runs if changed is None else self._each_alone(r, x)),
                self.after_none,
                self.share_after,
                self.present.deepest,
                self.held,
                self.present.volts,
                self.present.edge_loss,
                self.present.below_loss,
                *(self.standing.tolerances if spare else NOBODY),
                at.astype(np.int64),
                np.asarray(portion, np.float64),
                np.full(n, kva * scale),
                np.full(n, new_kva * scale),
                np.asarray(new_r, np.float64),
                np.asarray(new_x, np.float64),
                self.cosine,
                self.sine,
            )
        )
        return found._replace(
            loss_before=found.loss_before * _BASE_KVA, loss_after=found.loss_after * _BASE_KVA
        )


@dataclass(frozen=True, eq=False)
class Falls:
    """Fall of voltage along the way to each position: before, and with `s` kVA more `fixed + s · per_kva`."""

    before: F64
    fixed: F64
    per_kva: F64

    def after(self, tree: SupplyTree, at: I64, portion: F64, kva: float) -> F64:
        """With a customer more at some places, of which the last edge counts by its portion."""
        whole = self.fixed[at] + self.per_kva[at] * kva
        above = tree.parent[at]
        upper = self.fixed[above] + self.per_kva[above] * kva
        fall: F64 = np.where(portion < 1.0, upper + portion * (whole - upper), whole)
        return fall


def reckon(tree: SupplyTree, rules: Rules) -> Reckoned:
    """A tree under a rule book: O(positions)."""
    tables, n = tree.topology.tables, tree.size
    r, x = np.zeros(n), np.zeros(n)
    rated = np.full(n, np.inf)
    unknown = np.zeros(n, np.bool_)
    limits = rules.limits

    lines = np.flatnonzero(tree.kind == LINE)
    rows = tree.rows(LINE, lines)
    kv = np.asarray(tables.lines.base_voltage_kv[rows], np.float64)
    base_ohm = np.maximum(kv, 1e-6) ** 2
    r_ohm, x_ohm = (np.asarray(column[rows]) for column in (tables.lines.r_ohm, tables.lines.x_ohm))
    base_ohm = base_ohm / tree.share_of_edge[lines]
    r[lines], x[lines] = np.nan_to_num(r_ohm) / base_ohm, np.nan_to_num(x_ohm) / base_ohm
    current = np.asarray(tables.lines.rated_current_a[rows])
    known = ~np.isnan(current) & (current > 0)
    rated[lines[known]] = np.sqrt(3.0) * kv[known] * current[known]
    unknown[lines] = ~known | np.isnan(r_ohm) | np.isnan(x_ohm)

    switches = np.flatnonzero(tree.kind == SWITCH)
    current = np.asarray(tables.switches.rated_current_a[tree.rows(SWITCH, switches)])
    known = ~np.isnan(current) & (current > 0)
    rated[switches[known]] = np.sqrt(3.0) * tree.kv[switches[known]] * current[known]
    unknown[switches] = ~known

    transformers = np.flatnonzero(tree.kind == TRANSFORMER)
    rows = tree.rows(TRANSFORMER, transformers)
    kva, uk, pk = (
        np.asarray(column[rows], np.float64)
        for column in (
            tables.transformers.rated_kva,
            tables.transformers.uk_percent,
            tables.transformers.pk_kw,
        )
    )
    known = kva > 0
    rated[transformers[known]] = kva[known]
    size = np.where(known, kva, np.inf)
    z = np.nan_to_num(uk) / 100.0 * _BASE_KVA / size
    own_r = np.minimum(np.nan_to_num(pk) / size * _BASE_KVA / size, z)
    r[transformers], x[transformers] = own_r, np.sqrt(z**2 - own_r**2)
    unknown[transformers] = ~known | np.isnan(uk) | np.isnan(pk)

    if tree.reserved is not None:
        conductors = {one.name: one for one in rules.conductor}
        for load in np.flatnonzero(tree.reserved_at > 0).tolist():
            end = int(tree.reserved_at[load])
            own = conductors.get(tree.reserved.conductor[load])
            unknown[end] = own is None
            if own is not None:
                ohm = float(tree.reserved.length_m[load]) / 1000.0 / float(tree.kv[end]) ** 2
                r[end], x[end] = own.r_ohm_per_km * ohm, own.x_ohm_per_km * ohm

    share = np.where(tree.kind == TRANSFORMER, limits.transformer_loading, limits.line_loading)
    return Reckoned(tree, rules, r, x, rated, rated * share, unknown)
