"""One question to an engine, as it goes over HTTP; knows nothing of what can be asked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from gis_service.atlas.feeders import FEEDER
from gis_service.atlas.issues import TOPOLOGY_ISSUE
from gis_service.atlas.outages import OUTAGE_AREA
from gis_service.sources import TITLES

JSON = "application/json"
COLLECTIONS = (*TITLES, FEEDER.id, OUTAGE_AREA.id, TOPOLOGY_ISSUE.id)


@dataclass(frozen=True)
class Question:
    """One request; `route` is its address as the interface is described, `body` bytes go as they are."""

    route: str
    path: str
    method: str = "GET"
    query: tuple[tuple[str, str], ...] = ()
    body: Any = None
    accept: str = JSON
    content_type: str = JSON

    def __str__(self) -> str:
        query = "&".join(f"{name}={value}" for name, value in self.query)
        body = "" if self.body is None else repr(self.body)[:300]
        return f"{self.method} {self.path}{'?' if query else ''}{query} {body} ({self.accept})"


def get(route: str, *query: tuple[str, str], accept: str = JSON, **parts: str) -> Question:
    """A GET; the parts of the address by name."""
    path = route
    for name, value in parts.items():
        path = path.replace(f"{{{name}}}", quote(value, safe=""))
    return Question(route, path, query=query, accept=accept)


def post(route: str, body: Any, *, accept: str = JSON, **parts: str) -> Question:
    """A POST with a JSON body."""
    return replace(get(route, accept=accept, **parts), method="POST", body=body)
