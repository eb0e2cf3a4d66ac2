"""The map in a real browser: it draws the grid, colours what is out, opens records, asks nobody else."""

from __future__ import annotations

import csv
import io
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.api.unusual_servers import nobody
from tests.browser.conftest import Drive, business_api

TOWN = [7.887, 48.4555]  # Schutterwald


def engine_says(engine: str, *, mode: str, id: str) -> dict[str, Any]:
    question = {"out" if mode == "out" else "faults": [id], "include": ["customers", "districts", "elements"]}
    answer = httpx.post(f"{engine}/v1/outage-impact", json=question, timeout=60, trust_env=False)
    answer.raise_for_status()
    document: dict[str, Any] = answer.json()
    return document


def features(engine: str, layer: str) -> list[dict[str, Any]]:
    url = f"{engine}/ogc/collections/{layer}/items?f=geojson&limit=10000"
    listed: list[dict[str, Any]] = httpx.get(url, timeout=60, trust_env=False).json()["features"]
    return listed


def talked_to_nobody_else(saw: dict[str, Any], *allowed: str) -> bool:
    hosts = {
        urlsplit(one).netloc
        for one in saw["requests"]
        if urlsplit(one).scheme in ("http", "https", "ws", "wss")
    }
    return hosts <= {urlsplit(one).netloc for one in allowed}


def test_the_page_draws_the_whole_demo_grid(drive: Drive, map_url: str, demo_engine: str) -> None:
    """Expected counts: the engine's own collections. Colours: the theme's blue for 20 kV, and no red yet."""
    saw = drive("draws", map_url, town=TOWN)
    assert saw["counts"] == {layer: len(features(demo_engine, layer)) for layer in saw["counts"]}
    assert saw["counts"]["line_section"] > 3000
    assert f"{saw['counts']['line_section']:,} line sections" in saw["status"]
    assert "08317 v1" in saw["status"]
    assert saw["blue"] > 1000
    assert saw["red"] == 0
    assert all(number > 0 for number in saw["rendered"].values()), saw["rendered"]
    assert saw["icons_missing"] == []
    assert (saw["console"], saw["errors"]) == ([], [])
    assert talked_to_nobody_else(saw, map_url, demo_engine)


def test_a_click_colours_what_is_out_and_shows_the_engines_numbers(
    drive: Drive, map_url: str, demo_engine: str
) -> None:
    """Expected: the engine, asked directly with the same device."""
    trunk = next(one for one in features(demo_engine, "line_section") if one["id"] == "line-5")
    transformer = next(
        one
        for one in features(demo_engine, "power_transformer")
        if one["properties"]["county_code"] == "08317122"
    )
    switch = next(
        one
        for one in features(demo_engine, "switch")
        if one["id"] == engine_says(demo_engine, mode="fault", id="line-5")["opened"][0]
    )
    devices = [
        {"layer": "line_section", "id": trunk["id"], "mode": "out"},
        {"layer": "line_section", "id": trunk["id"], "mode": "fault"},
        {"layer": "power_transformer", "id": transformer["id"], "mode": "out"},
        {"layer": "switch", "id": switch["id"], "mode": "out"},
    ]
    names = {one["id"]: one["properties"]["name"] or one["id"] for one in (trunk, transformer, switch)}
    saw = drive("clicks", map_url, devices=devices, names=names)

    for answer in saw["answers"]:
        said = engine_says(demo_engine, mode=answer["mode"], id=answer["id"])
        where = f"{answer['mode']} {answer['id']}"
        assert answer["customers"] == said["affected"]["customers"] > 0, where
        assert answer["districts"] == said["affected"]["transformer_districts"], where
        assert answer["kva"] == pytest.approx(said["affected"]["contracted_kva"], abs=0.6), where
        assert answer["listed"] == min(100, len(said["customers"])), where
        assert answer["dark"]["customers"] == sorted(one["id"] for one in said["customers"]), where
        for layer in ("line_section", "switch", "power_transformer"):
            assert answer["dark"][layer] == sorted(said["elements"].get(layer, [])), where
        assert answer["dark"]["opened"] == sorted(said["opened"]), where
        assert answer["dark"]["device"] == [answer["id"]], where
        assert answer["red"] > 50, where
    assert saw["cleared"]["red"] == 0
    assert not any(saw["cleared"]["dark"].values())
    assert (saw["console"], saw["errors"]) == ([], [])
    assert talked_to_nobody_else(saw, map_url, demo_engine)


def test_a_record_is_opened_listed_shown_and_closed(drive: Drive, map_url: str, demo_engine: str) -> None:
    transformer = next(
        one["id"]
        for one in features(demo_engine, "power_transformer")
        if one["properties"]["county_code"] == "08317122"
    )
    customers = engine_says(demo_engine, mode="out", id=transformer)["customers"]
    saw = drive("records", map_url, device=transformer)
    number = saw["outcome"].split()[1]
    assert saw["focused"] == "search"
    assert saw["shown"]["customers"] == len(customers)
    assert number in saw["listed"]
    assert saw["csv_name"] == f"outage-{number}-customers-1.csv"
    rows = list(csv.DictReader(io.StringIO(saw["csv"], newline="")))
    assert [row["id"] for row in rows] == [one["id"] for one in customers]
    assert saw["stored"] == saw["stored_dark"] == len(customers)
    record = httpx.get(f"{map_url}/api/v1/outages/{number}", timeout=60, trust_env=False).json()
    assert record["status"] == "closed"
    assert (saw["console"], saw["errors"]) == ([], [])
    assert talked_to_nobody_else(saw, map_url, demo_engine)


def test_a_connection_is_asked_for_at_a_place_and_a_scheme_accepted(
    drive: Drive, map_url: str, demo_engine: str
) -> None:
    """Expected: the engine, asked directly for schemes and afterwards for what is reserved."""
    point, kva = [7.8828, 48.4588], 12
    question = {"point": point, "kva": kva}
    said = httpx.post(f"{demo_engine}/v1/supply-schemes", json=question, timeout=60, trust_env=False).json()
    saw = drive("connects", map_url, point=point, kva=kva)
    assert saw["ranks"] == len(said["schemes"])
    assert said["schemes"][0]["attach"]["id"] in saw["first"]
    assert said["schemes"][0]["conductor"] in saw["first"]
    assert "Bakery <b>Muller</b>" in saw["heading"]
    assert saw["green"] > saw["green_before"] + 50  # the place alone before, then the routes
    held = httpx.get(f"{demo_engine}/v1/reservations", trust_env=False).json()["reservations"][0]
    assert saw["accepted"] == f"Accepted: reservation {held['id']} holds {kva} kVA."
    assert held["supplies"][0]["scheme"]["attach"]["id"] == said["schemes"][0]["attach"]["id"]
    assert held["point"] == pytest.approx(point, abs=1e-5)
    assert saw["green_after"] == 0
    assert (saw["console"], saw["errors"]) == ([], [])
    assert talked_to_nobody_else(saw, map_url, demo_engine)


def test_an_engine_that_is_away_is_said_in_words(drive: Drive, tmp_path: Any) -> None:
    away = nobody()
    with business_api(away, tmp_path) as address:
        saw = drive("away", address)
    assert away in saw["notice"]
    assert "does not answer" in saw["notice"]
    assert saw["errors"] == []
    assert talked_to_nobody_else(saw, address, away)


def test_the_docs_page_works_without_the_outside(drive: Drive, map_url: str) -> None:
    saw = drive("docs", map_url)
    assert saw["operations"] == 18
    assert saw["errors"] == []
    assert talked_to_nobody_else(saw, map_url)
