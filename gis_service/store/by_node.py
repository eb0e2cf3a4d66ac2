"""Reading many counties node by node, so that one that does not answer costs its own counties and no others.

On one server there is one part, and its failures are the caller's.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from psycopg2 import extensions

from gis_service.errors import CountyAway
from gis_service.store.database import (
    DEADLINE_S,
    ShardReplaced,
    in_our_words,
    in_transaction,
    node_watch,
)
from sharding.deadlines import ShardingError
from sharding.placement import Node

NODE_DEADLINE_S = 3.0
"""How long a question waits for one node of a cluster."""

_TRIES = 5

Part = TypeVar("Part")


def read_by_node(
    counties: Collection[str],
    read: Callable[[extensions.cursor, list[str]], Part],
    *,
    one_statement: bool = False,
    deadline_s: float = NODE_DEADLINE_S,
) -> tuple[list[Part], dict[str, str]]:
    """What `read` gives for the counties of each node, and the counties of nodes that did not answer.

    One server gives one snapshot, unless the reading is by `one_statement`, which needs no begin and no end
    of a transaction; they take longer than most reads. Every node of a cluster is asked in a thread of its
    own, each statement a transaction of its own: within a longer one, a shard that was split or moved
    meanwhile would be read as it was before its rows came, without any.

    Returns
    -------
    parts, away
        In the order of nodes; county → why it could not be read.

    Raises
    ------
    NotReady
        When the coordinator does not answer.
    """
    if not counties:
        return [], {}
    watch = node_watch()
    try:
        if not watch.spread:
            with in_transaction(read_only=True, one_statement=one_statement, deadline_s=DEADLINE_S) as cursor:
                return [read(cursor, sorted(counties))], {}
        away = {county: str(why) for county, why in watch.away(counties).items()}
        groups = watch.by_node([county for county in counties if county not in away])
    except ShardingError as error:
        raise in_our_words(error) from error

    def ask(node: Node) -> Part | CountyAway:
        for _ in range(_TRIES - 1):
            with suppress(ShardReplaced):  # the next look finds the new one
                return ask_once(node)
        return ask_once(node)

    def ask_once(node: Node) -> Part | CountyAway:
        try:
            with (
                watch.lane(node, deadline_s),
                in_transaction(
                    read_only=True,
                    one_statement=True,
                    deadline_s=deadline_s,
                    counties=groups[node],
                ) as cursor,
            ):
                return read(cursor, groups[node])
        except ShardingError as error:
            return CountyAway(groups[node], str(error))
        except CountyAway as error:
            return CountyAway(groups[node], error.why)

    if len(groups) == 1:
        answers = [ask(node) for node in groups]
    elif groups:
        with ThreadPoolExecutor(len(groups)) as threads:
            answers = list(threads.map(ask, groups))
    else:
        answers = []
    parts: list[Part] = []
    for one in answers:
        if isinstance(one, CountyAway):
            away |= dict.fromkeys(one.counties, one.why)
        else:
            parts.append(one)
    return parts, away
