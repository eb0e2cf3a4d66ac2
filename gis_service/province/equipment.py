"""What the grid is built of: conductors, transformers, ratings.

Typical catalogue values, rounded; a planning study brings its own rules. Ohm per km, A, kVA, per cent.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Conductor:
    """One conductor; the name says its material and cross-section."""

    name: str
    construction: str
    r_ohm_per_km: float
    x_ohm_per_km: float
    rated_current_a: float


CONDUCTORS: tuple[Conductor, ...] = (
    Conductor("busbar", "busbar", 0.02, 0.15, 2000.0),
    Conductor("trunk 240 overhead", "overhead", 0.125, 0.33, 550.0),
    Conductor("lateral 95 overhead", "overhead", 0.33, 0.35, 330.0),
    Conductor("spur 50 overhead", "overhead", 0.64, 0.37, 220.0),
    Conductor("trunk 300 cable", "underground", 0.10, 0.09, 470.0),
    Conductor("spur 70 cable", "underground", 0.44, 0.11, 200.0),
    Conductor("street 120 overhead", "overhead", 0.25, 0.29, 290.0),
    Conductor("street 185 cable", "underground", 0.16, 0.07, 310.0),
    Conductor("service 25", "service", 1.20, 0.09, 110.0),
    Conductor("service 50 cable", "service", 0.64, 0.08, 150.0),
)
(
    BUSBAR,
    TRUNK_OVERHEAD,
    LATERAL_OVERHEAD,
    SPUR_OVERHEAD,
    TRUNK_CABLE,
    SPUR_CABLE,
    STREET_OVERHEAD,
    STREET_CABLE,
    SERVICE,
    SERVICE_CABLE,
) = range(len(CONDUCTORS))

R_PER_KM: Floats = np.array([one.r_ohm_per_km for one in CONDUCTORS])
X_PER_KM: Floats = np.array([one.x_ohm_per_km for one in CONDUCTORS])
RATED_A: Floats = np.array([one.rated_current_a for one in CONDUCTORS])
CONSTRUCTIONS_OF = [one.construction for one in CONDUCTORS]

HIGH_KV, MEDIUM_KV, LOW_KV = 110.0, 10.0, 0.4

DISTRIBUTION_KVA: Floats = np.array(
    [30.0, 50, 80, 100, 125, 160, 200, 250, 315, 400, 500, 630, 800, 1000, 1250, 1600, 2000, 2500]
)
LOAD_LOSS_KW: Floats = np.array(
    [0.6, 0.87, 1.25, 1.5, 1.8, 2.2, 2.6, 3.05, 3.65, 4.3, 5.15, 6.2, 7.5, 10.3, 12.0, 14.5, 17.1, 20.2]
)
SINGLE_PHASE_KVA: Floats = np.array([10.0, 20, 30, 50, 80, 100, 160, 250])
POWER_KVA: Floats = np.array([2500.0, 6300, 10_000, 16_000, 20_000, 31_500, 40_000, 50_000, 63_000])

COINCIDENCE_OF_DISTRICT = 0.45
"""Share of the contracted power that a distribution transformer sees at its peak."""
COINCIDENCE_OF_SUBSTATION = 0.28
"""The same for a substation."""
POWER_FACTOR = 0.95


def next_size(wanted: Floats, sizes: Floats) -> Floats:
    """The smallest size that is not below what is wanted; the largest where none is."""
    return sizes[np.minimum(np.searchsorted(sizes, wanted), sizes.size - 1)]
