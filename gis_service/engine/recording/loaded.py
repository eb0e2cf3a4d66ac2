"""What a load means for the record: interruptions that it brings to an end."""

from __future__ import annotations

import logging
from collections.abc import Collection

from gis_service.network.build import build_topology
from gis_service.network.switching import loaded_state
from gis_service.store import GridTransaction
from gis_service.tracing.supply import supplied

log = logging.getLogger("gis_service.engine")


def end_restored(write: GridTransaction, counties: Collection[str]) -> None:
    """End the lasting interruptions of customers who are supplied in the grid as just loaded.

    Called inside the transaction of a load, with the counties it loaded. Nobody's interruption begins
    here: a load is not an operation, and who was supplied before it is no longer known. Where a node is away,
    who is supplied cannot be said: then the next operation that is recorded ends them, at the same time.
    """
    versions = write.versions()
    if write.away(versions):
        log.warning("a node is away: interruptions that this load ended are closed by the next operation")
        return
    write.need(versions)
    lasting = write.lasting_interruptions(list(versions))
    if not lasting:
        return
    tables = write.tables()
    topology = build_topology(tables)
    lit = supplied(topology, loaded_state(topology))
    restored = set(zip(tables.customers.county[lit].tolist(), tables.customers.id[lit].tolist(), strict=True))
    write.close_interruptions(
        sorted(lasting.keys() & restored), max(versions[county].loaded_at for county in counties)
    )
