"""What every command needs that meets the database: settings assigned, Django ready."""

from __future__ import annotations


def connect() -> None:
    """Make the store usable.

    Raises
    ------
    NotReady
        When no engine database is known.
    """
    from gis_service.home import engine_dsn

    engine_dsn()
    import django

    django.setup()
