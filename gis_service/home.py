"""Where this engine keeps its files and finds its database; nothing is opened or created here.

`GRIDGIS_HOME` (default `./.gridgis`) holds the private cluster's DSN file and the compiled kernels.
Importing this module imports neither Django nor Numba, so that both can be told where to look first.
"""

from __future__ import annotations

import os
from pathlib import Path

from gis_service.errors import NotReady

DSN_VARIABLE = "GRIDGIS_ENGINE_DSN"
DSN_FILE = "engine.dsn"


def home() -> Path:
    """The absolute directory of `GRIDGIS_HOME`, which may not exist yet."""
    return Path(os.environ.get("GRIDGIS_HOME") or ".gridgis").absolute()


def find_engine_dsn() -> str | None:
    """The engine database's libpq URI, or None where neither the variable nor the file gives one."""
    given = os.environ.get(DSN_VARIABLE, "").strip()
    if given:
        return given
    try:
        return (home() / DSN_FILE).read_text(encoding="utf-8").strip() or None
    except (FileNotFoundError, NotADirectoryError):
        return None


def engine_dsn() -> str:
    """The engine database's libpq URI.

    Raises
    ------
    NotReady
        When neither `GRIDGIS_ENGINE_DSN` nor the DSN file says where the database is.
    """
    found = find_engine_dsn()
    if found is None:
        raise NotReady(
            f"no engine database is known: run `make demo`, or set {DSN_VARIABLE} to a libpq URI "
            f"(looked for {home() / DSN_FILE})"
        )
    return found


def prepare_environment() -> None:
    """Name the Django settings and the compiled kernels' cache; call before Django or Numba is imported."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "gis_service.settings"
    os.environ.setdefault("NUMBA_CACHE_DIR", str(home() / "numba"))
