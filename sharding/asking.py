"""Whether a node answers, asked of the node itself, within a time that holds even when it is frozen.

A connection of its own for each look: it meets the first process, the password and a session, as any client
would. Nothing here blocks on the server: libpq works in its asynchronous form, and the waiting is ours.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import closing
from datetime import datetime
from typing import Any

import psycopg2
from psycopg2.extensions import POLL_OK, POLL_READ, POLL_WRITE, connection

from sharding.ready import ready


class Refused(Exception):
    """The server is not there, or does not let us in, and says so."""


def up_since(parameters: Mapping[str, Any], *, patience_s: float) -> datetime | None:
    """When the server was started; None where it lets us wait longer than that.

    Raises
    ------
    Refused
        When there is nothing to wait for.
    """
    until = time.monotonic() + patience_s
    try:
        with closing(psycopg2.connect(**parameters, async_=True)) as held:
            if not _ready(held, until):
                return None
            with held.cursor() as cursor:
                cursor.execute("SELECT pg_postmaster_start_time()")
                if not _ready(held, until):
                    return None
                row = cursor.fetchone()
    except psycopg2.Error as error:
        raise Refused(str(error).strip()) from error
    return None if row is None else row[0]


def _ready(held: connection, until: float) -> bool:
    """Wait for what the connection waits for; False when the time is up."""
    while (state := held.poll()) != POLL_OK:
        left = until - time.monotonic()
        line = held.fileno()
        readers, writers = ([line] if state == POLL_READ else []), ([line] if state == POLL_WRITE else [])
        if left <= 0 or not ready(readers, writers, left):
            return False
    return True
