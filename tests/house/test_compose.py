"""The compose file and what it builds on, held against each other and against the rules for servers.

Where Docker Compose is installed it reads the file itself; everywhere the file is looked at as data. What the
services do when they run is tested in `tests/cluster/test_distributed_form.py`.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
NODES = {"coordinator", "worker-1", "worker-2"}
ENGINES = {"engine-1", "engine-2"}
SERVERS = NODES | ENGINES | {"business-database", "api", "proxy"}
JOBS = {"grid-tables", "api-tables"}
PINNED = re.compile(r"^[a-z0-9./-]+:v?\d+\.\d+(\.\d+)?[a-z0-9.-]*$")


def compose_is_installed() -> bool:
    docker = shutil.which("docker")
    return docker is not None and (
        subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode == 0
    )


@pytest.mark.skipif(not compose_is_installed(), reason="Docker Compose is not installed")
def test_docker_compose_accepts_the_file() -> None:
    done = subprocess.run(
        ["docker", "compose", "--file", str(ROOT / "docker-compose.yml"), "config", "--quiet"],
        env={"PATH": "/usr/bin:/bin:/usr/local/bin", **dict.fromkeys(_variables(), "x")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def _variables() -> set[str]:
    interpolated = set(re.findall(r"\$\{([A-Z_]+)", TEXT))
    return interpolated | {one["environment"] for one in COMPOSE["secrets"].values()}


def test_it_is_the_distributed_form() -> None:
    assert SERVICES.keys() == SERVERS | JOBS


def test_every_variable_is_in_the_example_and_on_the_page() -> None:
    example = (ROOT / ".env.example").read_text()
    assert set(re.findall(r"^([A-Z_]+)=", example, re.MULTILINE)) == _variables()
    page = (ROOT / "docs" / "operations.md").read_text()
    assert [name for name in sorted(_variables()) if f"`{name}`" not in page] == []


def test_every_image_is_pinned_to_a_version() -> None:
    images = {service["image"] for service in SERVICES.values()}
    for dockerfile in (ROOT / "docker").rglob("Dockerfile"):
        images |= set(re.findall(r"^FROM (\S+)", dockerfile.read_text(), re.MULTILINE))
    assert len(images) >= 6
    assert [image for image in images if not PINNED.match(image)] == []


def test_every_server_restarts_is_looked_after_and_has_a_limit() -> None:
    for name in SERVERS:
        service = SERVICES[name]
        assert service["restart"] == "unless-stopped", name
        assert service["healthcheck"]["test"][0] == "CMD", name
        assert {"interval", "timeout", "retries"} <= service["healthcheck"].keys(), name
        assert re.fullmatch(r"\d+[mg]", service["deploy"]["resources"]["limits"]["memory"]), name
        assert service["security_opt"] == ["no-new-privileges:true"], name


def test_jobs_are_tried_again_a_few_times_and_not_for_ever() -> None:
    assert {SERVICES[name]["restart"] for name in JOBS} == {"on-failure:5"}


def test_what_is_kept_lies_in_a_volume_of_its_own() -> None:
    mounted = {name: service["volumes"] for name, service in SERVICES.items() if "volumes" in service}
    assert mounted.keys() == SERVERS - {"api"}
    named = [one.split(":")[0] for volumes in mounted.values() for one in volumes if not one.startswith(".")]
    assert sorted(named) == sorted(COMPOSE["volumes"])  # each by one service


def test_passwords_come_as_files_and_stand_in_no_environment() -> None:
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            assert "PASSWORD" not in str(value).upper() or variable.endswith("_FILE"), name
            if variable.endswith("_FILE"):
                assert value.removeprefix("/run/secrets/") in service["secrets"], name
        assert set(service.get("secrets", ())) <= COMPOSE["secrets"].keys()
    assert not re.search(r"\$\{[A-Z_]*PASSWORD", TEXT)


def test_services_wait_for_what_exists_in_a_way_that_ends() -> None:
    for name, service in SERVICES.items():
        for awaited, how in service.get("depends_on", {}).items():
            condition = how["condition"]
            if condition == "service_completed_successfully":
                assert awaited in JOBS, name
            else:
                assert awaited in SERVERS, name
            if condition == "service_healthy":
                assert "healthcheck" in SERVICES[awaited], name
    order: list[str] = []
    while len(order) < len(SERVICES):
        ready = [
            name
            for name, service in SERVICES.items()
            if name not in order and service.get("depends_on", {}).keys() <= set(order)
        ]
        assert ready, f"these wait for each other: {SERVICES.keys() - set(order)}"
        order += ready


def test_the_proxy_alone_can_be_reached_and_the_databases_reach_nobody() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["proxy"]
    assert COMPOSE["networks"]["database"] == {"internal": True}
    for name in NODES | {"business-database"} | JOBS:
        assert SERVICES[name]["networks"] == ["database"], name
    assert SERVICES["proxy"]["networks"] == ["http"]


def test_addresses_name_services_at_the_ports_they_listen_on() -> None:
    """In commands, environments and the proxy's own file."""
    listening = {key: {"5432"} for key in NODES | {"business-database"}} | {"proxy": {"80", "8081"}}
    for name in (*ENGINES, "api"):
        command = SERVICES[name]["command"]
        listening[name] = {command[command.index("--port") + 1]}
    caddyfile = (ROOT / "docker" / "Caddyfile").read_text()
    text = TEXT + caddyfile
    named = set(
        re.findall(r"(?<![\w-])((?:engine|worker)-\d|coordinator|business-database|api|proxy):(\d+)", text)
    )
    assert named >= {("engine-1", "8001"), ("engine-2", "8001"), ("api", "8000"), ("worker-2", "5432")}
    assert [one for one in named if one[1] not in listening[one[0]]] == []
    hosts = SERVICES["engine-1"]["environment"]["GRIDGIS_ENGINE_ALLOWED_HOSTS"].split(",")
    assert ENGINES | {"proxy", "localhost"} <= set(hosts)


def test_the_proxy_and_the_engines_agree_on_who_needs_a_token() -> None:
    said = {name: SERVICES[name]["environment"]["GRIDGIS_MAP_TOKENS"] for name in (*sorted(ENGINES), "proxy")}
    assert len(set(said.values())) == 1, said
    caddyfile = (ROOT / "docker" / "Caddyfile").read_text()
    assert "{$GRIDGIS_MAP_TOKENS:optional}" in caddyfile
    # the rule stands before what passes questions on
    assert caddyfile.index("handle @untold") < caddyfile.index("handle @engine")


# --- what the images are built of ----------------------------------------------------------------------


@pytest.mark.parametrize("dockerfile", sorted((ROOT / "docker").rglob("Dockerfile")), ids=str)
def test_everything_an_image_copies_is_there_and_not_left_out(dockerfile: Path) -> None:
    service = next(
        one
        for one in SERVICES.values()
        if "build" in one and (ROOT / _dockerfile(one["build"])) == dockerfile
    )
    context = ROOT / service["build"]["context"]
    copied = re.findall(r"^COPY (?!--from)(.+)$", dockerfile.read_text(), re.MULTILINE)
    assert copied
    for line in copied:
        for source in line.split()[:-1]:
            assert (context / source).exists(), source
            if context == ROOT:
                assert not _left_out(source), f"{source} is left out by .dockerignore"


def _dockerfile(build: dict[str, str]) -> str:
    return build.get("dockerfile", f"{build['context']}/Dockerfile")


def _left_out(source: str) -> bool:
    """What the last rule that fits says; a rule for a directory holds for what lies in it."""
    out = False
    for rule in (ROOT / ".dockerignore").read_text().split():
        pattern = rule.removeprefix("!").removeprefix("**/")
        parents = [source, *(str(one) for one in Path(source).parents)]
        if any(fnmatch(one, pattern) for one in parents):
            out = not rule.startswith("!")
    return out


def test_the_program_is_installed_from_the_locks_and_does_not_run_as_root() -> None:
    text = (ROOT / "docker" / "Dockerfile").read_text()
    assert "pip install --no-cache-dir --require-hashes -r requirements/runtime.lock" in text
    assert "npm ci" in text
    last_stage = text[text.rindex("\nFROM ") :]
    user = re.findall(r"^USER (\S+)", last_stage, re.MULTILINE)
    assert user
    assert user[-1] not in ("root", "0")
    packages = {line.split("[")[0].split(">")[0].split("=")[0].strip().lower() for line in _dependencies()}
    locked = set(
        re.findall(r"^([a-z0-9_.-]+)==", (ROOT / "requirements/runtime.lock").read_text(), re.MULTILINE)
    )
    assert {one.replace("_", "-") for one in packages} <= {one.replace("_", "-") for one in locked}


def _dependencies() -> list[str]:
    import tomllib

    listed: list[str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    return listed


def test_every_room_of_the_program_is_in_its_image() -> None:
    import tomllib

    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    rooms = {one.rstrip("*") for one in settings["tool"]["setuptools"]["packages"]["find"]["include"]}
    copied = set(re.findall(r"^COPY (\w+) \1$", (ROOT / "docker" / "Dockerfile").read_text(), re.MULTILINE))
    assert rooms == copied
