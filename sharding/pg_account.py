"""Which operating-system account runs a private PostgreSQL server, and where that account can keep data.

PostgreSQL refuses to run as root. An ordinary user runs the server himself; root hands it to an unprivileged
account, which may be unable to reach a checkout below a closed directory. Knows accounts and
directories only; nothing of PostgreSQL itself.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SYSTEM_DATA = Path("/var/lib/gridgis")


@dataclass(frozen=True, slots=True)
class ServerAccount:
    """An account that may run the server; `uid` is never 0."""

    name: str
    uid: int
    gid: int

    @property
    def is_ours(self) -> bool:
        """Whether this very process already runs under the account."""
        return self.uid == os.geteuid()

    def run(
        self,
        command: Sequence[str],
        *,
        stdin: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program to its end as this account, in its own session, and return what it printed.

        The environment is a short one of our own, so that no PG* variable of the caller leads the server
        programs astray. Output is merged into `stdout`; the exit code is left to the caller.
        """
        return subprocess.run(
            command,
            cwd="/",
            env={"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC", **(environment or {})},
            input=stdin if stdin is not None else "",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            start_new_session=True,
            umask=0o077,
            user=None if self.is_ours else self.uid,
            group=None if self.is_ours else self.gid,
            extra_groups=None if self.is_ours else os.getgrouplist(self.name, self.gid),
        )

    def can_use(self, directory: Path) -> bool:
        """Whether the account can reach, list and write an existing directory."""
        test = 'test -x "$1" && test -r "$1" && test -w "$1"'
        return self.run(["/bin/sh", "-c", test, "sh", str(directory)]).returncode == 0

    def own(self, directory: Path) -> None:
        """Make a directory with mode 0700 that belongs to the account; existing content stays as it is."""
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if directory.stat().st_uid != self.uid:
            os.chown(directory, self.uid, self.gid)
        directory.chmod(0o700)

    def write(self, file: Path, text: str) -> None:
        """Write a file with mode 0600 that belongs to the account; it appears complete or not at all."""
        draft = file.with_name(f".{file.name}.{os.getpid()}")
        draft.unlink(missing_ok=True)
        draft.touch(mode=0o600, exist_ok=False)
        draft.write_text(text, encoding="utf-8")
        if not self.is_ours:
            os.chown(draft, self.uid, self.gid)
        draft.replace(file)


def choose_account(owner_of: Path) -> ServerAccount:
    """Return the account for a server whose data lies, or shall lie, in `owner_of`.

    We ourselves unless we are root; as root, whoever owns the directory already, then `postgres`, then the
    user behind sudo, then `nobody`.
    """
    if os.geteuid() != 0:
        return _account_of(os.geteuid())
    if owner_of.is_dir() and (owner := owner_of.stat().st_uid) != 0:
        return _account_of(owner)
    for name in ("postgres", os.environ.get("SUDO_USER", ""), "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return _account(entry)
    raise PermissionError(
        "PostgreSQL does not run as root, and no other account exists: add one named postgres"
    )


def choose_directory(preferred: Path, account: ServerAccount) -> Path:
    """Return `preferred`, or a directory below /var/lib/gridgis where the account cannot reach that.

    The directory exists afterwards and belongs to the account. Only root can meet the second case: the name
    is a digest of `preferred`, so that every checkout has its own.
    """
    account.own(preferred)
    if account.is_ours or account.can_use(preferred):
        return preferred
    preferred.rmdir()
    SYSTEM_DATA.mkdir(mode=0o755, parents=True, exist_ok=True)
    elsewhere = SYSTEM_DATA / hashlib.sha256(bytes(preferred)).hexdigest()[:12]
    account.own(elsewhere)
    return elsewhere


def our_account() -> ServerAccount:
    """The account this process runs under, root included."""
    return ServerAccount(str(os.geteuid()), os.geteuid(), os.getegid())


def _account_of(uid: int) -> ServerAccount:
    try:
        return _account(pwd.getpwuid(uid))
    except KeyError:
        message = f"PostgreSQL needs a named account, and user {uid} has none: add it to /etc/passwd"
        raise PermissionError(message) from None


def _account(entry: pwd.struct_passwd) -> ServerAccount:
    return ServerAccount(entry.pw_name, entry.pw_uid, entry.pw_gid)
