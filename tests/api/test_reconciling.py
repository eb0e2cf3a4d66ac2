"""After a restore of one of the two databases: what differs is told, and mended where it can be.

Restores are real: `pg_dump` and `pg_restore` as docs/operations.md says, with the engine stopped meanwhile.
What must come out is told from what was decided: whoever was told that his capacity is held has it, nobody
else has, and what nobody decided stays as it is.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from django.db import connection, connections

from api.__main__ import main
from api.models import ConnectionApplication
from sharding.pg_programs import find_server
from tests.api.applying import APPLICATIONS, FLAT, HERE, OwnEngine, decide, new, offered
from tests.api.asking import Api, problem

Restore = Callable[[], None]


def backed_up(dsn: str, folder: Path, name: str) -> Restore:
    """Back a database up as it is now; what is given restores it."""
    programs = find_server(("postgis",))
    dump = folder / f"{name}.dump"
    subprocess.run(
        [programs.program("pg_dump"), "--format=custom", f"--file={dump}", dsn],
        check=True,
        capture_output=True,
    )

    def restore() -> None:
        connections.close_all()
        command = [programs.program("pg_restore"), "--clean", "--if-exists", f"--dbname={dsn}", str(dump)]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    return restore


def backed_up_engine(own: OwnEngine, folder: Path) -> Restore:
    """The engine's database, with the engine stopped while it is restored."""
    restored = backed_up(own.environment["GRIDGIS_ENGINE_DSN"], folder, "engine")

    def restore() -> None:
        own.kill()
        restored()
        own.start()

    return restore


def backed_up_business(folder: Path) -> Restore:
    values = connection.settings_dict
    dsn = "postgresql://{USER}:{PASSWORD}@{HOST}:{PORT}/{NAME}".format(**values)
    return backed_up(dsn, folder, "api")


def reconcile(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Exit code and output of the command."""
    capsys.readouterr()
    code = main(["reconcile", *arguments])
    told = capsys.readouterr()
    return code, told.out + told.err


def mended(capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    return reconcile(capsys, "--mend", "--by", "operator")


def test_nothing_differs_while_nothing_was_restored(
    applying: Api, own: OwnEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    new(applying)
    offered(applying, 10)
    decide(applying, offered(applying, 20), "accept", rank=1)
    for what in ("built", "withdraw"):
        number = offered(applying, 5)
        decide(applying, number, "accept", rank=1)
        decide(applying, number, what)
    decide(applying, offered(applying, 5), "reject", reason="no")
    # what others reserved in the engine is not this command's business
    question = {"point": HERE, "kva": 1, "rules": FLAT}
    first = httpx.post(f"{own.address}/v1/supply-schemes", json=question, trust_env=False).json()["schemes"][
        0
    ]
    chosen = [{"attach": first["attach"], "conductor": first["conductor"]}]
    body = {**question, "chosen": chosen, "operator": "x", "idempotency_key": "somebody else's"}
    assert httpx.post(f"{own.address}/v1/reservations", json=body, trust_env=False).status_code == 200
    assert reconcile(capsys) == (0, "both databases say the same\n")
    assert mended(capsys) == (0, "both databases say the same\n")


def test_an_engine_that_was_set_back_is_told_again_what_was_decided(
    applying: Api, own: OwnEngine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept, ended, built = (offered(applying, kva) for kva in (11, 12, 13))
    for number in (kept, ended, built):
        decide(applying, number, "accept", rank=1)
    restore = backed_up_engine(own, tmp_path)
    lost, gone = offered(applying, 14), offered(applying, 15)
    for number in (lost, gone):
        decide(applying, number, "accept", rank=1)
    for number in (gone, ended):
        decide(applying, number, "withdraw")
    decide(applying, built, "built")
    restore()
    assert own.held() == [
        (f"application-{one}-1", kva) for one, kva in ((kept, 11), (ended, 12), (built, 13))
    ]
    # the engine gives a number again that another application has
    late = offered(applying, 16)
    told = applying.send(f"{APPLICATIONS}/{late}/accept", {"decided_by": "planner", "rank": 1})
    assert "python -m api reconcile" in problem(told, 502)["detail"]
    code, said = reconcile(capsys)
    lines = said.splitlines()
    assert (code, len(lines)) == (1, 4)
    assert any(
        f"application {lost} is accepted with reservation" in one and "does not have" in one for one in lines
    )
    assert any(f"application {ended} is withdrawn here, and the engine holds" in one for one in lines)
    assert any(f"application {built} is built here, and the engine holds" in one for one in lines)
    assert any(f"application {late} is accepting" in one for one in lines)
    code, said = mended(capsys)
    assert (code, said.count(": mended\n")) == (0, 4), said
    assert reconcile(capsys) == (0, "both databases say the same\n")
    held = {(f"application-{one}-1", kva) for one, kva in ((kept, 11.0), (lost, 14.0), (late, 16.0))}
    assert set(own.held()) == held
    states = {
        one: applying.get(f"{APPLICATIONS}/{one}").json["status"]
        for one in (kept, lost, late, ended, built, gone)
    }
    assert states == {
        kept: "accepted", lost: "accepted", late: "accepted", ended: "withdrawn", built: "built", gone:
        "withdrawn",
    }  # fmt: skip
    step = applying.get(f"{APPLICATIONS}/{lost}").json["steps"][-1]
    assert (step["kind"], step["decided_by"], step["to_status"]) == ("reconciled", "operator", "accepted")
    # and each can be decided about as ever
    decide(applying, lost, "withdraw")
    assert f"application-{lost}-1" not in dict(own.held())


def test_what_somebody_else_took_meanwhile_is_told_and_not_mended(
    applying: Api, own: OwnEngine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, lost, taker = offered(applying, 1), offered(applying, 150), offered(applying, 140)
    decide(applying, first, "accept", rank=1)
    restore = backed_up_engine(own, tmp_path)
    decide(applying, lost, "accept", rank=1)
    restore()
    decide(applying, first, "withdraw")
    decide(applying, taker, "accept", rank=1)
    code, said = mended(capsys)
    assert code == 1
    assert f"application {lost} is accepted with reservation" in said
    assert "not mended: the engine refuses" in said
    assert "transformer_loading of 'X1'" in said
    assert own.held() == [(f"application-{taker}-1", 140.0)]
    assert applying.get(f"{APPLICATIONS}/{lost}").json["status"] == "accepted"


def test_a_business_database_that_was_set_back_learns_from_the_engine(
    applying: Api, own: OwnEngine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    received, waiting = new(applying, 10), offered(applying, 11)
    ended, built = offered(applying, 12), offered(applying, 13)
    for number in (ended, built):
        decide(applying, number, "accept", rank=1)
    restore = backed_up_business(tmp_path)
    decide(applying, received, "schemes", rules=FLAT)
    for number in (received, waiting):
        decide(applying, number, "accept", rank=1)
    decide(applying, ended, "withdraw")
    decide(applying, built, "built")
    unknown = offered(applying, 14)
    decide(applying, unknown, "accept", rank=1)
    held = own.held()
    restore()
    code, said = reconcile(capsys)
    assert (code, len(said.splitlines())) == (1, 6), said
    assert f"application {unknown}, which the business database does not have" in said
    assert f"would get the number {unknown}" in said
    assert f"application {received} is received here, and the engine says that reservation" in said
    assert f"application {waiting} is offered here" in said
    assert f"application {ended} is accepted here" in said
    assert f"application {built} is accepted here" in said
    code, said = mended(capsys)
    assert (code, said.count(": mended\n"), said.count("a person has to decide")) == (1, 5, 1), said
    assert own.held() == held  # nothing was let go of and nothing taken
    expected = {received: "accepted", waiting: "accepted", ended: "withdrawn", built: "built"}
    assert {one: applying.get(f"{APPLICATIONS}/{one}").json["status"] for one in expected} == expected
    assert new(applying) > unknown
    # what a person has to decide is decided in the engine
    (id,) = [id for id, key in own.query("SELECT id, idempotency_key FROM reservation") if unknown in key]
    ended_there = httpx.post(
        f"{own.address}/v1/reservations/{id}/withdraw", json={"operator": "planner"}, trust_env=False
    )
    assert ended_there.status_code == 200
    assert reconcile(capsys) == (0, "both databases say the same\n")
    decide(applying, waiting, "withdraw")
    assert f"application-{waiting}-1" not in dict(own.held())


def test_a_number_that_was_given_out_again_is_never_mixed_up(
    applying: Api, own: OwnEngine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    restore = backed_up_business(tmp_path)
    lost = offered(applying, 14)
    decide(applying, lost, "accept", rank=1)
    restore()
    another = new(applying, 20)
    assert another == lost
    for code, said in (reconcile(capsys), mended(capsys)):
        assert code == 1
        assert "are two requests: the number was given out again" in said
    assert applying.get(f"{APPLICATIONS}/{another}").json["status"] == "received"
    assert own.held() == [(f"application-{lost}-1", 14.0)]


def test_an_application_that_is_decided_about_meanwhile_is_left_alone(applying: Api, own: OwnEngine) -> None:
    from django.utils import timezone

    from api.engine import engine
    from api.reconciling import differences, mend

    number = offered(applying, 14)
    decide(applying, number, "accept", rank=1)
    application = ConnectionApplication.objects.get(number=number)
    kept = application.reservation_id
    ConnectionApplication.objects.filter(pk=application.pk).update(
        status="offered", reservation_id=None, reservation=None
    )
    found = differences(engine())
    ConnectionApplication.objects.filter(pk=application.pk).update(
        status="accepted", reservation_id=kept, reservation=application.reservation, version=99
    )
    told = list(mend(engine(), found, by="operator", now=timezone.now()))
    assert [why for _, why in told] == ["it was decided about meanwhile: look again"]
    assert own.held() == [(f"application-{number}-1", 14.0)]


def test_reconcile_says_what_it_needs(
    applying: Api, own: OwnEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = reconcile(capsys, "--mend")
    assert (code, said) == (2, "python -m api reconcile: --mend goes into the history: say --by NAME\n")
    own.kill()
    code, said = reconcile(capsys)
    assert code == 1
    assert "cannot be reached" in said
    own.start()
