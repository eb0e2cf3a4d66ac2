"""How many rows a planner expects of a statement, on one server or on a cluster of shards."""

from __future__ import annotations

from typing import Any

from psycopg2 import extensions, sql


def planned_rows(cursor: extensions.cursor, statement: sql.Composable) -> int:
    """The planner's estimate; costs no reading of rows.

    Of a distributed statement one task is planned where it would run, and stands for all of them.
    """
    cursor.execute(sql.SQL("EXPLAIN (FORMAT JSON) {}").format(statement))
    ((plans,),) = cursor.fetchall()
    return _rows(plans)


def _rows(plan: Any) -> int:
    jobs = list(_found(plan, "Job"))
    if not jobs:
        return int(next(_found(plan, "Plan Rows"), 0))
    rows = 0
    for job in jobs:
        shown = [next(_found(task, "Plan Rows"), 0) for task in job.get("Tasks", ())]
        rows += int(sum(shown) * job.get("Task Count", len(shown)) / max(len(shown), 1))
    return rows


def _found(node: Any, name: str) -> Any:
    """Values under a name, outermost first."""
    if isinstance(node, dict):
        if name in node:
            yield node[name]
            return
        node = list(node.values())
    if isinstance(node, list):
        for one in node:
            yield from _found(one, name)
