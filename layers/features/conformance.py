"""The conformance classes that this service meets (OGC 17-069r4, 18-058r1, 19-079r2, 21-065r2)."""

from __future__ import annotations

_FEATURES = "http://www.opengis.net/spec/ogcapi-features-"
_CQL2 = "http://www.opengis.net/spec/cql2/1.0/conf/"

CLASSES = (
    *(f"{_FEATURES}1/1.0/conf/{name}" for name in ("core", "oas30", "geojson", "html")),
    f"{_FEATURES}2/1.0/conf/crs",
    *(
        f"{_FEATURES}3/1.0/conf/{name}"
        for name in ("queryables", "queryables-query-parameters", "filter", "features-filter")
    ),
    *(
        f"{_CQL2}{name}"
        for name in (
            "cql2-text",
            "cql2-json",
            "basic-cql2",
            "advanced-comparison-operators",
            "case-insensitive-comparison",
            "basic-spatial-functions",
            "basic-spatial-functions-plus",
            "spatial-functions",
            "arithmetic",
            "property-property",
        )
    ),
)
"""Left out: temporal functions, arrays, accents and functions of one's own, of which none is evaluated."""
