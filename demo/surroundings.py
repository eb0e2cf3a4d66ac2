"""What the demo and its processes are told: ports, addresses, directories, the environment of a child.

Read once from the GRIDGIS_* variables. The databases are always those of the private cluster: a DSN that
happens to be set for some other database is not passed on, so the demo can never write into that.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

HOST = "127.0.0.1"


class DemoError(Exception):
    """The demo cannot go on; the message says what, where and how to mend it."""


_CONTACT = "GRIDGIS_MAP_CONTACT_"
_NOBODY = {
    "ORGANISATION": "Demonstration of gridgis",
    "PERSON": "whoever started it",
    "STREET": "on this computer",
}
"""Who runs the map layers of a demonstration, where nobody says so."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where one demo lives: its home directory (absolute) and its two ports."""

    home: Path
    engine_port: int
    api_port: int

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Surroundings:
        """Read GRIDGIS_HOME, GRIDGIS_ENGINE_PORT and GRIDGIS_API_PORT, or their defaults.

        Raises
        ------
        DemoError
            A port is not a number, or both are the same.
        """
        home = Path(environment.get("GRIDGIS_HOME") or ".gridgis").absolute()
        ports = _port(environment, "GRIDGIS_ENGINE_PORT", 8001), _port(environment, "GRIDGIS_API_PORT", 8000)
        if ports[0] == ports[1]:
            raise DemoError(
                f"GRIDGIS_ENGINE_PORT and GRIDGIS_API_PORT are both {ports[0]}: give them two ports"
            )
        return cls(home, *ports)

    @property
    def engine_url(self) -> str:
        """Where the engine answers."""
        return f"http://{HOST}:{self.engine_port}"

    @property
    def api_url(self) -> str:
        """Where the business API answers, with the map at its root."""
        return f"http://{HOST}:{self.api_port}"

    @property
    def logs(self) -> Path:
        """The directory of the log files, one for each process."""
        return self.home / "log"

    def child_environment(self, dsns: Mapping[str, str]) -> dict[str, str]:
        """Return the environment of a child process; `dsns` by process name, `engine` and `api`."""
        origins = ",".join(f"http://{name}:{self.api_port}" for name in ("127.0.0.1", "localhost"))
        told = any(name.startswith(_CONTACT) for name in os.environ)
        contact = {} if told else {_CONTACT + name: text for name, text in _NOBODY.items()}
        return {
            "GRIDGIS_ENGINE_PUBLIC_URL": self.engine_url,
            "GRIDGIS_ENGINE_CORS_ORIGINS": origins,
            **contact,
            **os.environ,
            "GRIDGIS_HOME": str(self.home),
            "GRIDGIS_ENGINE_DSN": dsns["engine"],
            "GRIDGIS_API_DSN": dsns["api"],
            "GRIDGIS_ENGINE_URL": self.engine_url,
            "PYTHONUNBUFFERED": "1",
        }


def _port(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name) or str(default)
    if not (text.isdigit() and 0 < int(text) < 65536):
        raise DemoError(f"{name} is {text!r}; it must be a port number, 1 to 65535")
    return int(text)
