"""What every test shares: how Hypothesis runs. Kernels compile on first use, so there is no deadline."""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("gridgis", deadline=None)
settings.register_profile("soak", deadline=None, max_examples=3000)
settings.load_profile(os.environ.get("GRIDGIS_HYPOTHESIS", "gridgis"))
