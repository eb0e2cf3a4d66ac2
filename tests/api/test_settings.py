"""Where settings come from, and the one sentence when they are missing or wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from api.dsn import database_from_environment
from api.engine_address import clean_address, clean_seconds
from api.map_page import MAP_BUNDLE, content_policy, is_immutable


def test_the_address_of_the_variable_becomes_djangos_dictionary() -> None:
    dsn = "postgresql://ada:se%40cret@db.example:5433/work?sslmode=require"
    database = database_from_environment({"GRIDGIS_API_DSN": dsn})
    assert database["ENGINE"] == "django.db.backends.postgresql"
    wanted = {"NAME": "work", "USER": "ada", "PASSWORD": "se@cret", "HOST": "db.example", "PORT": "5433"}
    assert {name: database[name] for name in wanted} == wanted
    assert database["OPTIONS"]["sslmode"] == "require"


def test_without_the_variable_the_file_of_the_private_cluster_counts(tmp_path: Path) -> None:
    (tmp_path / "api.dsn").write_text("postgresql://gridgis@/gridgis_api?host=/tmp/x\n")
    database = database_from_environment({"GRIDGIS_HOME": str(tmp_path)})
    assert (database["NAME"], database["HOST"]) == ("gridgis_api", "/tmp/x")


def test_the_password_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("se@cret\n")
    given = {"GRIDGIS_API_DSN": "postgresql://ada@db.example/work"}
    given["GRIDGIS_API_PASSWORD_FILE"] = str(tmp_path / "secret")
    assert database_from_environment(given)["PASSWORD"] == "se@cret"
    with pytest.raises(ImproperlyConfigured, match=r"GRIDGIS_API_PASSWORD_FILE names .*none"):
        database_from_environment({**given, "GRIDGIS_API_PASSWORD_FILE": str(tmp_path / "none")})


def test_no_address_at_all_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"make demo.*GRIDGIS_API_DSN"):
        database_from_environment({"GRIDGIS_HOME": str(tmp_path)})


@pytest.mark.parametrize("dsn", ["http://x", "postgresql://host", "nonsense", "postgresql://h/d?colour=red"])
def test_an_address_that_is_none_is_named(dsn: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="GRIDGIS_API_DSN"):
        database_from_environment({"GRIDGIS_API_DSN": dsn})


def test_an_empty_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "api.dsn").write_text("\n")
    with pytest.raises(ImproperlyConfigured, match=r"api\.dsn is empty"):
        database_from_environment({"GRIDGIS_HOME": str(tmp_path)})


@pytest.mark.parametrize(
    "value", ["", "engine:8001", "ftp://x", "http://", "http://h:0x", "http://h/?q", "http://h x"]
)
def test_an_engine_address_that_is_none_is_named(value: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="GRIDGIS_ENGINE_URL"):
        clean_address("GRIDGIS_ENGINE_URL", value)


def test_an_engine_address_loses_its_last_slash() -> None:
    assert clean_address("X", " https://grid.example/engine/ ") == "https://grid.example/engine"


@pytest.mark.parametrize("value", ["", "soon", "0", "-1", "nan", "inf"])
def test_a_time_limit_that_is_none_is_named(value: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="GRIDGIS_ENGINE_TIMEOUT"):
        clean_seconds("GRIDGIS_ENGINE_TIMEOUT", value)


def test_only_hashed_files_of_the_bundle_are_cached_for_ever() -> None:
    bundle = str(MAP_BUNDLE)
    assert is_immutable(f"{bundle}/assets/index-C6tQS1J0.js", "/assets/index-C6tQS1J0.js")
    assert not is_immutable(f"{bundle}/index.html", "/index.html")
    assert not is_immutable(f"{bundle}/icon.svg", "/icon.svg")
    assert not is_immutable("/elsewhere/assets/index-C6tQS1J0.js", "/assets/index-C6tQS1J0.js")


def test_the_map_may_talk_to_this_origin_and_the_engine_only() -> None:
    policy = dict(part.split(" ", 1) for part in content_policy("https://grid.example/engine").split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["connect-src"] == "'self' https://grid.example"
    assert policy["script-src"] == "'self'"
