"""Layer names → sources, in the order in which a client lists them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from layers.source import NoSuchLayer, Source


class Catalog:
    """The layers one service offers."""

    def __init__(self, sources: Iterable[Source]) -> None:
        self._sources = {source.description.id: source for source in sources}

    def __iter__(self) -> Iterator[Source]:
        return iter(self._sources.values())

    def __getitem__(self, id: str) -> Source:
        """The source of a layer; NoSuchLayer lists those there are."""
        try:
            return self._sources[id]
        except KeyError:
            raise NoSuchLayer(
                f"no collection is called {id!r}; there are {', '.join(self._sources)}"
            ) from None
