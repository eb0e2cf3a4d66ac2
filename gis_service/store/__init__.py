"""Counties between the database and the engine: the only reader and writer of the grid tables.

Loads and exports packages, reads counties as arrays, keeps the switch log and the interruption intervals.
Answers are values; nothing here knows how supply follows from switch states.
"""

from __future__ import annotations

from gis_service.store.changes import ChangeListener, OperatedSwitches, listening, operated_since
from gis_service.store.corridors import county_areas, load_corridors
from gis_service.store.county_load import LoadedCounty
from gis_service.store.county_rows import CountyTables, PackageByCounty
from gis_service.store.database import (
    NodeLost,
    OutcomeUnknown,
    ShardReplaced,
    close_pools,
    counties_away,
    look_at_nodes,
)
from gis_service.store.exporting import export_counties, export_package
from gis_service.store.extents import Extent, layer_extents
from gis_service.store.identity import database_identity
from gis_service.store.interruptions import (
    Customer,
    Interruption,
    NewInterruption,
    customers_interrupted_at,
    interruptions,
)
from gis_service.store.journal import UnfinishedLoad, acknowledge_loads, unfinished_loads
from gis_service.store.late_indexes import build_missing_indexes
from gis_service.store.loading import load_county, load_package, rehearse_load
from gis_service.store.operations import (
    NewOperation,
    Operation,
    SwitchStates,
    current_switches,
    current_where_answered,
    operations_between,
    states_where_answered,
    switch_states_at,
)
from gis_service.store.record import GridTransaction, transaction
from gis_service.store.register import Unsettled
from gis_service.store.server import server_started_at, settle_prepared_transactions
from gis_service.store.stored_ids import StoredIds
from gis_service.store.tables import load_columns, load_county_tables, load_grid, load_tables
from gis_service.store.unloading import unload_counties, unload_county
from gis_service.store.versions import CountyVersion, county_versions, operated_until

__all__ = [
    "ChangeListener",
    "CountyTables",
    "CountyVersion",
    "Customer",
    "Extent",
    "GridTransaction",
    "Interruption",
    "LoadedCounty",
    "NewInterruption",
    "NewOperation",
    "NodeLost",
    "OperatedSwitches",
    "Operation",
    "OutcomeUnknown",
    "PackageByCounty",
    "ShardReplaced",
    "StoredIds",
    "SwitchStates",
    "UnfinishedLoad",
    "Unsettled",
    "acknowledge_loads",
    "build_missing_indexes",
    "close_pools",
    "counties_away",
    "county_areas",
    "county_versions",
    "current_switches",
    "current_where_answered",
    "customers_interrupted_at",
    "database_identity",
    "export_counties",
    "export_package",
    "interruptions",
    "layer_extents",
    "listening",
    "load_columns",
    "load_corridors",
    "load_county",
    "load_county_tables",
    "load_grid",
    "load_package",
    "load_tables",
    "look_at_nodes",
    "operated_since",
    "operated_until",
    "operations_between",
    "rehearse_load",
    "server_started_at",
    "settle_prepared_transactions",
    "states_where_answered",
    "switch_states_at",
    "transaction",
    "unfinished_loads",
    "unload_counties",
    "unload_county",
]
