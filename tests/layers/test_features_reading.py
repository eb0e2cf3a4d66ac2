"""Pages of features over sources in memory: filled by reading on, counted once, escaped.

Expected are the features the sources were made of.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import orjson
import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as st

from layers.catalog import Catalog
from layers.features import reading
from layers.features.crs import EPSG, systems
from layers.features.items import FeatureViews
from layers.features.times import read_moment
from layers.features.views import DocumentViews
from layers.geojson_columns import Features, Geometries
from layers.service import MapService
from layers.source import BadQuery, Box, Count, Counties, Description, Field, Key, Page, Query

LAMPS = Description(
    "lamp",
    "Lamps",
    "",
    "Point",
    (Field("id", "string"), Field("name", "string"), Field("lit", "boolean", live=True)),
)


@dataclass
class Lamps:
    """Lamps that are lit or not, or of which it is not known; tells how often it was asked what."""

    lit: Sequence[bool | None]
    names: list[str] = field(default_factory=list)
    description: Description = LAMPS
    missing: tuple[str, ...] = ()
    counted: list[Query] = field(default_factory=list)
    exact: bool = True
    read: int = 0

    def extent(self, counties: Counties = None) -> Box | None:
        return Box(108.0, 22.0, 109.0, 23.0)

    def page(self, query: Query) -> Page:
        first = 0 if query.after is None else int(query.after.id) + 1
        last = min(first + query.limit, len(self.lit))
        self.read += last - first
        after = Key("", f"{last - 1:05}") if last < len(self.lit) else None
        return Page(self._some(first, last), after, self.missing)

    def count(self, query: Query, most: int) -> Count | None:
        self.counted.append(query)
        return Count(len(self.lit), self.exact)

    def feature(self, id: str, counties: Counties = None) -> Features | None:
        return self._some(int(id), int(id) + 1)

    def _some(self, first: int, last: int) -> Features:
        ids = [f"{k:05}" for k in range(first, last)]
        names = (self.names or [""] * len(self.lit))[first:last]
        xy = [[108 + k / 1e5, 22.5] for k in range(first, last)]
        return Features.of(
            Geometries.points(np.array(xy, dtype=float).reshape(-1, 2)),
            {"id": np.array(ids, object), "name": np.array(names, object), "lit": list(self.lit[first:last])},
            np.array(ids, object),
        )


VERSION = {"grid_version": {"0801": 3}}


def views_of(lamps: Lamps, head: Mapping[str, Any] = VERSION) -> FeatureViews:
    return FeatureViews(MapService(lambda: Catalog([lamps]), lambda _: None, lambda _: head))


def ask(views: FeatureViews, query: str) -> Any:
    response = views.items(RequestFactory().get(f"/ogc/collections/lamp/items?{query}"), "lamp")
    assert isinstance(response, HttpResponse)
    return orjson.loads(response.content)


def following(document: Any) -> str | None:
    links = [link["href"] for link in document["links"] if link["rel"] == "next"]
    return links[0].partition("?")[2] if links else None


@given(
    lit=st.lists(st.none() | st.booleans(), max_size=60),
    limit=st.integers(1, 9),
    at_once=st.integers(1, 20),
    patience=st.sampled_from([0.0, 9.0]),
)
def test_pages_of_what_is_live_hold_all_that_is_kept_in_order(
    lit: list[bool | None], limit: int, at_once: int, patience: float
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "ROWS_AT_ONCE", at_once)
        patch.setattr(reading, "READ_ON_S", patience)
        for condition, kept in (("lit", True), ("NOT lit", False), ("lit IS NULL", None)):
            views = views_of(Lamps(lit))
            found: list[str] = []
            query: str | None = f"limit={limit}&filter={condition}"
            pages = 0
            while query:
                document = ask(views, query)
                ids = [one["id"] for one in document["features"]]
                assert len(ids) == document["numberReturned"] <= limit
                found += ids
                query = following(document)
                if query and patience:
                    assert len(ids) == limit  # only one that has read for long is not full
                pages += 1
            assert found == [f"{k:05}" for k, one in enumerate(lit) if one is kept]
            assert pages <= len(lit) + 1


def test_a_request_that_finds_nothing_for_long_ends_and_says_where_to_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reading, "READ_ON_S", 0.0)
    lamps = Lamps([False] * 30_000 + [True])
    document = ask(views_of(lamps), "filter=lit&limit=10")
    assert document["features"] == []
    assert lamps.read == 500
    assert following(document) is not None
    assert "numberMatched" not in document


def test_what_matches_is_counted_once_for_each_version_of_the_data() -> None:
    lamps = Lamps([True] * 30)
    views = views_of(lamps)
    query: str | None = "limit=7"
    while query:
        document = ask(views, query)
        assert document["numberMatched"] == 30
        query = following(document)
    assert len(lamps.counted) == 1
    later = replace(views, service=views_of(lamps, {"grid_version": {"0801": 4}}).service)
    ask(later, "limit=7")
    assert len(lamps.counted) == 2


def test_an_answer_that_is_all_there_is_counts_nothing() -> None:
    lamps = Lamps([True] * 30)
    assert ask(views_of(lamps), "limit=30")["numberMatched"] == 30
    assert ask(views_of(lamps), "limit=30&filter=NOT lit")["numberMatched"] == 0
    assert lamps.counted == []


def test_an_estimate_has_a_name_of_its_own() -> None:
    document = ask(views_of(Lamps([True] * 30, exact=False)), "limit=7")
    assert "numberMatched" not in document
    assert document["numberMatchedEstimate"] == 30


def test_what_is_missing_is_not_counted() -> None:
    document = ask(views_of(Lamps([True] * 30, missing=("0802",))), "limit=7")
    assert not {"numberMatched", "numberMatchedEstimate"} & set(document)
    assert (document["partial"], document["missing_counties"]) == (True, ["0802"])


EVIL = ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{7*7}}", "</table><b>", "&lt;i&gt;"]


def test_no_name_becomes_markup() -> None:
    """Every page: the text of names, titles and ids stands in it, escaped."""
    described = replace(
        LAMPS, title=EVIL[0], description=EVIL[1], fields=(*LAMPS.fields, Field("x<b>", "string", EVIL[0]))
    )
    lamps = Lamps([True] * len(EVIL), EVIL, described)
    service = MapService(lambda: Catalog([lamps]), lambda _: None, lambda _: {})
    documents, features = DocumentViews(service, "ogc"), FeatureViews(service)

    def request(path: str) -> HttpRequest:
        return RequestFactory().get(path, {"f": "html"})

    shown = [
        documents.landing(request("/ogc/")),
        documents.api(request("/ogc/api")),
        documents.collections(request("/ogc/collections")),
        documents.collection(request("/ogc/collections/lamp"), "lamp"),
        documents.queryables(request("/ogc/collections/lamp/queryables"), "lamp"),
        features.items(request("/ogc/collections/lamp/items"), "lamp"),
        features.item(request("/ogc/collections/lamp/items/00000"), "lamp", "00000"),
    ]
    for response in shown:
        assert isinstance(response, HttpResponse)
        text = response.content.decode()
        tags = set(re.findall(r"<\s*/?\s*([a-zA-Z!]+)", text))
        assert not tags & {"script", "img", "b", "i"}, tags
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    page = shown[5].content.decode()  # type: ignore[attr-defined]
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "{{7*7}}" in page


NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        (None, None),
        ("2026-05-01T00:00:00Z", datetime(2026, 5, 1, tzinfo=UTC)),
        ("2026-05-01t08:00:00.250+08:00", datetime(2026, 5, 1, microsecond=250_000, tzinfo=UTC)),
        ("2026-05-01", datetime(2026, 5, 1, tzinfo=UTC)),
        ("2016-12-31T23:59:60Z", datetime(2017, 1, 1, tzinfo=UTC)),
        ("2026-06-01T12:00:30Z", None),
        ("2026-01-01T00:00:00Z/2026-02-01T00:00:00Z", datetime(2026, 2, 1, tzinfo=UTC)),
        ("../2026-02-01T00:00:00Z", datetime(2026, 2, 1, tzinfo=UTC)),
        ("2026-01-01T00:00:00Z/..", None),
        ("2026-01-01T00:00:00Z/", None),
        ("2026-01-01T00:00:00Z/2099-02-01T00:00:00Z", None),
        ("../..", None),
    ],
)
def test_a_time_is_a_moment(text: str | None, moment: datetime | None) -> None:
    assert read_moment(text, NOW) == moment


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2026-13-01T00:00:00Z",
        "2026-05-01T00:00:00",
        "2026-05-01 00:00:00Z",
        "1/2/3",
        "2026/2025",
        "2026-05-01T00:00:00Z/2026-04-01T00:00:00Z",
        "2026-06-02T00:00:00Z",
        "0000-01-01",
        "٢٠٢٦-05-01",
        "0001-01-01T00:00:00+10:00",
        "2026-05-01T25:00:00Z",
    ],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(BadQuery, match="datetime"):
        read_moment(text, NOW)


@pytest.mark.parametrize(
    ("box", "codes"),
    [
        (Box(108.0, 22.5, 108.4, 22.9), [32649, 4524, 4545]),
        (Box(107.0, 22.5, 112.0, 26.0), [32648, 32649, 4524, 4525, 4545, 4546]),
        (Box(24.8, 60.1, 25.3, 60.4), [32635]),
        (Box(-70.0, -1.0, -69.5, 1.0), [32619, 32719]),
        (Box(179.5, 10, -179.5, 11), [32660, 32601]),
        (Box(7, 48, 8, 49), [32632]),
    ],
)
def test_zones_are_those_that_the_data_meets(box: Box, codes: list[int]) -> None:
    """EPSG 326xx: zone z covers 6z − 186 to 6z − 180 degrees; 4513 and 4534: meridians from 75, 3 apart."""
    found = [int(uri.removeprefix(EPSG)) for uri in systems(box)[4:]]
    assert sorted(found) == sorted(codes)
