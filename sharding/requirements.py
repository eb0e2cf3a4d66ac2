"""What a server must be like before it can be a node, and what it lacks.

Reads settings and catalogues; changes nothing. Each lack is one sentence that names the setting or package.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sharding.coordinator import Coordinator

_SETTINGS = (
    "server_version",
    "server_version_num",
    "server_encoding",
    "wal_level",
    "max_prepared_transactions",
    "output_plugin_libraries",
    "shared_preload_libraries",
)


@dataclass(frozen=True, slots=True)
class Server:
    """What matters of one server.

    settings : by name, without those that the server does not know
    installed, available : versions of extensions by name, in this database and on this machine
    superuser : whether the role that asks is one
    """

    settings: Mapping[str, str]
    installed: Mapping[str, str]
    available: Mapping[str, str] = field(default_factory=dict)
    superuser: bool = True

    @property
    def major(self) -> int:
        """Major version of PostgreSQL."""
        return int(self.settings["server_version_num"]) // 10000


def look_at(session: Coordinator) -> Server:
    """What the server of this session is like."""
    settings = dict(
        session.ask("SELECT name, setting FROM pg_settings WHERE name = ANY(%s)", [list(_SETTINGS)])
    )
    installed = dict(session.ask("SELECT extname::text, extversion FROM pg_extension"))
    available = dict(
        session.ask(
            "SELECT name::text, default_version FROM pg_available_extensions"
            " WHERE name IN ('citus', 'postgis')"
        )
    )
    superuser = bool(session.one("SELECT rolsuper FROM pg_roles WHERE rolname = current_user"))
    return Server(settings, installed, available, superuser)


def lacks(server: Server) -> list[str]:
    """What keeps a server from being a node of any cluster."""
    settings = server.settings
    found = [
        f"the extension {name} is not installed on its machine"
        for name in ("citus", "postgis")
        if name not in server.available
    ]
    preloaded = [one.strip() for one in settings.get("shared_preload_libraries", "").split(",")]
    if "citus" in server.available and preloaded[0] != "citus":
        found.append("shared_preload_libraries does not begin with citus")
    if settings.get("wal_level") != "logical":
        found.append(f"wal_level is {settings.get('wal_level')} and has to be logical")
    if int(settings.get("max_prepared_transactions", "0")) == 0:
        found.append("max_prepared_transactions is 0, and commits on several nodes need some (200, say)")
    decoders = settings.get("output_plugin_libraries")
    if decoders is not None and "citus" not in [one.strip() for one in decoders.split(",")]:
        found.append("output_plugin_libraries does not list citus")
    if not server.superuser:
        found.append("the role of the engine's address is no superuser there")
    return found


def differences(server: Server, coordinator: Server) -> list[str]:
    """What keeps a server from being a node beside this coordinator."""
    found = []
    if server.major != coordinator.major:
        found.append(
            f"it runs PostgreSQL {server.settings['server_version']}, the coordinator "
            f"{coordinator.settings['server_version']}: the major versions have to be the same"
        )
    for name in ("citus", "postgis"):
        theirs, ours = (
            server.installed.get(name) or server.available.get(name),
            coordinator.installed.get(name),
        )
        if theirs and ours and theirs != ours:
            found.append(f"it has {name} {theirs}, the coordinator {ours}: they have to be the same")
    if server.settings["server_encoding"] != coordinator.settings["server_encoding"]:
        found.append(
            f"its databases are in {server.settings['server_encoding']}, the coordinator's in "
            f"{coordinator.settings['server_encoding']}"
        )
    return found
