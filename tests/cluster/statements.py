"""What a cluster was really asked: each statement that came to the coordinator, and the shards it went on to.

Read from the coordinator's log, where Citus writes every command that it sends to a worker. Only sessions
made with `logged` write there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from psycopg2.extensions import make_dsn

from tests.cluster.citus_cluster import CitusCluster

_ENTRY = re.compile(
    r"^\S+ \S+ \S+ \[(\d+)\] \S* ?(LOG|NOTICE|DETAIL|WARNING|ERROR|STATEMENT|CONTEXT|HINT):  (.*)$"
)
_TOLD = (
    "-c citus.log_remote_commands=on -c log_statement=all"
    " -c log_min_messages=notice -c client_min_messages=warning"
)


@dataclass
class Statement:
    """One statement as the service sent it; `shards` are places in the ring, the same for all tables."""

    text: str
    shards: set[int] = field(default_factory=set)
    commands: int = 0

    def __str__(self) -> str:
        return f"{' '.join(self.text.split())[:240]} → {sorted(self.shards)}"


def logged(dsn: str) -> str:
    """The same database, each statement and what it leads to written to the server's log."""
    return make_dsn(dsn, options=_TOLD)


class Recorder:
    """The statements since the last look."""

    def __init__(self, cluster: CitusCluster) -> None:
        status = cluster.nodes[0].status()
        assert status.directory is not None
        self._log = status.directory / "server.log"
        self._cluster = cluster
        rows = cluster.ask(
            "SELECT logicalrelid::text, shardid, shardminvalue FROM pg_dist_shard"
            " WHERE shardminvalue IS NOT NULL"
        )
        places = {low: place for place, low in enumerate(sorted({int(low) for _, _, low in rows}))}
        self._place = {f"{table}_{shard}": places[int(low)] for table, shard, low in rows}
        self._shard = re.compile(rf"\b({'|'.join(sorted({re.escape(table) for table, _, _ in rows}))})_\d+\b")
        self._read_to = 0
        self.skip()

    def skip(self) -> None:
        """Forget what was recorded so far."""
        self._read_to = self._log.stat().st_size

    def statements(self) -> list[Statement]:
        """What came since the last look, in order; transaction commands that reach no shard are left out."""
        with self._log.open(errors="replace") as log:
            log.seek(self._read_to)
            text = log.read()
        self._read_to += len(text.encode(errors="replace"))
        found: list[Statement] = []
        latest: dict[str, Statement] = {}
        for process, kind, said in _entries(text):
            if kind == "LOG" and said.startswith("statement: "):
                latest[process] = Statement(said.removeprefix("statement: "))
                found.append(latest[process])
            elif kind == "NOTICE" and said.startswith("issuing ") and process in latest:
                latest[process].commands += 1
                latest[process].shards |= {
                    self._place[match[0]] for match in self._shard.finditer(said) if match[0] in self._place
                }
        return [one for one in found if one.shards]

    def place(self, county: str) -> int:
        """Where a county's rows lie."""
        ((shard,),) = self._cluster.ask("SELECT get_shard_id_for_distribution_column('switch', %s)", county)
        return self._place[f"switch_{shard}"]

    @property
    def places(self) -> int:
        """How many places there are."""
        return len(set(self._place.values()))


def _entries(text: str) -> Iterator[tuple[str, str, str]]:
    """Process, kind and text of each entry of a log; lines that go on begin with a tab."""
    entry: tuple[str, str, str] | None = None
    for line in text.splitlines():
        match = _ENTRY.match(line)
        if match is not None:
            if entry is not None:
                yield entry
            entry = match[1], match[2], match[3]
        elif entry is not None:
            entry = entry[0], entry[1], f"{entry[2]}\n{line.strip()}"
    if entry is not None:
        yield entry
