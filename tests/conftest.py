"""What every test shares: how Hypothesis runs, and what happens to tests that need Citus where it is missing.

Kernels compile on first use, so there is no deadline.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from scripts.leftovers import end_with_run

settings.register_profile("gridgis", deadline=None)
settings.register_profile("soak", deadline=None, max_examples=3000)
settings.load_profile(os.environ.get("GRIDGIS_HYPOTHESIS", "gridgis"))

# One database, and one engine process over it, for all tests of the engine; those of the business API, which
# run under settings of their own, meet an engine over HTTP only.
if os.environ.get("DJANGO_SETTINGS_MODULE") == "gis_service.settings":
    pytest_plugins = ("tests.grid_database", "tests.live")

_left_out = pytest.StashKey[int]()


def pytest_configure() -> None:
    end_with_run()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    needing = [item for item in items if item.get_closest_marker("citus")]
    if needing and not _citus_is_installed():
        config.stash[_left_out] = len(needing)
        for item in needing:
            item.add_marker(pytest.mark.skip(reason="the Citus extension is not installed"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if count := config.stash.get(_left_out, 0):
        terminalreporter.write_line(f"{count} tests did not run: the Citus extension is not installed")


@pytest.fixture(scope="module")
def reachable_directory() -> Iterator[Path]:
    """A temporary directory that other accounts can reach: run by root, PostgreSQL is one of those.

    pytest keeps its own temporary directories closed, and closes them again at every session's start.
    """
    with tempfile.TemporaryDirectory(prefix="gridgis-") as directory:
        Path(directory).chmod(0o711)
        yield Path(directory)


def _citus_is_installed() -> bool:
    from sharding.pg_programs import NoServerPrograms, find_server

    try:
        find_server(("postgis", "citus"))
    except NoServerPrograms:
        return False
    return True
