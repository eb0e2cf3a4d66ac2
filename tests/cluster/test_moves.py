"""The cluster changes under load, command by command: nothing fails or is lost, every answer is right.

The engine is a process of its own, asked over HTTP. Answers are held against an engine in memory, what is
left against a replay of the log and every answer a client got; `make soak ARGS="moves"` does so at random.
"""

from __future__ import annotations

import random
from typing import Any

import pytest

from soak.moves import MovedShards
from soak.ring import COUNTIES as RING
from soak.serving import serving
from soak.spread import SpreadGrid
from tests.cluster.citus_cluster import stored_in

pytestmark = pytest.mark.citus


def test_from_one_node_to_three_and_back_to_two_under_load(
    growing: SpreadGrid, django_db_blocker: Any
) -> None:
    first, second = growing.spare
    grid = growing
    with django_db_blocker.unblock(), stored_in(grid.here.dsn), serving(grid.here) as engine:
        moves = MovedShards(grid, engine)
        chance = random.Random(4)
        moves.under_load(
            [
                ("add-node", first),
                ("add-node", second),
                ("rebalance",),
                ("isolate", RING[0]),
                ("drain-node", second),
                ("remove-node", second),
            ],
            chance,
            break_off=False,
        )
        assert grid.counties_own() == {RING[0]}
        shards = grid.shards_by_address()
        assert second not in shards
        assert min(shards.values()) >= 2, shards
        assert sum(shards.values()) > 8  # the isolated county's shard is one more
        assert moves.seen["batches acknowledged"] > 20
        assert moves.seen["answers"] > 20
        assert moves.seen["reads of whole counties"] > 5
