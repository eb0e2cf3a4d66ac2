"""The best schemes of small questions are those that listing every scheme finds, cost for cost."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from gis_service.planning.explain import scheme
from gis_service.planning.headroom import headroom_at
from gis_service.planning.pareto import pareto_front
from gis_service.planning.rules import Conductor
from gis_service.planning.search import Load
from tests.kernels.test_powerflow import voltages_of_power_grid_model
from tests.planning.enumeration import grown_tree, keeps, voltages
from tests.planning.listed import cheapest, cheapest_of, listed
from tests.planning.small import random_areas, random_question

INSTANCES = 1000
BATCHES = 10
WITH_AREAS = 500


@pytest.mark.parametrize("batch", range(BATCHES))
def test_the_best_schemes_are_those_of_listing_every_one(batch: int) -> None:
    empty = 0
    for seed in range(batch * INSTANCES // BATCHES, (batch + 1) * INSTANCES // BATCHES):
        question = random_question(seed)
        expected = [one.cost for one in cheapest(question)][:4]
        found = [choice.cost for choice in islice(question.search.best(), 4)]
        assert found == pytest.approx(expected, rel=1e-9), seed
        empty += not expected
    assert empty < 0.6 * INSTANCES / BATCHES  # the questions are not all impossible


def test_those_admitted_before_make_a_difference_to_the_best_schemes() -> None:
    differ = dearer = 0
    for seed in range(200):
        question = random_question(seed, crowded=True)
        alone = [one.cost for one in cheapest_of(listed(question, beside_others=False))]
        found = [choice.cost for choice in question.search.best()]
        assert found == pytest.approx([one.cost for one in cheapest(question)], rel=1e-9), seed
        assert len(found) <= len(alone)
        assert all(cost >= least * (1 - 1e-9) for cost, least in zip(found, alone, strict=False))
        differ += found != pytest.approx(alone, rel=1e-9)
        dearer += bool(found) and found[0] > alone[0] * (1 + 1e-9)
    assert differ >= 10
    assert dearer >= 3


@pytest.mark.parametrize("batch", range(BATCHES))
def test_the_best_schemes_with_areas_are_those_of_listing_every_one(batch: int) -> None:
    some = matters = 0
    for seed in range(batch * WITH_AREAS // BATCHES, (batch + 1) * WITH_AREAS // BATCHES):
        areas = random_areas(seed)
        question = random_question(seed, areas=areas)
        expected = [one.cost for one in cheapest(question)][:4]
        found = [choice.cost for choice in islice(question.search.best(), 4)]
        assert found == pytest.approx(expected, rel=1e-9), seed
        some += bool(expected)
        without = random_question(seed)
        best, free = (next(one.search.best(), None) for one in (question, without))
        assert best is None or (free is not None and free.cost <= best.cost * (1 + 1e-12)), seed
        matters += best is not None and free is not None and free.cost < best.cost - 1
    assert some > 0.1 * WITH_AREAS / BATCHES
    assert matters > 0


def test_headroom_is_the_largest_customer_that_listing_accepts() -> None:
    ideal = Conductor(
        name="none", level="low", construction="overhead", r_ohm_per_km=0, x_ohm_per_km=0,
        rated_current_a=1e9, cost_per_m=0,
    )  # fmt: skip
    of_others = 0
    for seed in range(60):
        question = random_question(seed, crowded=seed % 2 == 1)
        rules = question.rules
        for block in question.blocks:
            for place in range(len(block.sites)):
                site = block.sites.site(place)
                if site.node < 0 or block.reckoned.radius_m[block.sites.at[place]] > rules.limits.radius_m(
                    block.level
                ):
                    continue
                found = headroom_at(block.reckoned, int(block.sites.at[place]))
                of_others += found.limit.endswith("_of_others")
                for factor, fits in ((0.999, True), (1.001, False)):
                    kva = found.kva * factor + (0.0 if fits else 1e-3)
                    if found.limit == "supply_voltage" and not fits:
                        continue
                    if kva > 0.0:
                        load = Load(kva, 7)
                        assert keeps(block, place, site, ideal, 0.0, rules, load) == fits, (seed, site)
    assert of_others > 0


def test_schemes_do_not_depend_on_how_the_province_is_cut() -> None:
    for seed in range(40):
        whole, cut = (random_question(seed, feeders=2, cut=cut) for cut in (False, True))
        told = []
        for question in (whole, cut):
            schemes = [scheme(choice, k) for k, choice in enumerate(islice(question.search.best(), 4))]
            told.append([_without_counties(one) for one in schemes])
        assert told[0] == told[1], seed


def _without_counties(value: object) -> object:
    if isinstance(value, dict):
        return {key: _without_counties(one) for key, one in value.items() if key != "county_code"}
    return [_without_counties(one) for one in value] if isinstance(value, list) else value


def test_the_pareto_set_is_that_of_comparing_every_scheme_with_every_other() -> None:
    sizes = []
    for seed in range(60):
        search = random_question(seed, crowded=seed % 2 == 1).search
        every: list[tuple[float, float, float]] = []
        for offers in search.offers:
            chains = offers.chains(offers.screened)
            held = offers.block.reckoned.held[offers.at[offers.screened]]
            for row, holds in enumerate(offers.holds(offers.screened, chains).tolist()):
                if holds:
                    cost = float(offers.cost[offers.screened[row]])
                    loss = float(chains.loss_after[row] - chains.loss_before[row])
                    every.append((cost, float(held[row] - chains.end[row]), loss))
        expected = {
            one
            for one in every
            if not any(
                other != one and all(a <= b for a, b in zip(other, one, strict=True)) for other in every
            )
        }
        front = pareto_front(search)
        found = [
            (
                choice.cost,
                float(choice.offers.block.reckoned.held[choice.at] - choice.chains.end[choice.row]),
                float(choice.chains.loss_after[choice.row] - choice.chains.loss_before[choice.row]),
            )
            for choice in front.choices
        ]
        assert front.whole
        assert sorted(found) == found
        assert set(found) == expected
        sizes.append(len(found))
    assert max(sizes) > 3


def test_voltages_are_those_of_power_grid_model_over_all_that_the_source_feeds() -> None:
    schemes = 0
    for seed in range(60):
        question = random_question(seed)
        for choice in islice(question.search.best(), 3):
            offers, tables = choice.offers, question.topology.tables
            length = float(offers.routes.found.length[choice.way])
            tree = grown_tree(tables, question.rules, choice.site, offers.conductor, length, question.load)
            z = np.where(tree.z == 0, 1e-10, tree.z)  # its matrix has no place for a switch without impedance
            volts = np.abs(voltages_of_power_grid_model((tree.parent, z, tree.s), source_va=1e15))
            assert choice.chains.end[choice.row] == pytest.approx(volts[-1], abs=1e-6), seed
            attached = volts[tree.names.index(tree.way[-2])]
            assert choice.chains.attach[choice.row] == pytest.approx(attached, abs=1e-6), seed
            schemes += 1
    assert schemes > 60


def test_voltages_are_those_of_sweeps_over_the_whole_tree() -> None:
    for seed in range(100):
        question = random_question(seed)
        for choice in islice(question.search.best(), 3):
            length = float(choice.offers.routes.found.length[choice.way])
            flow = voltages(
                choice.offers.block,
                choice.site,
                choice.offers.conductor,
                length,
                question.rules,
                question.load,
            )
            assert flow is not None
            assert choice.chains.end[choice.row] == pytest.approx(flow[-1], abs=1e-6)
