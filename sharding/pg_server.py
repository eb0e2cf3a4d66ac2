"""One private PostgreSQL server in one directory: made, started, stopped, recognised.

Knows processes and files, not what the databases are for. The directory holds `data/` and `server.log` and
belongs to the account that runs the server, which is never root. Only servers made here are ever touched.
"""

from __future__ import annotations

import re
import secrets
import shutil
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from sharding import pg_settings
from sharding.pg_account import choose_account
from sharding.pg_programs import ServerPrograms, find_server

START_SECONDS = 120
STOP_SECONDS = 60


class ClusterError(Exception):
    """A server cannot be made, started or stopped; one sentence, then the server's own words."""


@dataclass(frozen=True, slots=True)
class RunningServer:
    """The process and port of a server that runs.

    recovered : where it had just been started and had not ended in order before, a sentence that says so
    """

    pid: int
    port: int
    recovered: str = field(default="", compare=False)


class PrivateServer:
    """The server of one directory.

    Parameters
    ----------
    directory
        Exists, and belongs to the account that shall run the server.
    superuser
        Name of the role that initdb creates.
    extensions
        Must be installed for the server to be used; those that need preloading are preloaded.
    settings
        PostgreSQL settings on top of our own, which they override.
    """

    def __init__(
        self,
        directory: Path,
        *,
        superuser: str,
        extensions: Sequence[str] = ("postgis",),
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.directory = directory
        self.data = directory / "data"
        self.log = directory / "server.log"
        self.superuser = superuser
        self.extensions = tuple(extensions)
        self.settings = dict(settings or {})
        self.account = choose_account(directory)

    @property
    def is_made(self) -> bool:
        """Whether the data directory is there; it appears whole or not at all."""
        return (self.data / "PG_VERSION").is_file()

    def make(self, password: str) -> None:
        """Create the data directory with one superuser, password logins and UTF-8 text.

        A making that was killed leaves only a draft, which the next one removes. Each draft has a new name,
        since an initdb that lost its parent may still write to the old one.
        """
        for abandoned in self.directory.glob("draft-*"):
            shutil.rmtree(abandoned, ignore_errors=True)
        draft = self.directory / f"draft-{secrets.token_hex(4)}"
        password_file = self.directory / "initial-password"
        self.account.write(password_file, password + "\n")
        command = [find_server(self.extensions).program("initdb"), f"--pgdata={draft}"]
        command += [f"--username={self.superuser}", "--auth=scram-sha-256", f"--pwfile={password_file}"]
        done = self.account.run([*command, "--encoding=UTF8", "--locale=C.UTF-8"])
        password_file.unlink()
        if done.returncode != 0:
            raise ClusterError(f"initdb could not make a cluster in {draft}:\n{done.stdout.strip()}")
        self.account.write(draft / "pg_hba.conf", pg_settings.CLIENT_AUTHENTICATION)
        with (draft / "postgresql.conf").open("a", encoding="utf-8") as conf:
            conf.write(pg_settings.INCLUDE_LINE)
        draft.rename(self.data)

    def running(self) -> RunningServer | None:
        """The server's process and port, or None; a stale postmaster.pid counts as none."""
        lines = _lines_of(self.data / "postmaster.pid")
        if len(lines) < 4 or not lines[3].strip().isdigit() or not self._is_postmaster(lines[0]):
            return None
        return RunningServer(int(lines[0]), int(lines[3]))

    def start(self, choose_port: Callable[[], int]) -> RunningServer:
        """Start the server on a port that `choose_port` gives, and return when it answers.

        `choose_port` is asked again when somebody else was quicker on that port. Waits for the children of a
        killed server to leave, and through crash recovery.

        Raises
        ------
        ClusterError
            The server ends before it answers; the message quotes its log.
        """
        programs = self._programs()
        settings = {**pg_settings.needed_by(self.extensions, programs.has_setting), **self.settings}
        self._remove_foreign_pid_file()
        deadline = time.monotonic() + START_SECONDS
        while True:
            text = pg_settings.settings_text(choose_port(), self.extensions, settings)
            self.account.write(self.data / pg_settings.SETTINGS_FILE, text)
            written = self.log.stat().st_size if self.log.exists() else 0
            command = [programs.program("pg_ctl"), "start", "--wait", f"--timeout={START_SECONDS}"]
            done = self.account.run([*command, f"--pgdata={self.data}", f"--log={self.log}"])
            if done.returncode == 0 and (server := self.running()):
                return replace(server, recovered=_recovery(_text_after(self.log, written)))
            said = _end_of(_text_after(self.log, written))
            passing = "could not bind" in said or "still in use" in said
            if not passing or time.monotonic() > deadline:
                raise ClusterError(
                    f"PostgreSQL did not start; {self.log} ends:\n{said or done.stdout.strip()}"
                )
            time.sleep(0.3)

    def stop(self) -> None:
        """Stop the server, disconnecting whoever is left; nothing to do when it does not run.

        One that does not come to an end in order is ended at once, and recovers at its next start: asked to
        stop while it recovers from the death of a session, PostgreSQL 15 may wait for ever.

        Raises
        ------
        ClusterError
            The server runs on.
        """
        server = self.running()
        if server is None:
            return
        for mode in ("fast", "immediate"):
            command = [self._programs().program("pg_ctl"), "stop", f"--mode={mode}", "--wait"]
            done = self.account.run([*command, f"--timeout={STOP_SECONDS}", f"--pgdata={self.data}"])
            if done.returncode == 0 or not self.running():
                return
        raise ClusterError(f"PostgreSQL (process {server.pid}) did not stop:\n{done.stdout.strip()}")

    def _programs(self) -> ServerPrograms:
        return find_server(self.extensions, major=int((self.data / "PG_VERSION").read_text()))

    def _is_postmaster(self, pid: str) -> bool:
        """Whether a process is a PostgreSQL server over this data directory, judged by its command line."""
        try:
            arguments = Path("/proc", pid, "cmdline").read_bytes().split(b"\0")
        except OSError:
            return False
        return (
            Path(arguments[0].decode()).name in ("postgres", "postmaster") and bytes(self.data) in arguments
        )

    def _remove_foreign_pid_file(self) -> None:
        """Remove a postmaster.pid whose number belongs to another program by now, as after a reboot.

        PostgreSQL itself overrides a dead number, but refuses to start while the number is alive.
        """
        lines = _lines_of(self.data / "postmaster.pid")
        if lines and Path("/proc", lines[0]).exists() and not self._is_postmaster(lines[0]):
            (self.data / "postmaster.pid").unlink()


def port_is_free(port: int) -> bool:
    """Whether a server could listen on this port of the loopback now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((pg_settings.HOST, port))
        except OSError:
            return False
    return True


def _lines_of(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []


def _text_after(file: Path, offset: int) -> str:
    """What was written to a log after `offset`."""
    if not file.exists():
        return ""
    with file.open("rb") as log:
        log.seek(offset)
        return log.read().decode(errors="replace")


def _end_of(text: str) -> str:
    """The last twenty lines."""
    return "\n".join(text.strip().splitlines()[-20:])


def _recovery(text: str) -> str:
    """What a log says of a recovery after a crash, in a sentence; empty where there was none."""
    if "automatic recovery in progress" not in text:
        return ""
    up = re.search(r"last known up at ([^\n]+)", text)
    seen = f" (last known up at {up[1].strip()})" if up else ""
    return (
        f"PostgreSQL had not ended in order{seen}: it went through its write-ahead log, and what was "
        f"committed is there"
    )
