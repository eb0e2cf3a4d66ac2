"""The business API in this process, on real PostgreSQL, in front of a real engine with the small grid."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest
from django.test import Client
from pytest_django import Settings

from api.engine import forget_engine
from tests.api.applying import OwnEngine
from tests.api.asking import Api
from tests.api.engine_process import engine, engine_over
from tests.api.small_grid import write_small_grid

PointAt = Callable[..., Api]


@pytest.fixture(scope="session")
def engine_server() -> str:
    """The PostgreSQL server whose scratch databases the engines of these tests use."""
    dsn = os.environ.get("GRIDGIS_ENGINE_DSN")
    assert dsn, "set GRIDGIS_ENGINE_DSN to a PostgreSQL server with PostGIS, or run 'make test'"
    return dsn


@pytest.fixture(scope="session")
def engine_url(engine_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A running engine that holds the small grid."""
    folder = tmp_path_factory.mktemp("engine")
    package = write_small_grid(folder / "package")
    with engine(engine_server, folder, [["load", str(package)]], name="small") as address:
        yield address


@pytest.fixture
def point_at(settings: Settings) -> Iterator[PointAt]:
    """Gives the API as it is when the engine stands at another address."""

    def pointed(address: str, *, answer_s: float = 30.0) -> Api:
        settings.ENGINE_URL = address
        settings.ENGINE_ANSWER_SECONDS = answer_s
        forget_engine()
        return Api(Client(), address)

    yield pointed
    forget_engine()


@pytest.fixture
def api(point_at: PointAt, engine_url: str, transactional_db: None) -> Api:
    """The API in front of the real engine, on empty tables."""
    return point_at(engine_url)


@pytest.fixture(scope="session")
def own(engine_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnEngine]:
    """An engine of its own with the small grid, which tests may kill."""
    folder = tmp_path_factory.mktemp("own")
    package = write_small_grid(folder / "package")
    with engine_over(engine_server, folder, [["load", str(package)]], name="own") as environment:
        made = OwnEngine(environment, folder)
        try:
            made.start()
            yield made
        finally:
            made.kill()


@pytest.fixture
def applying(point_at: PointAt, own: OwnEngine, transactional_db: None) -> Api:
    """The API in front of that engine, with nothing reserved."""
    own.start()
    own.query("TRUNCATE reservation, reservation_supply, reservation_change")
    return point_at(own.address)
