"""pygeoapi and TiPg as their documentations advise to run them, one worker each, in their own environment.

What they bring along is much, and nothing of it is of use to the engine.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from psycopg2.extensions import parse_dsn

from benchmarks.setting import Setting

PACKAGES = (
    "pygeoapi tipg 'uvicorn[standard]' gunicorn psycopg2-binary GeoAlchemy2 "
    "'pygeofilter[backend-sqlalchemy]' starlette"
)

Path_ = Callable[[Any], str]
Start = tuple[list[str], Mapping[str, str]]
"""A command, and what is added to its environment."""


@dataclass(frozen=True)
class Peer:
    """One of the two.

    Parameters
    ----------
    name, title
        In the names of contests, and for a person.
    module
        What must be there for it to run.
    ready
        The path that answers when it is ready.
    starts
        The servers that it can be run under, by name.
    paths
        The ways to ask for a page: those with a name are for pages deep inside alone.
    """

    name: str
    title: str
    module: str
    ready: str
    starts: Callable[[Setting, str, str, Sequence[str]], Mapping[str, Start]]
    paths: Callable[[str], Mapping[str, Path_]]


def installed(setting: Setting, peer: Peer) -> bool:
    """Whether a peer is there."""
    return any(_home(setting).glob(f"lib/python*/site-packages/{peer.module}/__init__.py"))


def install_line(setting: Setting) -> str:
    """How it gets there."""
    home = _home(setting)
    return f"python3 -m venv {home} && {home}/bin/pip install {PACKAGES}"


def _home(setting: Setting) -> Path:
    return setting.data / "items-peers"


def _program(setting: Setting, name: str) -> str:
    return str(_home(setting) / "bin" / name)


def _tipg(setting: Setting, dsn: str, schema: str, _layers: Sequence[str]) -> Mapping[str, Start]:
    told = {
        "DATABASE_URL": dsn,
        "TIPG_DB_SCHEMAS": json.dumps([schema]),
        "TIPG_CATALOG_TTL": "0",  # the catalogue is not read again while it is measured
        "TIPG_DB_DATETIME_EXTENT": "false",
        "DB_MIN_CONN_SIZE": "4",
    }
    command = [_program(setting, "uvicorn"), "--host", "127.0.0.1", "--port", "{port}", "--workers", "1"]
    return {"TiPg, uvicorn": ([*command, "--no-access-log", "--log-level", "warning", "tipg.main:app"], told)}


def _tipg_paths(schema: str) -> Mapping[str, Path_]:
    def path(asked: Any, deep: dict[str, Any]) -> str:
        told: dict[str, Any] = {"limit": asked.limit, "f": "geojson", **deep}
        if asked.box is not None:
            told["bbox"] = ",".join(map(str, asked.box))
        return f"/collections/{schema}.{asked.layer}/items?{urlencode(told)}"

    return _by(path)


def _pygeoapi(setting: Setting, dsn: str, schema: str, layers: Sequence[str]) -> Mapping[str, Start]:
    parts = parse_dsn(dsn)
    data = {
        "host": parts["host"],
        "port": int(parts["port"]),
        "dbname": parts["dbname"],
        "user": parts["user"],
        "password": parts["password"],
        "search_path": [schema, "public"],
    }
    config = setting.data / "pygeoapi.yml"
    config.write_text(json.dumps(_pygeoapi_config(data, layers)))  # JSON is YAML
    described = setting.data / "pygeoapi-openapi.yml"
    told = {"PYGEOAPI_CONFIG": str(config), "PYGEOAPI_OPENAPI": str(described)}
    make = [
        _program(setting, "pygeoapi"),
        "openapi",
        "generate",
        str(config),
        "--output-file",
        str(described),
    ]
    flask = [_program(setting, "gunicorn"), "-w", "1", "-b", "127.0.0.1:{port}", "--log-level", "warning"]
    flask += ["--worker-class", "gthread", "--threads", "4", "--keep-alive", "75", "pygeoapi.flask_app:APP"]
    asgi = [_program(setting, "uvicorn"), "--host", "127.0.0.1", "--port", "{port}", "--workers", "1"]
    asgi += ["--no-access-log", "--log-level", "warning", "pygeoapi.starlette_app:APP"]
    _run(make, told)
    return {"pygeoapi, gunicorn": (flask, told), "pygeoapi, uvicorn": (asgi, told)}


def _pygeoapi_config(data: Mapping[str, Any], layers: Sequence[str]) -> dict[str, Any]:
    provider = {"type": "feature", "name": "PostgreSQL", "data": data, "id_field": "id", "geom_field": "geom"}
    return {
        "server": {
            "bind": {"host": "127.0.0.1", "port": 5000},
            "url": "http://127.0.0.1:5000",
            "mimetype": "application/json; charset=UTF-8",
            "encoding": "utf-8",
            "gzip": False,
            "languages": ["en-US"],
            "pretty_print": False,
            "limits": {"default_items": 100, "max_items": 10_000},
            "map": {"url": "http://127.0.0.1/{z}/{x}/{y}.png", "attribution": "none"},
        },
        "logging": {"level": "ERROR"},
        "metadata": {
            "identification": {
                "title": "Grid",
                "description": "Grid",
                "keywords": ["grid"],
                "keywords_type": "theme",
                "terms_of_service": "none",
                "url": "http://127.0.0.1",
            },
            "license": {"name": "none", "url": "http://127.0.0.1"},
            "provider": {"name": "none", "url": "http://127.0.0.1"},
            "contact": {
                "name": "none",
                "position": "none",
                "email": "none@127.0.0.1",
                "url": "http://127.0.0.1",
            },
        },
        "resources": {
            layer: {
                "type": "collection",
                "title": layer,
                "description": layer,
                "keywords": [layer],
                "links": [],
                "extents": {"spatial": {"bbox": [-180, -90, 180, 90]}},
                "providers": [{**provider, "table": layer}],
            }
            for layer in layers
        },
    }


def _run(command: list[str], environment: Mapping[str, str]) -> None:
    import os
    import subprocess

    from gis_service.errors import NotReady

    done = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise NotReady(f"pygeoapi does not describe itself: {done.stderr.strip()[-500:]}")


def _pygeoapi_paths(_schema: str) -> Mapping[str, Path_]:
    def path(asked: Any, deep: dict[str, Any]) -> str:
        told: dict[str, Any] = {"limit": asked.limit, "f": "json", **deep}
        if asked.box is not None:
            told["bbox"] = ",".join(map(str, asked.box))
        return f"/collections/{asked.layer}/items?{urlencode(told)}"

    return _by(path)


def _by(path: Callable[[Any, dict[str, Any]], str]) -> Mapping[str, Path_]:
    """By the place where the page begins, which is known to be right; by a condition on the id."""

    def by_place(asked: Any) -> str:
        return path(asked, {"offset": asked.place} if asked.place else {})

    def by_id(asked: Any) -> str:
        return path(asked, {"filter": f"id > '{asked.after}'"})

    return {"": by_place, "filter=id > …": by_id}


TIPG = Peer("tipg", "TiPg", "tipg", "/healthz", _tipg, _tipg_paths)
PYGEOAPI = Peer("pygeoapi", "pygeoapi", "pygeoapi", "/conformance", _pygeoapi, _pygeoapi_paths)
