"""Deciding what was left undecided when a node went: before anything of that node is served again.

A write to several nodes is prepared on each of them and decided on the coordinator; what a node that died
holds prepared is committed or rolled back as the coordinator decided. A write to one node alone is committed
there first: where that answer was lost, the register is mended after the county's own row.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from contextlib import closing, suppress
from typing import Any

import psycopg2
from psycopg2 import extensions

from gis_service.errors import NotReady
from gis_service.store import register
from sharding.asking import Refused, up_since
from sharding.deadlines import Watch
from sharding.distribute import is_citus
from sharding.placement import Node, placements

_DEADLINE_S = 8.0
_CONNECT_MS = 1500
_TRIES, _STEP_S = 20, 0.1


def settle(parameters: Mapping[str, Any], node: Node | None = None) -> int:
    """Settle prepared transactions and mend the register; how many transactions there were.

    Works on a connection of its own, whose own lines to the nodes are new, so that no old line to a frozen
    node is waited for.

    Parameters
    ----------
    node
        Whose counties are compared with the register; None: those of all nodes that answer.

    Raises
    ------
    NotReady
        When a county's own row is still behind the register.
    psycopg2.Error, ShardingError
        When the database does not answer in time.
    """
    watch = Watch(parameters)
    with closing(psycopg2.connect(**{"connect_timeout": 3, **parameters})) as held:
        with watch.within(held, _DEADLINE_S), held, held.cursor() as cursor:
            if not is_citus(cursor):
                return 0
            cursor.execute("SET citus.node_connection_timeout = %s", [_CONNECT_MS])
            cursor.execute("SELECT recover_prepared_transactions()")
            row = cursor.fetchone()
            cursor.execute("SELECT county_code FROM county_register")
            where = placements(cursor, "county_version", [code for (code,) in cursor.fetchall()])
        of: dict[Node, list[str]] = {}
        for county, placement in where.items():
            of.setdefault(placement.node, []).append(county)
        for each in sorted(of):
            if each == node or (node is None and _answers(each, parameters)):
                with watch.within(held, _DEADLINE_S):
                    _compare(held, of[each])
    return 0 if row is None else int(row[0])


def _answers(node: Node, parameters: Mapping[str, Any]) -> bool:
    address = {**parameters, "host": node.host, "port": node.port}
    with suppress(Refused):
        return node.coordinator or up_since(address, patience_s=_CONNECT_MS / 1000) is not None
    return False


def _compare(held: extensions.connection, counties: Collection[str]) -> None:
    behind: list[str] = []
    for _ in range(_TRIES):
        with held, held.cursor() as cursor:
            register.mend(cursor, counties)
        with held, held.cursor() as cursor:
            known = register.registered_versions(cursor, counties)
            cursor.execute(
                "SELECT county_code, version FROM county_version WHERE county_code = ANY(%s)",
                [sorted(counties)],
            )
            own = dict(cursor.fetchall())
            behind = sorted(code for code, version in known.items() if own.get(code, 0) < version)
            if behind:  # as happens for a moment while a write is committed node after node
                cursor.execute("SELECT recover_prepared_transactions()")
        if not behind:
            return
        time.sleep(_STEP_S)
    raise NotReady(f"a write of county {', '.join(behind)} is decided and not yet carried out on its node")
