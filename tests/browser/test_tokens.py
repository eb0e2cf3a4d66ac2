"""The map where the engine answers nobody without a token: alone, and behind the proxy that is shipped."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from layers.scope import write_token
from tests.api.engine_process import wait_until_ready
from tests.browser.conftest import Drive, business_api, serving
from tests.cluster.compose_form import Form

KEY = "a key for the browser tests, of enough bytes"
TOWN = "08317122"


def token(counties: list[str] | None, *, hours: int = 1) -> str:
    return write_token(KEY.encode(), counties, datetime.now(UTC) + timedelta(hours=hours))


@pytest.fixture(scope="module")
def guarded_engine(demo_grid: dict[str, str]) -> Iterator[str]:
    """An engine over the demo grid that asks everybody for a token."""
    with serving(demo_grid | {"GRIDGIS_MAP_KEY": KEY, "GRIDGIS_MAP_TOKENS": "required"}) as address:
        yield address


@pytest.fixture(scope="module")
def guarded_map(guarded_engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The map in front of it, from another origin than the engine, as `make demo` has it."""
    with business_api(guarded_engine, tmp_path_factory.mktemp("api")) as address:
        yield address


@pytest.fixture(scope="module")
def map_behind_the_proxy(guarded_engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The map and the engine at one address: that of the proxy, run on the project's own file."""
    if shutil.which("caddy") is None:
        pytest.skip("no Caddy here (apt-get install caddy)")
    folder = tmp_path_factory.mktemp("proxy")
    form = Form(folder)
    public = f"http://{form.addresses['proxy']}"
    with business_api(guarded_engine, folder, public=public) as api:
        form.addresses |= dict.fromkeys(("engine-1", "engine-2"), urlsplit(guarded_engine).netloc)
        form.addresses["api"] = urlsplit(api).netloc
        log = folder / "proxy.log"
        environment = os.environ | {"GRIDGIS_MAP_TOKENS": "required", "HOME": str(folder)}
        with log.open("wb") as out:
            proxy = subprocess.Popen(form.proxy_command(), env=environment, stdout=out, stderr=out)
        try:
            wait_until_ready(f"{public}/healthz", proxy, log, within_s=60)
            yield public
        finally:
            proxy.terminate()
            proxy.wait(30)


def counted(engine: str, layer: str, with_token: str) -> int:
    answer = httpx.get(
        f"{engine}/ogc/collections/{layer}/items?f=geojson&limit=10000",
        headers={"Authorization": f"Bearer {with_token}"},
        timeout=60,
        trust_env=False,
    )
    return len(answer.json()["features"])


def device(engine: str) -> dict[str, Any]:
    """A transformer of the town, and how many lose supply without it, as the engine itself says."""
    whole = {"Authorization": f"Bearer {token(None)}"}
    asked = {"filter": f"county_code = '{TOWN}'", "limit": "1", "f": "geojson"}
    address = f"{engine}/ogc/collections/power_transformer/items"
    with httpx.Client(headers=whole, timeout=60, trust_env=False) as client:
        (found,) = client.get(address, params=asked).json()["features"]
        said = client.post(f"{engine}/v1/outage-impact", json={"out": [found["id"]]}).json()
    return {"layer": "power_transformer", "id": found["id"], "customers": said["affected"]["customers"]}


@pytest.mark.parametrize("where", ["guarded_map", "map_behind_the_proxy"])
def test_a_person_gives_the_map_a_token(
    drive: Drive, guarded_engine: str, where: str, request: pytest.FixtureRequest
) -> None:
    """Counts and affected customers: the engine, asked with the same token."""
    address = request.getfixturevalue(where)
    asked, whole = device(guarded_engine), token(None)
    saw = drive("token", address, token=whole, expired=token(None, hours=-1), device=asked)

    assert "token" in saw["form"]
    assert "no token" in saw["rubbish"]
    assert saw["counts"] == {layer: counted(guarded_engine, layer, whole) for layer in saw["counts"]}
    assert saw["counts"]["line_section"] > 3000
    assert saw["impact"] == "shown"
    assert asked["customers"] > 0
    assert f"{asked['customers']}\n" in saw["panel"]
    assert saw["kept"] == [1, 0, ""]
    assert saw["kept_after"] == 0
    assert saw["errors"] == []
    sent = list(zip(saw["requests"], saw["tokens"], strict=True))
    of_engine = [kind for kind in ("/ogc/", "/v1/") if any(kind in urlsplit(one).path for one, _ in sent)]
    assert of_engine == ["/ogc/", "/v1/"]
    assert {bearer for one, bearer in sent if urlsplit(one).path.startswith("/v1/")} == {f"Bearer {whole}"}
    assert not any(bearer for one, bearer in sent if not urlsplit(one).path.startswith(("/v1/", "/ogc/")))
    assert not any(whole in one for one in [saw["address"], *saw["requests"]])  # never in an address


def test_a_token_for_one_county_shows_it_and_says_why_it_answers_no_question(
    drive: Drive, guarded_engine: str, guarded_map: str
) -> None:
    narrow, whole = token([TOWN]), token(None)
    saw = drive(
        "token", guarded_map, token=narrow, expired=token([TOWN], hours=-1), device=device(guarded_engine)
    )

    expected = {layer: counted(guarded_engine, layer, narrow) for layer in saw["counts"]}
    assert saw["counts"] == expected
    assert 0 < expected["line_section"] < counted(guarded_engine, "line_section", whole)
    assert saw["impact"] == "failed"
    assert "every county" in saw["panel"]
    assert saw["errors"] == []


def test_the_proxy_lets_a_browser_of_another_origin_ask_whether_it_may(map_behind_the_proxy: str) -> None:
    """A preflight (Fetch, 3.2.2) never carries the token that it asks about; it must reach the engine."""
    asking = {
        "Origin": "http://other.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    address = f"{map_behind_the_proxy}/v1/outage-impact"
    answer = httpx.options(address, headers=asking, trust_env=False)
    assert answer.status_code == 200
    assert "authorization" in answer.headers["Access-Control-Allow-Headers"]

    refused = httpx.post(address, json={"out": ["line-5"]}, trust_env=False)
    assert refused.status_code == 401
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert "token" in refused.json()["detail"]
