"""Where the documents of a request lie, and links to them (RFC 8288); each carries on the request's token."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

from django.http import HttpRequest

from layers.features.media import TITLES, by_media_type
from layers.scope import carry

Link = dict[str, str]


@dataclass(frozen=True)
class Addresses:
    """Addresses as the client of this request sees them; `root` is where the landing page lies."""

    request: HttpRequest
    root: str
    base: str = field(init=False)

    def __post_init__(self) -> None:
        prefix = self.request.META.get("SCRIPT_NAME", "").rstrip("/")
        object.__setattr__(self, "base", self.request.build_absolute_uri(f"{prefix}/{self.root}"))

    def of(self, path: str, query: Mapping[str, str] | None = None) -> str:
        """The address of a path below the landing page, `/collections` for one."""
        asked = f"?{urlencode(query)}" if query else ""
        return carry(self.request, f"{self.base}{path}{asked}")

    def link(
        self, path: str, rel: str, type: str, title: str, query: Mapping[str, str] | None = None
    ) -> Link:
        """A link."""
        return {"href": self.of(path, query), "rel": rel, "type": type, "title": title}

    def forms(
        self, path: str, offered: Mapping[str, str], chosen: str, query: Mapping[str, str] | None = None
    ) -> Iterable[Link]:
        """The link to a document itself, and to its other forms (OGC 17-069r4, 7.2 and following).

        Parameters
        ----------
        offered
            Value of `f` → media type.
        chosen
            The media type of the document that holds the links.
        """
        given = {name: value for name, value in (query or {}).items() if name != "f"}
        own = {"f": query["f"]} if query and "f" in query else {}
        yield self.link(path, "self", chosen, "This document", {**given, **own})
        others = {type: f for type, f in by_media_type(offered).items() if type != chosen}
        for type, f in others.items():
            title = f"This document as {TITLES[type]}"
            yield self.link(path, "alternate", type, title, {**given, "f": f})


def collection_path(id: str) -> str:
    """The path of a collection."""
    # a colon may stand in a path as it is (RFC 3986, 3.3), and clients look for the name as it is
    return f"/collections/{quote(id, safe=':')}"


def item_path(collection: str, id: str) -> str:
    """The path of a feature."""
    return f"{collection_path(collection)}/items/{quote(id, safe='')}"
