"""The same documents as pages that a person can browse, without a script or another host.

Every text goes through `format_html`, which escapes it: a feature may be called `<script>`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from layers.arrow_columns import arrow_of
from layers.features.addresses import Addresses, collection_path, item_path
from layers.features.documents import SUMMARY, TITLE
from layers.features.media import HTML
from layers.features.picture import map_of_extent, map_of_features
from layers.geojson_columns import Features
from layers.source import Box, Description, Page

_STYLE = SafeString(
    "body{font:15px/1.5 system-ui,sans-serif;margin:0 auto;max-width:72rem;padding:1rem;color:#1b2733}"
    "nav{margin-bottom:1rem}a{color:#0b5cad}table{border-collapse:collapse;font-size:13px}"
    "th,td{border-bottom:1px solid #d5dde5;padding:.25rem .6rem;text-align:left;white-space:nowrap}"
    ".wide{overflow-x:auto}figure{margin:1rem 0}svg{max-width:640px;width:100%;max-height:480px;"
    "background:#f4f7fa;border:1px solid #d5dde5}.area{fill:#0b5cad22;stroke:#0b5cad}"
    ".line{fill:none;stroke:#0b5cad;stroke-width:1.5}circle{fill:#c2410c}figcaption,.about{color:#5a6b7b}"
    "code{background:#f4f7fa;padding:0 .2rem}"
)


def _page(title: str, trail: Iterable[tuple[str, str]], *body: SafeString) -> str:
    return format_html(
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><title>{}</title><style>{}</style></head>'
        "<body><nav>{}</nav><h1>{}</h1>{}</body></html>",
        title,
        _STYLE,
        format_html_join(" › ", '<a href="{}">{}</a>', trail),
        title,
        format_html_join("", "{}", ((one,) for one in body)),
    )


def _home(to: Addresses, *further: tuple[str, str]) -> list[tuple[str, str]]:
    return [(_read(to, ""), TITLE), *((_read(to, path), name) for path, name in further)]


def _read(to: Addresses, path: str) -> str:
    """The address of the page of a document, whatever the browser accepts."""
    return to.of(path or "/", {"f": "html"})


def _links(links: Iterable[Mapping[str, Any]]) -> SafeString:
    rows = ((one["href"], one["title"], one["type"]) for one in links if one["rel"] != "self")
    listed = format_html_join("", '<li><a href="{}">{}</a> <span class="about">{}</span></li>', rows)
    return format_html("<ul>{}</ul>", listed)


def _paragraph(text: str) -> SafeString:
    return format_html("<p>{}</p>", text)


def landing(to: Addresses, document: Mapping[str, Any]) -> str:
    """The landing page."""
    return _page(
        TITLE,
        [],
        _paragraph(SUMMARY),
        format_html('<p><a href="{}">Browse the collections</a></p>', _read(to, "/collections")),
        _links(document["links"]),
    )


def conformance(to: Addresses, document: Mapping[str, Any]) -> str:
    """Standards that are met."""
    rows = format_html_join("", "<li><code>{}</code></li>", ((one,) for one in document["conformsTo"]))
    return _page("Standards that are met", _home(to), format_html("<ul>{}</ul>", rows))


def api(to: Addresses, document: Mapping[str, Any]) -> str:
    """The API, an address after another."""
    parts = []
    for path, methods in document["paths"].items():
        get = methods["get"]
        rows = (
            (one["name"], one["schema"].get("type", ""), one.get("description", ""))
            for one in get.get("parameters", ())
        )
        table = format_html_join("", "<tr><td><code>{}</code></td><td>{}</td><td>{}</td></tr>", rows)
        parts.append(
            format_html(
                '<h2><code>{}</code></h2><p>{}</p><div class="wide"><table>{}</table></div>',
                path,
                get["summary"],
                table,
            )
        )
    described = format_html('<p><a href="{}">OpenAPI 3.0 in JSON</a></p>', to.of("/api", {"f": "json"}))
    return _page("The API", _home(to), described, *parts)


def collections(to: Addresses, document: Mapping[str, Any]) -> str:
    """All collections."""
    rows = (
        (_read(to, collection_path(one["id"])), one["title"], one["description"])
        for one in document["collections"]
    )
    table = format_html_join("", '<tr><td><a href="{}">{}</a></td><td>{}</td></tr>', rows)
    return _page("Collections", _home(to), format_html("<table>{}</table>", table), _links(document["links"]))


def collection(to: Addresses, document: Mapping[str, Any]) -> str:
    """One collection, with a map of where it lies."""
    path = collection_path(document["id"])
    bbox = document.get("extent", {}).get("spatial", {}).get("bbox")
    systems = format_html_join("", "<li><code>{}</code></li>", ((one,) for one in document["crs"]))
    return _page(
        document["title"],
        _home(to, ("/collections", "Collections")),
        _paragraph(document["description"]),
        format_html(
            '<p><a href="{}">Browse the features</a> · <a href="{}">What can be asked for</a></p>',
            _read(to, f"{path}/items"),
            _read(to, f"{path}/queryables"),
        ),
        map_of_extent(Box(*bbox[0]) if bbox else None),
        _links(document["links"]),
        format_html("<h2>Reference systems</h2><ul>{}</ul>", systems),
    )


def queryables(to: Addresses, document: Mapping[str, Any], path: str) -> str:
    """What a filter may name."""
    rows = (
        (name, one.get("type", one.get("format", "")), one["title"])
        for name, one in document["properties"].items()
    )
    table = format_html_join("", "<tr><td><code>{}</code></td><td>{}</td><td>{}</td></tr>", rows)
    trail = _home(to, ("/collections", "Collections"), (path, document["title"]))
    return _page("What can be asked for", trail, format_html("<table>{}</table>", table))


def items(
    to: Addresses,
    description: Description,
    pages: Sequence[Page],
    links: Sequence[Mapping[str, Any]],
    counted: Mapping[str, int],
) -> str:
    """A page of features: a map and a table."""
    parts = [page.features for page in pages]
    returned = sum(len(part) for part in parts)
    matched = counted.get("numberMatched")
    about = counted.get("numberMatchedEstimate")
    of = f" of {matched}" if matched is not None else f" of about {about}" if about is not None else ""
    names = list(parts[0].properties)
    head = format_html_join("", "<th>{}</th>", ((name,) for name in ["", *names]))
    rows = format_html_join(
        "", "<tr>{}</tr>", ((one,) for part in parts for one in _rows(to, description, part))
    )
    following = [one for one in links if one["rel"] == "next"]
    path = collection_path(description.id)
    return _page(
        f"{description.title}: features",
        _home(to, ("/collections", "Collections"), (path, description.title)),
        _paragraph(f"{returned}{of} features"),
        map_of_features(parts),
        format_html('<div class="wide"><table><tr>{}</tr>{}</table></div>', head, rows),
        format_html_join(
            "", '<p><a href="{}" rel="next">Next page</a></p>', ((one["href"],) for one in following)
        ),
        _links(one for one in links if one["rel"] == "alternate"),
    )


def _rows(to: Addresses, description: Description, part: Features) -> Iterable[SafeString]:
    ids = [""] * len(part) if part.ids is None else arrow_of(part.ids).to_pylist()
    columns = [arrow_of(column).to_pylist() for column in part.properties.values()]
    for id, *values in zip(ids, *columns, strict=True):
        link = format_html('<td><a href="{}">{}</a></td>', _read(to, item_path(description.id, id)), id)
        cells = format_html_join("", "<td>{}</td>", ((_text(one),) for one in values))
        yield link + cells


def item(
    to: Addresses, description: Description, id: str, feature: Features, links: Sequence[Mapping[str, Any]]
) -> str:
    """One feature: a map and its properties."""
    rows = ((name, _text(arrow_of(column)[0].as_py())) for name, column in feature.properties.items())
    path = collection_path(description.id)
    return _page(
        f"{description.title}: {id}",
        _home(to, ("/collections", "Collections"), (path, description.title), (f"{path}/items", "Features")),
        map_of_features([feature]),
        format_html("<table>{}</table>", format_html_join("", "<tr><th>{}</th><td>{}</td></tr>", rows)),
        _links(one for one in links if one["type"] != HTML),
    )


def _text(value: Any) -> str:
    if value is None:
        return ""
    return ("no", "yes")[value] if isinstance(value, bool) else str(value)
