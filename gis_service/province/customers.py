"""Who the customers are: class, phases, contracted power, importance; and the transformer that suits them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gis_service.ingest.spec import CRITICAL_GRADES, CUSTOMER_CLASSES
from gis_service.network.tables import ALL_PHASES
from gis_service.province.districts import Districts
from gis_service.province.equipment import (
    COINCIDENCE_OF_SUBSTATION,
    DISTRIBUTION_KVA,
    LOAD_LOSS_KW,
    POWER_KVA,
    SINGLE_PHASE_KVA,
    next_size,
)
from gis_service.province.kinds import AreaKind

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

RESIDENTIAL, COMMERCIAL, INDUSTRIAL, AGRICULTURAL, PUBLIC = range(len(CUSTOMER_CLASSES))
SPECIAL, FIRST, SECOND, TEMPORARY = range(len(CRITICAL_GRADES))
NO_GRADE = -1

_CLASSES_IN = {
    "rural": (0.905, 0.03, 0.005, 0.05, 0.01),
    "town": (0.885, 0.075, 0.01, 0.015, 0.015),
    "urban": (0.92, 0.06, 0.002, 0.0, 0.018),
}
_CLASSES_DEDICATED = {
    "rural": (0.0, 0.10, 0.40, 0.40, 0.10),
    "town": (0.0, 0.25, 0.55, 0.05, 0.15),
    "urban": (0.0, 0.55, 0.20, 0.0, 0.25),
}
_HOME_KVA = {
    "rural": ((2.0, 0.4), (3.0, 0.4), (4.0, 0.2)),
    "town": ((3.0, 0.4), (4.0, 0.4), (6.0, 0.2)),
    "urban": ((4.0, 0.7), (6.0, 0.3)),
}
_QUANTILES = (0.0, 0.5, 0.9, 1.0)
_OTHER_KVA = {
    COMMERCIAL: (3.0, 8.0, 20.0, 40.0),
    INDUSTRIAL: (10.0, 20.0, 40.0, 60.0),
    AGRICULTURAL: (3.0, 6.0, 12.0, 20.0),
    PUBLIC: (5.0, 12.0, 30.0, 50.0),
}
_DEDICATED_KVA = (40.0, 125.0, 400.0, 1250.0)
_SINGLE_PHASE_HOMES = 0.9
_SECOND_GRADE = 0.02
_TEMPORARY_GRADE = 2e-5
_SPECIAL_OF_DUAL = 0.15
_MOST_SPARE = 0.15
"""Transformers are chosen for up to this part more than is contracted for."""


@dataclass(frozen=True)
class Customers:
    """Customers of an area, in the order of their districts; `phases` 0 where they follow their node's."""

    kind: npt.NDArray[np.int8]
    phases: npt.NDArray[np.uint8]
    grade: npt.NDArray[np.int8]
    contracted_kva: Floats


def make_customers(
    districts: Districts, dual: list[int], kind: AreaKind, stream: np.random.Generator
) -> Customers:
    """The customers of all districts; those of the districts in `dual` have two supplies and are critical."""
    at = districts.customer_district
    alone = districts.dedicated[at]
    mix = np.where(
        alone,
        _drawn(_CLASSES_DEDICATED[kind.name], stream.random(at.size)),
        _drawn(_CLASSES_IN[kind.name], stream.random(at.size)),
    ).astype(np.int8)
    whole = districts.phases[at] == ALL_PHASES
    mix[~whole & (mix == INDUSTRIAL)] = RESIDENTIAL

    chance = stream.random(at.size)
    sizes, shares = zip(*_HOME_KVA[kind.name], strict=True)
    kva = np.array(sizes)[_drawn(shares, chance)]
    for other, kva_at in _OTHER_KVA.items():
        kva = np.where(mix == other, np.rint(np.interp(chance, _QUANTILES, kva_at)), kva)
    large = np.rint(np.interp(chance, _QUANTILES, _DEDICATED_KVA) / districts.customers[at])
    kva = np.where(alone, np.maximum(large, 10.0), kva)

    one = (np.uint8(1) << (stream.random(at.size) * 3.0).astype(np.uint8)).astype(np.uint8)
    single = whole & (mix == RESIDENTIAL) & (stream.random(at.size) < _SINGLE_PHASE_HOMES)
    phases = np.where(single, one, np.where(whole, 0, districts.phases[at])).astype(np.uint8)

    chance = stream.random(at.size)
    grade = np.full(at.size, NO_GRADE, np.int8)
    grade[chance < _TEMPORARY_GRADE] = TEMPORARY
    grade[(mix == PUBLIC) & (chance < _SECOND_GRADE)] = SECOND
    critical = np.isin(at, dual)
    grade[critical] = np.where(chance[critical] < _SPECIAL_OF_DUAL, SPECIAL, FIRST)
    return Customers(mix, phases, grade, kva)


@dataclass(frozen=True)
class Ratings:
    """Transformers of the districts, and those of the substation."""

    kva: Floats
    uk_percent: Floats
    pk_kw: Floats
    power_kva: float


def rate_transformers(
    districts: Districts, customers: Customers, power_transformers: int, stream: np.random.Generator
) -> Ratings:
    """The next standard size above what the customers of each contract for, and something to spare."""
    contracted = np.bincount(
        districts.customer_district, weights=customers.contracted_kva, minlength=districts.customers.size
    )
    single = districts.phases != ALL_PHASES
    wanted = contracted * (1.0 + _MOST_SPARE * stream.random(contracted.size))
    kva = np.where(single, next_size(wanted, SINGLE_PHASE_KVA), next_size(wanted, DISTRIBUTION_KVA))
    uk = np.where(kva <= 500.0, 4.0, np.where(kva <= 1600.0, 4.5, 5.0))
    loss = np.rint(np.interp(kva, DISTRIBUTION_KVA, LOAD_LOSS_KW) * 100.0) / 100.0
    loss = np.where(single, np.rint(kva * 1.5) / 100.0, loss)
    peak = float(contracted.sum()) * COINCIDENCE_OF_SUBSTATION / power_transformers / 0.6
    return Ratings(kva, uk, loss, float(next_size(np.array([peak]), POWER_KVA)[0]))


def _drawn(shares: tuple[float, ...], chance: Floats) -> Ints:
    """Which share each chance in [0, 1) falls into; the last one takes what rounding leaves over."""
    return np.minimum(np.searchsorted(np.cumsum(shares), chance, side="right"), len(shares) - 1)
