"""What every client meets: problem documents for every error, OpenAPI, docs, no outside addresses."""

from __future__ import annotations

import re
from contextlib import closing

import psycopg2
import pytest
from django.db import connection
from django.test import Client
from openapi_spec_validator import validate
from pytest_django import Settings

from api import problems
from tests.api.asking import Api, problem
from tests.api.conftest import PointAt
from tests.api.unusual_servers import nobody

OUTAGES = "/api/v1/outages"


@pytest.fixture
def alone(point_at: PointAt) -> Api:
    """The API with nobody at the engine's address."""
    return point_at(nobody())


@pytest.mark.parametrize(
    "path", ["/nothing", "/api/v1/nothing", "/api/v2/outages", "/api/v1/outages/", "/admin/"]
)
def test_an_unknown_address_is_a_problem(alone: Api, path: str) -> None:
    assert problem(alone.get(path), 404)["instance"] == path


@pytest.mark.parametrize("address", ["?county=%00", "?device=L1%00&device=L2", "/2026-%00", "/%00/customers"])
def test_an_address_with_a_nul_character_is_malformed(alone: Api, address: str) -> None:
    assert "NUL" in problem(alone.get(OUTAGES + address), 400)["detail"]


def test_a_wrong_method_is_a_problem_and_says_which_are_right(alone: Api) -> None:
    answer = alone.send(OUTAGES, {}, method="DELETE")
    problem(answer, 405)
    assert set(answer.headers["Allow"].replace(" ", "").split(",")) >= {"GET", "POST"}
    problem(alone.send("/healthz", {}), 405)


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""]
)
def test_a_body_of_another_type_is_refused(alone: Api, kind: str) -> None:
    """A form of another web site can send exactly these types without being asked."""
    response = alone.client.generic("POST", OUTAGES, b'{"device_id": "L1"}', content_type=kind)
    assert response.status_code == 415
    assert response.headers["Content-Type"] == problems.PROBLEM_JSON


def test_a_body_that_is_too_large_is_a_problem(alone: Api) -> None:
    problem(alone.send(OUTAGES, b'{"note": "' + b"x" * 1_100_000 + b'"}'), 413)


def test_a_host_name_that_is_not_ours_is_a_problem(alone: Api) -> None:
    """A page that points its own name at this machine gets nothing."""
    response = alone.client.get("/api/v1/config", headers={"Host": "evil.example"})
    assert response.status_code == 400
    assert "GRIDGIS_API_HOSTS" in response.json()["detail"]


@pytest.mark.django_db(transaction=True)
def test_a_database_that_ended_the_connection_is_a_503_and_the_next_request_works(alone: Api) -> None:
    """The connection is ended from outside, as a restarted server does."""
    assert alone.get(OUTAGES).status == 200
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (backend,) = cursor.fetchone()
    with closing(psycopg2.connect(**connection.get_connection_params())) as other, other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [backend])
    answer = alone.get(OUTAGES)
    assert problem(answer, 503)["type"].endswith("database-away")
    assert "Retry-After" in answer.headers
    connection.close()
    assert alone.get(OUTAGES).status == 200


def test_an_error_nobody_foresaw_is_a_problem_that_tells_no_secrets(
    alone: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(**_: object) -> None:
        raise RuntimeError("password=hunter2")

    monkeypatch.setattr("api.queries.outages", broken)
    answer = alone.get(OUTAGES)
    problem(answer, 500)
    assert "hunter2" not in answer.text
    assert "hunter2" in caplog.text


def test_the_openapi_document_is_valid_and_lists_every_address(alone: Api) -> None:
    document = alone.get("/api/v1/openapi.json").json
    validate(document)
    assert document["openapi"].startswith("3.1")
    assert set(document["paths"]) == {
        "/api/v1/applications",
        "/api/v1/applications/{number}",
        "/api/v1/applications/{number}/accept",
        "/api/v1/applications/{number}/built",
        "/api/v1/applications/{number}/reject",
        "/api/v1/applications/{number}/schemes",
        "/api/v1/applications/{number}/settle",
        "/api/v1/applications/{number}/withdraw",
        "/api/v1/config",
        "/api/v1/outages",
        "/api/v1/outages/{number}",
        "/api/v1/outages/{number}/cancel",
        "/api/v1/outages/{number}/close",
        "/api/v1/outages/{number}/customers",
        "/api/v1/outages/{number}/refresh",
    }


def test_the_docs_load_nothing_from_elsewhere(alone: Api) -> None:
    page = alone.get("/api/v1/docs").text
    sources = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert sources
    assert all(source.startswith("/") and not source.startswith("//") for source in sources)
    for source in sources:
        assert alone.get(source).status == 200, source


def test_the_map_learns_where_browsers_find_the_engine(alone: Api, settings: Settings) -> None:
    settings.ENGINE_PUBLIC_URL = "https://grid.example/engine"
    assert alone.get("/api/v1/config").json["engine_url"] == "https://grid.example/engine"


def test_the_process_is_alive_even_when_everything_else_is_away(alone: Api) -> None:
    assert alone.get("/healthz").json == {"status": "ok"}


@pytest.mark.django_db
def test_readiness_reports_the_database_and_the_engine_each(alone: Api) -> None:
    answer = alone.get("/readyz")
    assert answer.status == 503
    assert answer.headers["Retry-After"]
    checks = answer.json["checks"]
    assert checks["database"] == {"ok": True}
    assert checks["engine"]["ok"] is False
    assert alone.engine in checks["engine"]["detail"]


def test_the_api_is_ready_when_both_answer(api: Api) -> None:
    answer = api.get("/readyz")
    assert (answer.status, answer.json["ready"]) == (200, True)


def test_every_kind_of_problem_has_a_status_and_a_title() -> None:
    for status, title in problems.KINDS.values():
        assert 400 <= status < 600
        assert title[0].isupper()


def test_responses_carry_the_headers_that_keep_other_sites_out(alone: Api) -> None:
    response = Client().get("/api/v1/config")
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["X-Frame-Options"] == "DENY"
    assert "Access-Control-Allow-Origin" not in response.headers
