"""Whether a database has every table its process wants, read from Django's own record of migrations.

Starting Django only to learn that nothing is to be done costs a second or two of every start; this asks one
question instead. Knows migration file names; imports none of them.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import psycopg2


def tables_are_current(dsn: str, package: str) -> bool:
    """Return whether every migration file of a package is recorded as applied in the database.

    Parameters
    ----------
    dsn
        The database of the process.
    package
        Its Django app, `gis_service` or `api`: a directory beside this one.
    """
    directory = Path(__file__).resolve().parent.parent / package / "migrations"
    wanted = {file.stem for file in directory.glob("[0-9]*.py")}
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('django_migrations') IS NOT NULL")
        if cursor.fetchone() != (True,):
            return False
        cursor.execute("SELECT name FROM django_migrations WHERE app = %s", [package])
        return wanted == {name for (name,) in cursor.fetchall()}
