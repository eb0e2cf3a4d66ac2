"""What the private PostgreSQL server is told: its settings and who may connect.

Pure text from values. Every server listens on IPv4 loopback only and has no unix socket, so neither the
length of a path nor the network around the machine matters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

HOST = "127.0.0.1"
SETTINGS_FILE = "gridgis.conf"
INCLUDE_LINE = f"include '{SETTINGS_FILE}'\n"

# Extensions that work only when the server loads their library at its start.
PRELOADED_EXTENSIONS = ("citus",)

# Citus copies a shard that others write to through logical replication, and commits on several nodes in two
# phases. What a node that died has left prepared is settled after seconds, not after its default of a minute.
CITUS_SETTINGS = {
    "wal_level": "logical",
    "max_prepared_transactions": "200",
    "max_wal_senders": "20",
    "max_replication_slots": "40",
    "max_logical_replication_workers": "16",
    "max_worker_processes": "32",
    "citus.recover_2pc_interval": "5s",
    "citus.enable_statistics_collection": "off",
}

# Recent minor releases decode for plugins on this list only; splitting a shard uses Citus' own.
DECODERS = ("output_plugin_libraries", "pgoutput, test_decoding, citus")

CLIENT_AUTHENTICATION = f"""\
# Written by gridgis: password over loopback, nothing else.
host  all          all  {HOST}/32  scram-sha-256
host  replication  all  {HOST}/32  scram-sha-256
"""


def needed_by(extensions: Sequence[str], known: Callable[[str], bool]) -> dict[str, str]:
    """Settings that these extensions need, without those the server does not know (`known` tells)."""
    if "citus" not in extensions:
        return {}
    name, decoders = DECODERS
    return {**CITUS_SETTINGS, **({name: decoders} if known(name) else {})}


def settings_text(port: int, extensions: Sequence[str], settings: Mapping[str, str]) -> str:
    """Return the text of `gridgis.conf`; `settings` come last and win.

    Durability is left whole (`fsync` and `synchronous_commit` stay on): what the demo was told, it keeps.
    """
    values = {
        "listen_addresses": HOST,
        "port": str(port),
        "unix_socket_directories": "",
        "password_encryption": "scram-sha-256",
        "max_connections": "100",
        "shared_buffers": "256MB",
        "work_mem": "16MB",
        "maintenance_work_mem": "128MB",
        "max_wal_size": "2GB",
        "synchronous_commit": "on",
        "jit": "off",  # compiling a plan takes longer than any query here runs
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_line_prefix": "%m [%p] %u@%d ",
        "log_min_duration_statement": "1s",
        "log_lock_waits": "on",
        "logging_collector": "off",
    }
    if preloaded := [name for name in extensions if name in PRELOADED_EXTENSIONS]:
        values["shared_preload_libraries"] = ", ".join(preloaded)
    values.update(settings)
    lines = [f"{name} = '{_quoted(value)}'" for name, value in values.items()]
    return "\n".join(["# Written by gridgis at every start; changes belong elsewhere.", *lines, ""])


def _quoted(value: str) -> str:
    return value.replace("'", "''")
