"""Counters of this process in Prometheus' text format."""

from __future__ import annotations

from prometheus_client import (
    CollectorRegistry,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)

from gis_service.web.traffic import Traffic

disable_created_metrics()  # type: ignore[no-untyped-call]  # the package leaves this one untyped

REGISTRY = CollectorRegistry()

TRAFFIC = Traffic("gridgis_engine_requests", "gridgis_engine_request_seconds", registry=REGISTRY)
"""Requests answered, by route, method and status, and the time from request to answer, by route."""

REFRESH = Histogram(
    "gridgis_engine_refresh_seconds",
    "Time to read what changed, by kind (topology, switches).",
    ("kind",),
    registry=REGISTRY,
    buckets=(0.001, 0.005, 0.025, 0.1, 0.5, 1.0, 5.0, 30.0, 120.0),
)
VERSION = Gauge(
    "gridgis_engine_county_version", "Version this process holds.", ("county",), registry=REGISTRY
)
TOPOLOGY_VERSION = Gauge(
    "gridgis_engine_county_topology_version",
    "Topology version this process holds.",
    ("county",),
    registry=REGISTRY,
)
FOLLOWER_LAG = Gauge(
    "gridgis_engine_follower_lag_seconds",
    "Time since the database was last heard; questions are refused from some seconds on.",
    registry=REGISTRY,
)
FOLLOWER_LISTENING = Gauge(
    "gridgis_engine_follower_listening",
    "1 while changes are announced to this process, 0 while it finds them by polling.",
    registry=REGISTRY,
)
FOLLOWER_RECONNECTS = Gauge(
    "gridgis_engine_follower_reconnects",
    "How often this process had to listen anew.",
    registry=REGISTRY,
)
FOLLOWER_BEHIND = Gauge(
    "gridgis_engine_follower_counties_behind",
    "Counties loaded, replaced or taken out that this process still reads again.",
    registry=REGISTRY,
)
RECOVERED = Gauge(
    "gridgis_engine_recovered",
    "What the start of this process found and settled, by kind.",
    ("kind",),
    registry=REGISTRY,
)


def exposition() -> bytes:
    """All metrics as text."""
    return generate_latest(REGISTRY)
