"""The services of the compose file as processes of this machine: their commands, their environment, loopback.

What a container would give is put in its place here: addresses of services, the directory of secrets, the
home directory, the servers of the databases. Everything else is read from the file.
"""

from __future__ import annotations

import os
import re
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import yaml

from scripts.leftovers import MARK
from sharding.local import LocalCluster
from sharding.local_citus import EXTENSIONS
from sharding.pg_account import our_account
from tests.live import ROOT, free_port

NODES = ("coordinator", "worker-1", "worker-2")
READY_WITHIN_S = 600
_VARIABLE = re.compile(r"\$\{([A-Z_]+)(?::-([^}]*))?\}")


def compose_file(given: Mapping[str, str]) -> dict[str, Any]:
    """The file with its variables filled in as Compose does it."""
    text = _VARIABLE.sub(
        lambda match: given.get(match[1]) or match[2] or "", (ROOT / "docker-compose.yml").read_text()
    )
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded


@dataclass
class Form:
    """The distributed form below one directory, its databases running."""

    directory: Path
    services: dict[str, Any] = field(default_factory=lambda: compose_file({})["services"])
    addresses: dict[str, str] = field(default_factory=dict)
    passwords: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("engine-1", "engine-2", "api", "proxy"):
            self.addresses[name] = f"127.0.0.1:{free_port()}"
        self.addresses["proxy:8081"] = f"127.0.0.1:{free_port()}"
        (self.directory / "secrets").mkdir()

    @contextmanager
    def databases(self) -> Iterator[None]:
        """The three nodes; the business database is one more on the coordinator's server."""
        password = secrets.token_hex(16)
        with ExitStack() as kept:
            for name in NODES:
                given = self.services[name]["command"][1:]
                settings = dict(one.removeprefix("-c").split("=") for one in given)
                settings |= {"shared_buffers": "64MB", "fsync": "off", "citus.shard_count": "8"}
                node = LocalCluster(self.directory / name, extensions=EXTENSIONS, settings=settings)
                node.home.mkdir(parents=True)
                our_account().write(node.home / "pg.password", password + "\n")
                kept.callback(node.stop)
                self.addresses[name] = f"127.0.0.1:{node.start().port}"
            self.addresses["business-database"] = self.addresses["coordinator"]
            for secret in ("engine-db-password", "api-db-password"):
                (self.directory / "secrets" / secret).write_text(password + "\n")
            (self.directory / "secrets" / "map-key").write_text(secrets.token_hex(32) + "\n")
            yield

    def command(self, service: str) -> list[str]:
        """What the container would run."""
        command = [self._placed(str(part)) for part in self.services[service]["command"]]
        command = ["127.0.0.1" if part == "0.0.0.0" else part for part in command]
        if "--port" in command and service in self.addresses:
            command[command.index("--port") + 1] = self.addresses[service].rpartition(":")[2]
        return [sys.executable, *command[1:]] if command[0] == "python" else command

    def environment(self, service: str) -> dict[str, str]:
        """What the container's processes would find in their environment, and where Python is."""
        home = self.directory / f"home-{service}"
        home.mkdir(exist_ok=True)
        given = {
            name: self._placed(str(value)) for name, value in self.services[service]["environment"].items()
        }
        return {
            "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
            "HOME": str(home),
            "GRIDGIS_HOME": str(home),
            "NUMBA_CACHE_DIR": os.environ.get("NUMBA_CACHE_DIR", str(home / "numba")),
            **{name: os.environ[name] for name in ("TMPDIR", MARK) if name in os.environ},
            **given,
        }

    def run(self, service: str, *command: str) -> subprocess.CompletedProcess[str]:
        """A job to its end; with a command as `docker compose run SERVICE COMMAND` does."""
        return subprocess.run(
            list(command) or self.command(service),
            env=self.environment(service),
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )

    @contextmanager
    def serving(self, service: str, *, ready: str, command: list[str] | None = None) -> Iterator[Server]:
        """A server, ready when the block begins."""
        log = self.directory / f"{service}.log"
        with log.open("ab") as out:
            child = subprocess.Popen(
                command or self.command(service),
                env=self.environment(service),
                cwd=ROOT,
                stdout=out,
                stderr=out,
            )
        server = Server(child, f"http://{self.addresses[service]}", log)
        try:
            server.await_ready(ready)
            yield server
        finally:
            server.end(signal.SIGTERM)

    def proxy_command(self) -> list[str]:
        """Caddy on the project's own file, kept on loopback, with a port of administration of its own."""
        file = self.directory / "Caddyfile"
        text = self._placed((ROOT / "docker" / "Caddyfile").read_text())
        options = f"\n{{\n\tdefault_bind 127.0.0.1\n\tadmin 127.0.0.1:{free_port()}\n"
        text = text.replace("\n{\n", options, 1)
        said = subprocess.run(["caddy", "version"], capture_output=True, text=True, check=True).stdout
        if [int(part) for part in re.findall(r"\d+", said)[:2]] < [2, 7]:
            text = text.replace("request_buffers", "# request_buffers")  # Debian's does not know it yet
        file.write_text(text)
        return ["caddy", "run", "--config", str(file), "--adapter", "caddyfile"]

    def _placed(self, text: str) -> str:
        """Addresses of services replaced by those of their processes here."""
        placed = text.replace("/run/secrets/", f"{self.directory}/secrets/")
        placed = placed.replace("{$GRIDGIS_SITE_ADDRESS::80}", f"http://{self.addresses['proxy']}")
        placed = placed.replace("{$GRIDGIS_INNER_ADDRESS::8081}", f"http://{self.addresses['proxy:8081']}")
        placed = placed.replace("proxy:8081", self.addresses["proxy:8081"])
        for name, address in self.addresses.items():
            host, _, port = address.rpartition(":")
            placed = placed.replace(f"--host {name} --port 5432", f"--host {host} --port {port}")
            placed = re.sub(rf"(?<![\w-]){name}:\d+", address, placed)
        return placed


@dataclass
class Server:
    """One server process."""

    child: subprocess.Popen[bytes]
    address: str
    log: Path

    def await_ready(self, path: str) -> None:
        deadline = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < deadline and self.child.poll() is None:
            try:
                if httpx.get(self.address + path, timeout=5, trust_env=False).status_code == 200:
                    return
            except httpx.TransportError:
                pass  # it does not listen yet
            time.sleep(0.1)
        raise AssertionError(f"{self.address} is not ready:\n{self.log.read_text(errors='replace')[-3000:]}")

    def end(self, sent: signal.Signals) -> None:
        if self.child.poll() is None:
            self.child.send_signal(sent)
            self.child.wait(40)
