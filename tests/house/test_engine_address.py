"""Where the engine finds its database when the password comes as a file, as secrets come to containers."""

from __future__ import annotations

from pathlib import Path

import pytest
from psycopg2.extensions import parse_dsn

from gis_service.errors import NotReady
from gis_service.home import find_engine_dsn


@pytest.mark.parametrize(
    "dsn", ["postgresql://ada@db:5433/grid", "postgresql://ada@db:5433/grid?connect_timeout=3"]
)
def test_the_password_of_a_file_joins_the_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dsn: str
) -> None:
    (tmp_path / "secret").write_text("p&ss/w%rd ü\n")
    monkeypatch.setenv("GRIDGIS_ENGINE_DSN", dsn)
    monkeypatch.setenv("GRIDGIS_ENGINE_PASSWORD_FILE", str(tmp_path / "secret"))
    found = find_engine_dsn()
    assert found is not None
    assert parse_dsn(found) == parse_dsn(dsn) | {"password": "p&ss/w%rd ü"}


def test_a_password_file_that_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRIDGIS_ENGINE_DSN", "postgresql://ada@db/grid")
    monkeypatch.setenv("GRIDGIS_ENGINE_PASSWORD_FILE", str(tmp_path / "absent"))
    with pytest.raises(NotReady, match=r"GRIDGIS_ENGINE_PASSWORD_FILE names .*absent, which cannot be read"):
        find_engine_dsn()
