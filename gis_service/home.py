"""Where this engine keeps its files and finds its database; nothing is opened or created here.

`GRIDGIS_HOME` (default `./.gridgis`) holds the private cluster's DSN file and the compiled kernels.
Importing this module imports neither Django nor Numba, so that both can be told where to look first.
"""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

from gis_service.errors import NotReady

DSN_VARIABLE = "GRIDGIS_ENGINE_DSN"
DSN_FILE = "engine.dsn"
PASSWORD_FILE_VARIABLE = "GRIDGIS_ENGINE_PASSWORD_FILE"


def home() -> Path:
    """The absolute directory of `GRIDGIS_HOME`, which may not exist yet."""
    return Path(os.environ.get("GRIDGIS_HOME") or ".gridgis").absolute()


def find_engine_dsn() -> str | None:
    """The engine database's libpq URI, or None where neither the variable nor the file gives one.

    A URI in the variable may leave the password out and have it in a file of its own, as secrets come to
    containers.

    Raises
    ------
    NotReady
        When that file cannot be read.
    """
    given = os.environ.get(DSN_VARIABLE, "").strip()
    if given:
        return _with_password(given, os.environ.get(PASSWORD_FILE_VARIABLE, "").strip())
    try:
        return (home() / DSN_FILE).read_text(encoding="utf-8").strip() or None
    except (FileNotFoundError, NotADirectoryError):
        return None


def _with_password(dsn: str, file: str) -> str:
    if not file:
        return dsn
    try:
        password = Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise NotReady(f"{PASSWORD_FILE_VARIABLE} names {file}, which cannot be read: {error}") from error
    # libpq takes it among the parameters of a URI as well
    return f"{dsn}{'&' if '?' in dsn else '?'}password={quote(password, safe='')}"


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
