"""The pages and files that describe the house name everything there is.

Expected answers come from the other side: the variables that the code reads, the services that the compose
file declares, the targets of the Makefile.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
CODE = ("gis_service", "layers", "sharding", "api", "demo")
VARIABLE = re.compile(r"\bGRIDGIS_[A-Z_]*[A-Z]\b")


def variables_read() -> set[str]:
    files = [file for package in CODE for file in (ROOT / package).rglob("*.py")]
    written = {name for file in files for name in VARIABLE.findall(file.read_text())}
    # Set by the server for the processes that it starts; nothing for a user to set.
    return written - {"GRIDGIS_ENGINE_WARM_UP", "GRIDGIS_ENGINE_SERVER_PID"}


def test_every_variable_the_code_reads_is_on_the_operations_page() -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    listed = set(re.findall(r"^\| `(GRIDGIS_[A-Z_]+)` \|", page, re.MULTILINE))
    assert listed == variables_read()


@pytest.mark.parametrize("page", ["README.md", "docs/operations.md"])
def test_every_make_target_a_page_names_exists(page: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z]+(?:-[a-z]+)*)\b(?=[`\s])", (ROOT / page).read_text()))
    assert named & targets
    assert named <= targets


def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return loaded


def test_every_compose_variable_is_in_the_example() -> None:
    used = set(re.findall(r"\$\{([A-Z_]+)", (ROOT / "docker-compose.yml").read_text()))
    given = set(re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert used == given


def test_compose_has_the_distributed_form_with_a_check_and_a_volume_for_each_server() -> None:
    services = compose()["services"]
    servers = {"coordinator", "worker-1", "worker-2", "business-database", "engine", "api", "proxy"}
    assert servers <= services.keys()
    assert [name for name in servers if "healthcheck" not in services[name]] == []
    assert [name for name in servers - {"api"} if not services[name].get("volumes")] == []


def test_compose_services_wait_only_for_services_that_exist() -> None:
    services = compose()["services"]
    awaited = {name for service in services.values() for name in service.get("depends_on", {})}
    assert awaited <= services.keys()


def test_compose_publishes_the_proxy_alone() -> None:
    assert [name for name, service in compose()["services"].items() if "ports" in service] == ["proxy"]
