"""Which nodes of a cluster answer, watched beside the work, and what to do when one goes and comes back.

One thread asks every node by itself, apart from any pool; a question learns at once that a node is away and
never has to find out by waiting. A node that comes back counts as away until what it left undecided is
settled.
On one server there is nothing to watch.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from psycopg2 import extensions

from sharding.asking import Refused, up_since
from sharding.cluster import Pool, ShardingError
from sharding.distribute import is_citus
from sharding.placement import Node, nodes, placements

log = logging.getLogger("gis_service.sharding")

EVERY_S = 1.0
PATIENCE_S = 2.0
SILENT = 2  # looks in a row without an answer: one alone may be a busy machine
AT_ONCE = 4
_LOOK_S = 3.0


@dataclass(frozen=True, slots=True)
class Away:
    """A node that does not answer, and since when."""

    node: Node
    since: datetime

    def __str__(self) -> str:
        return f"node {self.node} has not answered since {self.since.isoformat(timespec='seconds')}"


class NodeAway(ShardingError):
    """Rows were asked for whose node does not answer; `keys` are theirs."""

    def __init__(self, away: Mapping[str, Away]) -> None:
        self.away = dict(away)
        self.keys = tuple(sorted(away))
        said = "; ".join(sorted({str(one) for one in away.values()}))
        super().__init__(said)


@dataclass(slots=True)
class _Seen:
    """What is known of one node; `started` None while it is away."""

    started: datetime | None
    changed: datetime
    settled: bool
    silent: int = 0


class NodeWatch:
    """The nodes of one cluster.

    Parameters
    ----------
    pool
        Connections to the coordinator; blocks that rely on a node which goes away are given up there.
    parameters
        What `psycopg2.connect` takes by name for the coordinator; the nodes are asked with the same.
    table
        A distributed table: where its rows are, those of all colocated tables are.
    settle
        Called with a node that came back, before it counts as answering; what it raises is tried again.
    """

    def __init__(
        self,
        pool: Pool,
        parameters: Mapping[str, Any],
        table: str,
        settle: Callable[[Node], object],
        *,
        every_s: float = EVERY_S,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._pool = pool
        self._own = Pool(parameters, size=2)  # so that a busy pool cannot hide what the nodes do
        self._parameters = dict(parameters)
        self._table = table
        self._settle = settle
        self._every_s = every_s
        self._patience_s = patience_s
        self._lock, self._looking = threading.Lock(), threading.Lock()
        self._wake, self._stop = threading.Event(), threading.Event()
        self._spread: bool | None = None
        self._places: dict[str, Node] = {}
        self._seen: dict[Node, _Seen] = {}
        self._lanes: dict[Node, threading.BoundedSemaphore] = {}
        self._thread: threading.Thread | None = None

    @property
    def spread(self) -> bool:
        """Whether there are several nodes at all; asks the coordinator the first time."""
        if self._spread is None:
            with self._own.transaction(deadline_s=_LOOK_S) as held, held.cursor() as cursor:
                self._spread = is_citus(cursor)
        return self._spread

    def places(self, keys: Collection[str]) -> dict[str, Node]:
        """The node of each key; the coordinator's address for all of them on one server."""
        self._begin()
        if unknown := [key for key in keys if key not in self._places]:
            with self._own.transaction(deadline_s=_LOOK_S) as held, held.cursor() as cursor:
                self._learn(cursor, unknown)
        return {key: self._places[key] for key in keys}

    def by_node(self, keys: Collection[str]) -> dict[Node, list[str]]:
        """The keys of each node, nodes and keys in order."""
        found: dict[Node, list[str]] = {}
        for key, node in sorted(self.places(keys).items(), key=lambda one: (one[1], one[0])):
            found.setdefault(node, []).append(key)
        return found

    def away(self, keys: Collection[str]) -> dict[str, Away]:
        """Those of the keys whose node does not answer."""
        if not self.spread:
            return {}
        found: dict[str, Away] = {}
        for key, node in self.places(keys).items():
            seen = self._seen.get(node)
            if seen is not None and not (seen.started and seen.settled):
                found[key] = Away(node, seen.changed)
        return found

    def require(self, keys: Collection[str]) -> list[Node]:
        """The nodes of these keys, all of which answer.

        Raises
        ------
        NodeAway
            Where one of them does not.
        """
        if not self.spread:
            return []
        if away := self.away(keys):
            raise NodeAway(away)
        return sorted(set(self.places(keys).values()))

    @contextmanager
    def lane(self, node: Node, deadline_s: float) -> Iterator[None]:
        """One of a few places for work on this node, so that a slow one never takes all connections.

        Raises
        ------
        NodeAway
            When none becomes free in time.
        """
        with self._lock:
            places = self._lanes.setdefault(node, threading.BoundedSemaphore(AT_ONCE))
        if not places.acquire(timeout=deadline_s):
            raise NodeAway({"": Away(node, datetime.now(UTC))})
        try:
            yield
        finally:
            places.release()

    def look(self) -> None:
        """Ask the nodes now; returns when it is known of each whether it answers."""
        if not self.spread:
            return
        self._begin()
        for _ in range(SILENT):
            self._look()
            if not any(seen.silent and seen.started for seen in self._seen.values()):
                return

    def suspect(self) -> None:
        """Something failed: ask the nodes now instead of in a second."""
        self._wake.set()

    def answering(self) -> dict[Node, Away | None]:
        """Every worker as last seen, sorted; None beside one that answers."""
        if not self.spread:
            return {}
        self._begin()
        return {
            node: None if seen.started and seen.settled else Away(node, seen.changed)
            for node, seen in sorted(self._seen.items())
        }

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        self._wake.set()
        self._own.close()

    def _begin(self) -> None:
        """Watch from the first use on; the first look is made before this returns."""
        if not self.spread:
            return
        with self._lock:
            if self._thread is not None:
                return
            self._thread = threading.Thread(target=self._run, name="node watch", daemon=True)
            try:
                self._look()
                if any(seen.started is None for seen in self._seen.values()):
                    self._look()  # a busy machine is no reason to begin without a node
            except BaseException:
                self._thread = None
                raise
            self._thread.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            unsure = any(seen.silent and seen.started for seen in self._seen.values())
            self._wake.wait(0.0 if unsure else self._every_s)
            self._wake.clear()
            if self._stop.is_set():
                return
            try:
                self._look()
            except ShardingError as error:  # the coordinator is away: who asks it says so
                log.debug("the nodes cannot be listed: %s", error)
            except Exception:
                log.exception("looking at the nodes failed; trying again")

    def _look(self) -> None:
        """Ask the coordinator where everything is, and every worker whether it answers."""
        with self._looking:
            self._look_alone()

    def _look_alone(self) -> None:
        try:
            with self._own.transaction(deadline_s=_LOOK_S) as held, held.cursor() as cursor:
                workers = [one for one in nodes(cursor) if not one.coordinator]
                self._learn(cursor, self._places)
        except ShardingError:
            if not self._seen:
                raise
            workers = list(self._seen)
        with ThreadPoolExecutor(max(1, len(workers))) as threads:
            started = dict(zip(workers, threads.map(self._ask, workers), strict=True))
        for gone in self._seen.keys() - started.keys():
            del self._seen[gone]
        for node, since in started.items():
            self._judge(node, since)

    def _ask(self, node: Node) -> datetime | Refused | None:
        parameters = {**self._parameters, "host": node.host, "port": node.port}
        try:
            return up_since(parameters, patience_s=self._patience_s)
        except Refused as error:
            return error

    def _judge(self, node: Node, found: datetime | Refused | None) -> None:
        started = found if isinstance(found, datetime) else None
        seen = self._seen.get(node)
        if seen is None:
            # what was left undecided before this process began is settled by whoever starts it
            self._seen[node] = _Seen(started, datetime.now(UTC), settled=True)
            return
        was_here = seen.started is not None
        seen.silent = seen.silent + 1 if found is None else 0
        if started is None:
            if was_here and (isinstance(found, Refused) or seen.silent >= SILENT):
                self._seen[node] = _Seen(None, datetime.now(UTC), settled=False)
                away = Away(node, self._seen[node].changed)
                log.warning("%s: what needs it is given up", away)
                self._pool.give_up(node, str(away))
            return
        if started != seen.started:
            changed = datetime.now(UTC) if was_here else seen.changed
            self._seen[node] = seen = _Seen(started, changed, settled=False)
        if not seen.settled:
            self._return(node, seen)

    def _return(self, node: Node, seen: _Seen) -> None:
        began = time.monotonic()
        try:
            self._settle(node)
        except Exception as error:  # noqa: BLE001  # whatever it is, the node does not count before it is settled
            log.info(
                "node %s answers again, and what it left undecided cannot be settled yet: %s", node, error
            )
            return
        seen.settled = True
        seen.changed = datetime.now(UTC)
        log.warning(
            "node %s answers again; what it left undecided was settled in %.1f s",
            node,
            time.monotonic() - began,
        )

    def _learn(self, cursor: extensions.cursor, keys: Collection[str]) -> None:
        found = placements(cursor, self._table, keys)
        self._places = {**self._places, **{key: one.node for key, one in found.items()}}
