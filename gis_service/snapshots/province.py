"""A province out of its snapshots: what fits is mapped, what does not is made again, and both are told.

`Shelf` keeps the snapshots of one database in one directory. Whatever goes wrong with a file (missing,
damaged, of another load, another format, another program, no room to write) costs time and a line in the log,
never an answer.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Collection, Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import xxhash

import gis_service.kernels
import gis_service.network
from gis_service.errors import GridError, NotReady
from gis_service.ingest import spec
from gis_service.kernels.compiled import B1
from gis_service.network.build import build_topology, id_columns
from gis_service.network.ids import IdIndex
from gis_service.network.stored import feeders_from_arrays, topology_arrays, topology_from_arrays
from gis_service.network.tables import GridTables
from gis_service.network.topology import Topology
from gis_service.snapshots.budget import Budget
from gis_service.snapshots.counties import Counties, HeldCounty
from gis_service.snapshots.county import CountyKey, county_snapshot, fits
from gis_service.snapshots.directory import county_file, province_file, tidy
from gis_service.snapshots.file import (
    CannotWrite,
    Snapshot,
    SnapshotFile,
    SnapshotInMemory,
    write_snapshot,
)
from gis_service.snapshots.layout import Arrays, BadSnapshot, Meta

log = logging.getLogger("gis_service.snapshots")

ReadCounty = Callable[[CountyKey], GridTables]
"""Gives the tables of exactly that content, or raises `GridError`."""

Tell = Callable[[str], None]
"""Takes a sentence on a snapshot that is made again."""


def log_recovered(said: str) -> None:
    """Say so in the log."""
    log.warning("recovered: %s", said)


class Shelf:
    """The snapshots of one database.

    Parameters
    ----------
    directory
        Made when something is written.
    read
        Where a county comes from that no snapshot holds.
    budget
        For the columns of the counties.
    tell
        Is told what was damaged and is made again.
    """

    def __init__(self, directory: Path, read: ReadCounty, budget: Budget, tell: Tell = log_recovered) -> None:
        self.directory = directory
        self._tell = tell
        self._read = read
        self._budget = budget
        self._held: dict[CountyKey, HeldCounty] = {}
        self._cannot_write = ""

    def counties(self, keys: Collection[CountyKey]) -> Counties:
        """These counties, from snapshots where they fit; others are read, and written for the next time.

        Raises
        ------
        GridError
            What reading a county raises.
        """
        began = time.monotonic()
        made = 0
        held: dict[CountyKey, HeldCounty] = {}
        for key in sorted(keys, key=lambda one: one.county):
            found = self._held.get(key)
            if found is None:
                snapshot: Snapshot | None = self._stored(key)
                if snapshot is None:
                    snapshot = self._made(key)
                    made += 1
                    log.info(
                        "county %s: read from the database (%d of %d)", key.county, len(held) + 1, len(keys)
                    )
                found = HeldCounty(key, snapshot, self._repaired, self._budget)
            held[key] = found
        self._held = held
        log.info(
            "%d counties opened in %.1f s, %d of them read from the database",
            len(held),
            time.monotonic() - began,
            made,
        )
        return Counties(list(held.values()))

    def topology(self, counties: Counties, open: B1 | None = None) -> Topology:
        """The network of the counties, from its snapshot where it fits, else built and written.

        Parameters
        ----------
        open
            How the switches stand, bool `(n_switches,)`; None: as the counties' snapshots say.
        """
        tables = counties.tables if open is None else counties.with_switches(open)
        identity = _identity(counties)
        path = province_file(self.directory, identity)
        stored = self._stored_network(path, identity)
        if stored is None:
            began = time.monotonic()
            topology = build_topology(tables)
            log.info("network of %d counties built in %.1f s", len(counties.held), time.monotonic() - began)
            meta: Meta = {"kind": "province", "key": [one.key.as_list() for one in counties.held]}
            meta |= {"identity": identity, "made_by": program()}
            arrays = _prefixed("network", topology_arrays(topology)) | _prefixed("ids", topology.ids.arrays())
            if not self._write(path, meta, arrays):
                return topology
            # the mapped arrays in the place of those just built: the system may drop their pages
            stored = self._stored_network(path, identity)
            if stored is None:
                return topology
        return _network_of(tables, stored, open)

    def check_beside(self, counties: Counties) -> threading.Thread:
        """Compare all counties with their checksums beside the questions, which compare those they need."""
        thread = threading.Thread(target=_check, args=[counties], name="snapshot checker", daemon=True)
        thread.start()
        return thread

    def tidy(self, counties: Counties) -> None:
        """Remove what neither these counties need nor any process has open."""
        wanted = {county_file(self.directory, one.key) for one in counties.held}
        removed = tidy(self.directory, {*wanted, province_file(self.directory, _identity(counties))})
        if removed:
            log.info("%d snapshots that nobody needs any more were removed", len(removed))

    def _stored(self, key: CountyKey) -> SnapshotFile | None:
        try:
            snapshot = SnapshotFile(county_file(self.directory, key))
            if not fits(snapshot.meta, key):
                raise BadSnapshot("holds something else")
        except FileNotFoundError:
            return None
        except BadSnapshot as bad:
            self._tell(f"the snapshot of county {key.county} {bad}; reading it from the database")
            return None
        return snapshot

    def _made(self, key: CountyKey) -> Snapshot:
        meta, arrays = county_snapshot(key, self._read(key))
        if self._write(county_file(self.directory, key), meta, arrays):
            try:
                return SnapshotFile(county_file(self.directory, key))
            except (FileNotFoundError, BadSnapshot) as error:
                log.warning("county %s: its snapshot was written and %s; kept in memory", key.county, error)
        return SnapshotInMemory(meta, arrays)

    def _repaired(self, key: CountyKey, content: str, why: str) -> Snapshot:
        self._tell(f"the snapshot of county {key.county} {why}; reading it from the database")
        snapshot = self._made(key)
        snapshot.verify()
        if snapshot.meta["content"] != content:
            raise NotReady(
                f"the snapshot of county {key.county} is damaged and the database holds other rows under the "
                f"same version: restart the engine to read all of it again"
            )
        return snapshot

    def _stored_network(self, path: Path, identity: str) -> SnapshotFile | None:
        try:
            snapshot = SnapshotFile(path)
            if snapshot.meta.get("identity") != identity or snapshot.meta.get("made_by") != program():
                log.info("the snapshot of the network is of other counties or another program; building it")
                return None
            snapshot.verify()
        except FileNotFoundError:
            return None
        except BadSnapshot as bad:
            self._tell(f"the snapshot of the network {bad}; building it of its counties")
            return None
        return snapshot

    def _write(self, path: Path, meta: Meta, arrays: Arrays) -> bool:
        try:
            write_snapshot(path, meta, arrays)
        except CannotWrite as error:
            if str(error) != self._cannot_write:
                self._cannot_write = str(error)
                log.warning(
                    "snapshots cannot be written to %s (%s): going on without, at the cost of memory and of "
                    "a slower next start",
                    self.directory,
                    error,
                )
            return False
        self._cannot_write = ""
        return True


def _identity(counties: Counties) -> str:
    return json.dumps([[*one.key.as_list(), one.content] for one in counties.held])


def _check(counties: Counties) -> None:
    began = time.monotonic()
    for county in counties.held:
        try:
            county.verify()
        except GridError as error:  # the question that needs the county tries again, and says so
            log.warning("county %s: %s", county.key.county, error)
    seconds = time.monotonic() - began
    log.info("%d counties compared with their checksums in %.1f s", len(counties.held), seconds)


def write_counties(directory: Path, counties: Iterable[tuple[str, GridTables]]) -> list[CountyKey]:
    """Snapshots straight of tables, with no database, all at topology version 1; their keys.

    Raises
    ------
    CannotWrite
        When there is no room, or the directory cannot be written to.
    """
    keys: list[CountyKey] = []
    for county, tables in counties:
        key = CountyKey(county, 1)
        write_snapshot(county_file(directory, key), *county_snapshot(key, tables))
        keys.append(key)
    return keys


@lru_cache(maxsize=1)
def program() -> str:
    """Identity of the code that a stitched network depends on: who changes it need not think of snapshots."""
    found = xxhash.xxh3_64()
    packages = [Path(str(one.__file__)).parent for one in (gis_service.kernels, gis_service.network)]
    sources = [path for package in packages for path in sorted(package.glob("*.py"))]
    for path in (*sources, Path(str(spec.__file__))):
        found.update(path.read_bytes())
    return found.hexdigest()


def _network_of(tables: GridTables, snapshot: SnapshotFile, open: B1 | None) -> Topology:
    named = {name: snapshot.array(name) for name in snapshot.names}
    network = {
        name.removeprefix("network."): one for name, one in named.items() if name.startswith("network.")
    }
    indexed = {name.removeprefix("ids."): one for name, one in named.items() if name.startswith("ids.")}
    if open is not None:
        network["switchgear.loaded_open"] = open
    ids = IdIndex.from_arrays(id_columns(tables, feeders_from_arrays(network)), indexed)
    return topology_from_arrays(tables, ids, network)


def _prefixed(prefix: str, arrays: Arrays) -> dict[str, np.ndarray[Any, Any]]:
    return {f"{prefix}.{name}": array for name, array in arrays.items()}
