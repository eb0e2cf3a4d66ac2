"""The private cluster on real servers, each in its own temporary home.

Expected answers come from PostgreSQL itself (what it serves, as whom, on which port) and from the operating
system's process table.
"""

from __future__ import annotations

import os
import pwd
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest

from sharding import pg_server
from sharding.local import DATABASES, ClusterError, LocalCluster
from sharding.pg_account import choose_account
from sharding.pg_programs import NoServerPrograms, find_server
from sharding.pg_server import port_is_free

ENGINE = DATABASES["engine"]


@pytest.fixture(scope="module")
def home(reachable_directory: Path) -> Iterator[Path]:
    """A home whose cluster is made once; each test starts and stops it as it needs."""
    yield reachable_directory
    LocalCluster(reachable_directory).stop()


@pytest.fixture
def cluster(home: Path) -> LocalCluster:
    cluster = LocalCluster(home)
    cluster.start()
    return cluster


def ask(cluster: LocalCluster, query: str, database: str = ENGINE) -> object:
    with closing(psycopg2.connect(cluster.dsn(database))) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(query)
            row = cursor.fetchone() if cursor.description else None
            return row[0] if row else None


def kill_postmaster(cluster: LocalCluster) -> int:
    server = cluster.status().server
    assert server is not None
    os.kill(server.pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while cluster.status().server and time.monotonic() < deadline:
        time.sleep(0.02)
    return server.pid


def test_first_start_makes_both_databases_and_writes_private_dsn_files(cluster: LocalCluster) -> None:
    assert ask(cluster, "SELECT postgis_lib_version()") is not None
    assert ask(cluster, "SELECT current_database()", DATABASES["api"]) == DATABASES["api"]
    assert ask(cluster, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is True
    for process, database in DATABASES.items():
        file = cluster.home / f"{process}.dsn"
        assert file.stat().st_mode & 0o777 == 0o600
        assert file.read_text() == cluster.dsn(database) + "\n"


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("listen_addresses", "127.0.0.1"),
        ("unix_socket_directories", ""),
        ("synchronous_commit", "on"),
        ("fsync", "on"),
        ("server_encoding", "UTF8"),
        ("max_connections", "100"),
        ("shared_preload_libraries", ""),
    ],
)
def test_server_runs_with(cluster: LocalCluster, setting: str, value: str) -> None:
    assert ask(cluster, f"SHOW {setting}") == value


def test_server_does_not_run_as_root(cluster: LocalCluster) -> None:
    server = cluster.status().server
    assert server is not None
    uid = Path("/proc", str(server.pid)).stat().st_uid
    assert uid != 0
    assert uid == choose_account(cluster.home / "pg").uid


def test_wrong_password_is_refused(cluster: LocalCluster) -> None:
    scheme, rest = cluster.dsn(ENGINE).split("://gridgis:")
    wrong = f"{scheme}://gridgis:guess@{rest.split('@')[1]}"
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        psycopg2.connect(wrong)


def test_starting_twice_keeps_the_same_process(cluster: LocalCluster) -> None:
    first = cluster.status().server
    assert cluster.start() == first


def test_restart_keeps_data_and_port(cluster: LocalCluster) -> None:
    before = cluster.status().server
    ask(cluster, "CREATE TABLE IF NOT EXISTS kept AS SELECT 42 AS answer")
    assert cluster.stop() is True
    assert cluster.status().server is None
    assert cluster.stop() is False
    after = cluster.start()
    assert before is not None
    assert after.port == before.port
    assert ask(cluster, "SELECT answer FROM kept") == 42


def test_killed_server_comes_back_with_what_was_committed(cluster: LocalCluster) -> None:
    ask(cluster, "CREATE TABLE IF NOT EXISTS survived AS SELECT 7 AS answer")
    killed = kill_postmaster(cluster)
    server = cluster.start()
    assert server.pid != killed
    assert "had not ended in order" in server.recovered
    assert ask(cluster, "SELECT answer FROM survived") == 7


def test_a_start_after_a_stop_in_order_has_nothing_to_tell(cluster: LocalCluster) -> None:
    cluster.stop()
    assert cluster.start().recovered == ""
    assert cluster.start().recovered == ""


def test_a_start_waits_for_a_server_that_recovers_from_a_killed_session(cluster: LocalCluster) -> None:
    """The death of one session makes the server end all, and refuse new ones until it has recovered."""
    ask(cluster, "CREATE TABLE IF NOT EXISTS rolled_back (n int)")
    with closing(psycopg2.connect(cluster.dsn(ENGINE))) as busy, busy.cursor() as cursor:
        cursor.execute("INSERT INTO rolled_back SELECT generate_series(1, 50000)")
        os.kill(busy.info.backend_pid, signal.SIGKILL)
        deadline = time.monotonic() + 20
        refused = False
        while not refused and time.monotonic() < deadline:
            try:
                psycopg2.connect(cluster.dsn(ENGINE)).close()
            except psycopg2.OperationalError:
                refused = True
        cluster.start()
    assert refused
    assert ask(cluster, "SELECT count(*) FROM rolled_back") == 0


def test_a_server_that_does_not_end_in_order_is_ended_at_once(
    cluster: LocalCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its checkpointer is halted, for which a stop in order waits for ever."""
    ask(cluster, "CREATE TABLE IF NOT EXISTS halted AS SELECT 7 AS answer")
    server = cluster.status().server
    assert server is not None
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
    (checkpointer,) = [
        int(pid) for pid in children if b"checkpointer" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
    os.kill(checkpointer, signal.SIGSTOP)
    monkeypatch.setattr(pg_server, "STOP_SECONDS", 8)
    assert cluster.stop()
    assert cluster.status().server is None
    assert "had not ended in order" in cluster.start().recovered
    assert ask(cluster, "SELECT answer FROM halted") == 7


def test_pid_file_naming_another_living_program_is_overridden(cluster: LocalCluster) -> None:
    kill_postmaster(cluster)
    directory = cluster.status().directory
    assert directory is not None
    pid_file = directory / "data" / "postmaster.pid"
    account = choose_account(directory)
    with subprocess.Popen(
        ["sleep", "60"], user=account.uid if os.geteuid() == 0 else None, stdin=subprocess.DEVNULL
    ) as stranger:
        lines = pid_file.read_text().splitlines()
        time.sleep(1)  # the killed server's children leave
        account.write(pid_file, "\n".join([str(stranger.pid), *lines[1:]]) + "\n")
        try:
            assert cluster.status().server is None
            assert cluster.start().pid != stranger.pid
            assert stranger.poll() is None
        finally:
            stranger.kill()


def test_killed_making_is_done_again(home: Path) -> None:
    other = LocalCluster(home / "half")
    program = (
        f"from pathlib import Path; from sharding.local import LocalCluster; "
        f"LocalCluster(Path({str(other.home)!r})).start()"
    )
    with subprocess.Popen([sys.executable, "-c", program]) as making:
        deadline = time.monotonic() + 20
        while not list(other.home.glob("pg/draft-*/base")) and time.monotonic() < deadline:
            assert making.poll() is None
            time.sleep(0.002)
        making.kill()
    assert not (other.home / "pg" / "data").exists()
    try:
        other.start()
        assert ask(other, "SELECT count(*) FROM pg_extension WHERE extname = 'postgis'") == 1
    finally:
        other.stop()


def test_taken_port_is_left_to_its_owner(cluster: LocalCluster) -> None:
    server = cluster.status().server
    assert server is not None
    cluster.stop()
    with socket.create_server(("127.0.0.1", server.port)):
        moved = cluster.start()
        assert moved.port != server.port
        assert ask(cluster, "SELECT inet_server_port()") == moved.port
        assert cluster.dsn(ENGINE) == (cluster.home / "engine.dsn").read_text().strip()


def test_port_asked_for_and_taken_is_an_error_that_names_it(cluster: LocalCluster) -> None:
    with socket.create_server(("127.0.0.1", 0)) as owner:
        port = owner.getsockname()[1]
        with pytest.raises(ClusterError, match=f"port {port} is taken by another program"):
            LocalCluster(cluster.home, port=port).start()
    cluster.start()


def test_running_server_moves_to_the_port_asked_for(cluster: LocalCluster) -> None:
    running = cluster.status().server
    assert running is not None
    port = next(port for port in range(running.port + 50, running.port + 250) if port_is_free(port))
    assert LocalCluster(cluster.home, port=port).start().port == port
    assert ask(cluster, "SELECT inet_server_port()") == port


def test_two_simultaneous_starts_share_one_server(cluster: LocalCluster) -> None:
    cluster.stop()
    program = (
        f"from pathlib import Path; from sharding.local import LocalCluster; "
        f"print(LocalCluster(Path({str(cluster.home)!r})).start().pid)"
    )
    starts = [subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) for _ in range(2)]
    pids = {start.communicate(timeout=60)[0] for start in starts}
    assert len(pids) == 1
    assert [start.returncode for start in starts] == [0, 0]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands the server to another account")
def test_home_below_a_closed_directory_keeps_its_data_elsewhere(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    cluster = LocalCluster(closed / "home")
    try:
        cluster.start()
        directory = cluster.status().directory
        assert directory is not None
        assert directory.is_relative_to("/var/lib/gridgis")
        assert str(directory) in capsys.readouterr().out
        assert ask(cluster, "SELECT 1") == 1
        assert LocalCluster(closed / "home").status() == cluster.status()
    finally:
        cluster.stop()
        if directory := cluster.status().directory:
            subprocess.run(["rm", "-r", str(directory)], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can try as another account")
def test_home_of_another_account_is_refused_in_one_sentence(cluster: LocalCluster) -> None:
    os.seteuid(pwd.getpwnam("nobody").pw_uid)
    try:
        with pytest.raises(ClusterError, match="belongs to another account"):
            cluster.start()
    finally:
        os.seteuid(0)


def test_malformed_port_is_named(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="GRIDGIS_PG_PORT is 'fivethousand'"):
        LocalCluster.from_environment({"GRIDGIS_HOME": str(tmp_path), "GRIDGIS_PG_PORT": "fivethousand"})


def test_missing_extension_is_named() -> None:
    with pytest.raises(NoServerPrograms, match="without the extension postgis and no_such_extension"):
        find_server(("postgis", "no_such_extension"))
