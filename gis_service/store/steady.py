"""Writing while a cluster splits and moves the shards that are written: what was seen is what there is.

How a transaction can miss rows there is told in `sharding.replaced`. Small writes look at their end whether a
placement is new and are done again; long ones hold the shards of their counties from the beginning.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager

import psycopg2
from psycopg2 import extensions

from gis_service.errors import GridError, NotReady
from gis_service.store.database import ShardReplaced, in_transaction, is_refusal, node_watch
from sharding.replaced import hold, newest_placement


@contextmanager
def on_the_same_shards(cursor: extensions.cursor) -> Iterator[None]:
    """Refuse what a block has seen and written where a shard was split or moved meanwhile.

    A refusal out of the block may come of rows that were not seen, and is replaced as well.

    Raises
    ------
    ShardReplaced
        Nothing may be committed; the same again finds the new shard.
    """
    if not node_watch().spread:
        yield
        return
    before = newest_placement(cursor)
    try:
        yield
    except (GridError, psycopg2.Error) as error:
        refused = is_refusal(error) if isinstance(error, psycopg2.Error) else not isinstance(error, NotReady)
        if not refused:
            raise
        with in_transaction(read_only=True, one_statement=True) as other:
            moved = newest_placement(other) != before
        if moved:
            raise _replaced() from error
        raise
    if newest_placement(cursor) != before:
        raise _replaced()


def hold_counties(cursor: extensions.cursor, counties: Collection[str]) -> None:
    """Let the shards of these counties stay what and where they are until the transaction ends.

    Comes before everything else that it does with their rows.
    """
    if node_watch().spread:
        hold(cursor, "county_version", "county_code", counties, positive="version")


def _replaced() -> ShardReplaced:
    return ShardReplaced("a shard was split or moved meanwhile, and nothing was written: repeat the request")
