"""What is odd about a grid that may be loaded all the same: topology, supply, and the quality of its data.

A pure function of tables; finds, and mends nothing.
"""

from __future__ import annotations

from gis_service.checks.findings import RULES, SEVERITIES, Finding, Rule
from gis_service.checks.run import check_grid

__all__ = ["RULES", "SEVERITIES", "Finding", "Rule", "check_grid"]
