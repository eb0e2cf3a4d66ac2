"""A SimBench grid by its code, as a grid package.

SimBench grids are pandapower nets; what is special is where they come from and that they must be named:
the data are under the Open Database License 1.0, so the attribution stands in the package's notes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gis_service.errors import InvalidInput
from gis_service.ingest.frames import GridPackage
from gis_service.ingest.pandapower_net import import_pandapower
from gis_service.ingest.pandapower_reading import old_formats

ATTRIBUTION = (
    "data: SimBench (simbench.de; doi 10.3390/en13123290), Open Database License 1.0: "
    "name it wherever the data or what is made of them is published"
)


def import_simbench(
    code: str, *, county_code: str = "simbench", county_name: str | None = None
) -> GridPackage:
    """Convert a SimBench grid such as `1-MVLV-rural-all-0-sw` into a grid package of one county.

    Codes ending in `-sw` have their switches; in those ending in `-no_sw` open ones are left out by SimBench.

    Raises
    ------
    InvalidInput
        When SimBench has no grid of that code.
    """
    return attributed(
        import_pandapower(
            simbench_net(code), county_code=county_code, county_name=county_name or f"SimBench {code}"
        )
    )


def attributed(package: GridPackage) -> GridPackage:
    """The package with SimBench named first among its notes."""
    return replace(package, notes=(ATTRIBUTION, *package.notes))


def simbench_net(code: str) -> Any:
    """The pandapower net of a SimBench code; 5–12 s for a medium- and low-voltage grid."""
    with old_formats():
        import simbench

        if code not in simbench.collect_all_simbench_codes():
            raise InvalidInput(f"SimBench has no grid {code!r}; codes look like 1-MVLV-rural-all-0-sw")
        return simbench.get_simbench_net(code)
