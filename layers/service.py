"""What every view of the map layers is made with: the layers, who may see which counties, which version."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass, field
from typing import Any

from django.http import HttpRequest

from layers.catalog import Catalog
from layers.source import Counties


@dataclass(frozen=True)
class Contact:
    """Who runs a service, as capabilities tell it; what is empty is not told."""

    organisation: str = ""
    person: str = ""
    email: str = ""
    telephone: str = ""
    street: str = ""
    city: str = ""
    region: str = ""
    postcode: str = ""
    country: str = ""

    def __bool__(self) -> bool:
        return any(astuple(self))

    @property
    def postal(self) -> bool:
        """Whether anything is said of where letters go."""
        return bool(self.street or self.city or self.region or self.postcode or self.country)


@dataclass(frozen=True)
class MapService:
    """One service of map layers.

    Parameters
    ----------
    catalog
        Gives the layers, asked at each request.
    counties_of
        The counties whose features a request may see, None for every one; raises `Forbidden` for a token
        that does not hold.
    head
        What every document says of the data it was made of, for some counties: `grid_version`, `as_of`,
        `partial`, `missing_counties`.
    contact
        Who runs it.
    """

    catalog: Callable[[], Catalog]
    counties_of: Callable[[HttpRequest], Counties]
    head: Callable[[Counties], Mapping[str, Any]]
    contact: Contact = field(default_factory=Contact)
