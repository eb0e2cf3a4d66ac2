"""Which database this is: what is kept beside it must never be taken for that of another one."""

from __future__ import annotations

import hashlib

from gis_service.store.database import in_transaction


def database_identity() -> str:
    """A short name, the same for every process and way to connect, and different for every other database.

    Made of the identifier that a server gets when it is initialised, and the number and name of the database
    in it. A database that was restored out of a copy of the server's files may have the same.

    Raises
    ------
    NotReady
        When the database does not answer.
    """
    with in_transaction(read_only=True) as cursor:
        cursor.execute(
            """
            SELECT (SELECT system_identifier FROM pg_control_system()), oid, datname
            FROM pg_database WHERE datname = current_database()
            """
        )
        row = cursor.fetchone()
    return hashlib.sha256(repr(row).encode()).hexdigest()[:16]
