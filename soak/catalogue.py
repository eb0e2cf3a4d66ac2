"""The campaigns by name, in the order in which they run."""

from __future__ import annotations

from soak.campaign import Campaign
from soak.damage import damaged_snapshots
from soak.databases import killed_databases
from soak.disks import full_disks
from soak.engines import killed_engines
from soak.growth import grown_province
from soak.loads import killed_loads
from soak.moves import moved_shards
from soak.schemes import listed_schemes
from soak.workers import lost_workers

CAMPAIGNS = {
    one.name: one
    for one in (
        Campaign("load", "`gridgis load` is killed", killed_loads),
        Campaign("engine", "the engine is killed amid switch operations", killed_engines),
        Campaign("database", "PostgreSQL is killed amid loads and switch operations", killed_databases),
        Campaign("snapshot", "snapshots are damaged between two starts", damaged_snapshots),
        Campaign("workers", "a worker of a cluster is killed or frozen", lost_workers, citus=True),
        Campaign("moves", "a Citus cluster moves its shards under load", moved_shards, rounds=20, citus=True),
        Campaign("growth", "a province on one node, three, two", grown_province, rounds=1, citus=True),
        Campaign("schemes", "supply schemes beside a list of every one", listed_schemes),
        Campaign("disk", "a disk is full (root only: mounts small ones)", full_disks, rounds=15),
    )
}
