"""Pages of features for a request, filled by reading on where a condition is on what no database knows.

Bounded: a request that has read for long ends with what it has found, and says where to go on.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from layers.features.asked import Asked
from layers.filter.columns import kept
from layers.filter.tree import Expression, both
from layers.rows import taken
from layers.source import Page, Query, Source, Unreachable

ROWS_AT_ONCE = 10_000
"""Features that are read together; a longer answer is sent while it is read, in bounded memory."""

READ_ON_S = 2.0
"""How long a request looks for more features that meet a condition before it ends with a `next` link."""

_LEAST_ROWS = 500
_MANY_FOR_ONE = 4


def pages(source: Source, asked: Asked) -> Iterator[Page]:
    """The features asked for, a piece of the table at a time, each read when the one before is written.

    The last page tells in `after` where the next request goes on, None at the end of the layer.
    """
    began = time.monotonic()
    query, left = asked.query, asked.query.limit
    rows = left if asked.live is None else max(_MANY_FOR_ONE * left, _LEAST_ROWS)
    while True:
        page = source.page(replace(query, limit=min(rows, ROWS_AT_ONCE)))
        condition = both(None if page.sifted else query.where, asked.live)
        if condition is not None:
            page = _sifted(source, query, page, condition, left)
        left -= len(page.features)
        rows = left if condition is None else 2 * max(rows, _LEAST_ROWS)
        yield page
        if page.after is None or not left:
            return
        if condition is not None and time.monotonic() - began > READ_ON_S:
            return
        query = replace(query, after=page.after)


def _sifted(source: Source, query: Query, page: Page, condition: Expression, left: int) -> Page:
    """The features of a page that a condition keeps, at most so many."""
    while True:
        rows = np.flatnonzero(kept(condition, page.features))
        if len(rows) <= left:
            return replace(page, features=taken(page.features, rows))
        # only a source can write the key of a feature: it is asked for the page that ends there
        page = source.page(replace(query, limit=int(rows[left - 1]) + 1))


def as_whole_as(first: Page, further: Iterator[Page]) -> Iterator[Page]:
    """The further pages of an answer that has named what it misses: more must not be missing silently.

    Raises
    ------
    Unreachable
        Breaks the answer off.
    """
    for page in further:
        if not set(page.missing) <= set(first.missing):
            raise Unreachable(f"county {', '.join(page.missing)} went away while its features were sent")
        yield page
