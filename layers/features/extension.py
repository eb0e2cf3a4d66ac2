"""What another standard adds to this service: its conformance classes, links and addresses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from layers.source import Description


class Related(NamedTuple):
    """A link to a document below the landing page; `templated` where the path has variables."""

    path: str
    rel: str
    type: str
    title: str
    templated: bool = False


def _nothing(_description: Description) -> Sequence[Related]:
    return ()


@dataclass(frozen=True)
class Extension:
    """One more standard.

    Parameters
    ----------
    conformance
        URIs of the classes that are met.
    landing
        What the landing page links to beside its own.
    of_collection
        What a collection links to beside its own.
    paths
        Paths of OpenAPI 3.0 beside those of features.
    """

    conformance: Sequence[str] = ()
    landing: Sequence[Related] = ()
    of_collection: Callable[[Description], Sequence[Related]] = _nothing
    paths: Mapping[str, Any] | None = None
