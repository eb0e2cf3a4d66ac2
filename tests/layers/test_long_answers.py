"""Answers longer than what is read at once: sent while they are read, and the same as page after page.

Expected are the features the source was made of.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from django.http import HttpResponse, StreamingHttpResponse
from django.test import RequestFactory

from layers.catalog import Catalog
from layers.features.items import FeatureViews
from layers.geojson_columns import Features, Geometries
from layers.service import MapService
from layers.source import Box, Counties, Description, Field, Key, Page, Query

DESCRIPTION = Description("pole", "Poles", "", "Point", (Field("id", "string"), Field("height_m", "number")))


@dataclass
class Poles:
    """A source of so many poles that counts how often it is asked, and may break down."""

    poles: int
    asked: list[int] = field(default_factory=list)
    breaks_after: int | None = None
    description: Description = DESCRIPTION

    def extent(self, counties: Counties = None) -> Box | None:
        return None

    def page(self, query: Query) -> Page:
        if self.breaks_after == len(self.asked):
            raise ConnectionError("the server is gone")
        self.asked.append(query.limit)
        first = 0 if query.after is None else int(query.after.id) + 1
        last = min(first + query.limit, self.poles)
        return Page(self._some(first, last), Key("", f"{last - 1:06d}") if last < self.poles else None)

    def feature(self, id: str, counties: Counties = None) -> Features | None:
        return self._some(int(id), int(id) + 1)

    def _some(self, first: int, last: int) -> Features:
        numbers = np.arange(first, last)
        ids = np.array([f"{k:06d}" for k in numbers], dtype=object)
        xy = np.column_stack([numbers / 1000, numbers / 1000])
        return Features.of(Geometries.points(xy), {"id": ids, "height_m": numbers / 4}, ids)


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Callable[[Poles, str], Any]:
    """Asks for features of a source of which ten are read at once."""
    monkeypatch.setattr("layers.features.items.ROWS_AT_ONCE", 10)
    monkeypatch.setattr("layers.features.reading.ROWS_AT_ONCE", 10)

    def asked(poles: Poles, text: str) -> Any:
        views = FeatureViews(
            MapService(lambda: Catalog([poles]), lambda _: None, lambda _: {"grid_version": {"0801": 3}})
        )
        request = RequestFactory().get(f"/ogc/collections/pole/items?{text}")
        return views.items(request, "pole")

    return asked


def body(response: Any) -> dict[str, Any]:
    pieces = response.streaming_content if response.streaming else [response.content]
    document: dict[str, Any] = json.loads(b"".join(pieces))
    assert document["numberReturned"] == len(document["features"])
    assert document["grid_version"] == {"0801": 3}
    assert response["Content-Type"] == "application/geo+json"
    return document


def following(document: dict[str, Any]) -> str:
    return next((link["href"] for link in document["links"] if link["rel"] == "next"), "")


@pytest.mark.parametrize(
    ("count", "limit"), [(0, 50), (9, 50), (10, 50), (11, 50), (50, 50), (51, 50), (73, 25)]
)
def test_a_long_answer_is_that_of_its_pages(ask: Callable[..., Any], count: int, limit: int) -> None:
    found: list[dict[str, Any]] = []
    address = f"limit={limit}"
    while address:
        response = ask(Poles(count), address)
        assert isinstance(response, StreamingHttpResponse)
        document = body(response)
        found += document["features"]
        address = following(document).partition("?")[2]
    assert [one["id"] for one in found] == [f"{k:06d}" for k in range(count)]
    assert [one["properties"]["height_m"] for one in found] == [k / 4 for k in range(count)]


def test_a_piece_is_read_when_the_one_before_was_sent(ask: Callable[..., Any]) -> None:
    poles = Poles(100)
    response = ask(poles, "limit=25")
    assert poles.asked == [10]
    pieces: Iterator[bytes] = response.streaming_content
    while b'"features":[' not in next(pieces):
        pass
    next(pieces)
    assert poles.asked == [10]
    assert len(list(pieces)) >= 3
    assert poles.asked == [10, 10, 5]


def test_a_short_answer_comes_in_one_piece(ask: Callable[..., Any]) -> None:
    response = ask(Poles(100), "limit=10")
    assert isinstance(response, HttpResponse)
    assert len(body(response)["features"]) == 10


def test_what_breaks_before_the_answer_begins_is_raised_and_later_on_it_stays_unfinished(
    ask: Callable[..., Any],
) -> None:
    with pytest.raises(ConnectionError):
        ask(Poles(100, breaks_after=0), "limit=25")
    pieces = ask(Poles(100, breaks_after=1), "limit=25").streaming_content
    sent = []
    with pytest.raises(ConnectionError):
        sent.extend(pieces)
    with pytest.raises(json.JSONDecodeError):
        json.loads(b"".join(sent))
