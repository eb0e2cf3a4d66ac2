"""Connection applications: their states, the capacity they hold in a real engine, what dies in between."""

from __future__ import annotations

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import httpx
import psycopg2
import pytest
from django.db import IntegrityError, connections, transaction

from api.application_states import MOVES
from api.models import UNSETTLED, ApplicationStatus, ConnectionApplication
from tests.api.applying import APPLICATIONS, FLAT, FREE, HERE, OwnEngine, decide, new, offered
from tests.api.asking import Api, problem
from tests.api.conftest import PointAt
from tests.api.engine_process import free_port, process, scratch_database, wait_until_ready
from tests.api.small_grid import WEST
from tests.api.test_process import run


@pytest.fixture
def api(applying: Api) -> Api:
    """In front of an engine that these tests may kill."""
    return applying


def test_an_application_from_first_to_last(api: Api, own: OwnEngine) -> None:
    number = new(api, 50, wanted_on="2027-03-01", note="a bakery")
    document = decide(api, number, "schemes", rules=FLAT, k=2)
    (kept,) = document["scheme_answers"]
    asked = httpx.post(f"{own.address}/v1/supply-schemes", json=kept["question"], trust_env=False).json()
    assert {**kept["answer"], "as_of": ""} == {**asked, "as_of": ""}  # as the engine answered, whole
    assert "Smith" not in str(kept)
    document = decide(api, number, "accept", rank=1)
    assert document["status"] == "accepted"
    assert document["cost"] == kept["answer"]["schemes"][0]["cost"]["total"]
    assert own.held() == [(f"application-{number}-1", 50.0)]
    told = httpx.get(f"{own.address}/v1/reservations", trust_env=False)
    assert "Smith" not in told.text  # the engine never learns who applies
    document = decide(api, number, "built", reason="job 7")
    assert own.held() == []
    steps = [
        (one["kind"], one["decided_by"], one["from_status"], one["to_status"]) for one in document["steps"]
    ]
    assert steps == [
        ("received", "clerk", "", "received"),
        ("schemes asked", "planner", "received", "offered"),
        ("accept", "planner", "offered", "accepting"),
        ("accepted", "planner", "accepting", "accepted"),
        ("built", "planner", "accepted", "completing"),
        ("built", "planner", "completing", "built"),
    ]
    assert document["possible"] == []
    assert api.get(f"{APPLICATIONS}/{number}").json == document


def test_what_somebody_else_took_is_refused_with_the_engines_reason(api: Api, own: OwnEngine) -> None:
    first, second = offered(api, 150), offered(api, 150)
    decide(api, first, "accept", rank=1)
    answer = api.send(f"{APPLICATIONS}/{second}/accept", {"decided_by": "planner", "rank": 1})
    told = problem(answer, 409)
    assert told["from"] == "engine"
    assert told["binding"]["element"] == "X1"
    assert told["binding"]["beyond_kva"] == pytest.approx(150 + 150 - FREE)
    document = api.get(f"{APPLICATIONS}/{second}").json
    assert document["status"] == "offered"
    assert document["steps"][-1]["details"]["refused"]["binding"]["reserved_kva"] == 150
    decide(api, first, "withdraw", reason="changed his mind")
    assert decide(api, second, "accept", rank=1)["status"] == "accepted"
    assert own.held() == [(f"application-{second}-2", 150.0)]


def test_every_decision_is_taken_in_its_states_alone(api: Api) -> None:
    """Expected: `MOVES` read the other way round; what is not in it is refused, naming what is."""
    bodies: dict[str, dict[str, Any]] = {
        "ask schemes": {"rules": FLAT},
        "accept": {"rank": 1},
        "reject": {"reason": "no"},
        "withdraw": {},
        "built": {},
    }

    def brought_to(status: str) -> str:
        number = new(api, 1) if status == "received" else offered(api, 1)
        path = {
            "accepted": ["accept"],
            "built": ["accept", "built"],
            "withdrawn": ["accept", "withdraw"],
            "rejected": ["reject"],
        }
        for what in path.get(status, []):
            decide(api, number, what, **bodies[what])
        return number

    for status in set(ApplicationStatus) - set(UNSETTLED):
        possible = MOVES.get(status, {})
        for what, body in bodies.items():
            number = brought_to(status)
            address = "schemes" if what == "ask schemes" else what
            document = decide(api, number, address, 200 if what in possible else 409, **body)
            if what not in possible:
                assert document["application_status"] == status
                assert document["possible"] == list(possible)
                assert api.get(f"{APPLICATIONS}/{number}").json["status"] == status


def test_two_supplies_are_accepted_as_a_pair_or_refused(api: Api, own: OwnEngine) -> None:
    number = new(api, 50, supplies=2)
    document = decide(api, number, "schemes", rules=FLAT)
    pairs = document["scheme_answers"][0]["answer"]["pairs"]
    assert pairs == []  # the drawing has one feeder
    told = problem(api.send(f"{APPLICATIONS}/{number}/accept", {"decided_by": "p", "rank": 1}), 409)
    assert "has 0 pairs" in told["detail"]
    why = document["scheme_answers"][0]["answer"]["no_pairs"]
    assert (why["limit"], why["shared"]) == ("same_origin", ["FD1"])
    assert why["detail"] in told["detail"]
    assert own.held() == []


def test_the_list_has_filters_and_pages(api: Api) -> None:
    numbers = [new(api, 1) for _ in range(5)]
    decide(api, numbers[1], "schemes", rules=FLAT)
    decide(api, numbers[2], "reject", reason="no")

    def listed(query: str) -> list[str]:
        found: list[str] = []
        path: str | None = f"{APPLICATIONS}?{query}"
        while path is not None:
            page = api.get(path).json
            found += [one["id"] for one in page["applications"]]
            assert len(page["applications"]) <= 2
            path = page["next"]
        return found

    assert listed("limit=2") == numbers[::-1]
    assert listed("limit=2&status=rejected") == [numbers[2]]
    assert listed(f"limit=2&county={WEST}") == [numbers[1]]
    problem(api.get(f"{APPLICATIONS}?colour=red"), 400)
    problem(api.get(f"{APPLICATIONS}/2026-999999"), 404)


def test_the_same_key_makes_one_application(api: Api) -> None:
    body = {"applicant": {"name": "B"}, "point": HERE, "kva": 5, "decided_by": "c", "idempotency_key": "k"}
    first, again = api.send(APPLICATIONS, body), api.send(APPLICATIONS, body)
    assert (first.status, again.status) == (201, 200)
    assert first.json["id"] == again.json["id"]
    assert (
        "was used for another request" in problem(api.send(APPLICATIONS, {**body, "kva": 6}), 409)["detail"]
    )


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"applicant": {"name": " "}}, "applicant.name"),
        ({"kva": 0}, "kva"),
        ({"kva": "5"}, "kva"),
        ({"kva": True}, "kva"),
        ({"point": ["0", "1"]}, "point"),
        ({"decided_by": ""}, "decided_by"),
        ({"point": [0, 91]}, "point"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_cannot_be_is_said_in_one_sentence(api: Api, change: dict[str, Any], word: str) -> None:
    body = {"applicant": {"name": "B"}, "point": HERE, "kva": 5, "decided_by": "c"}
    assert word in problem(api.send(APPLICATIONS, body | change), 400)["detail"]


def test_the_database_keeps_states_and_reservations_together(api: Api) -> None:
    number = new(api)
    changes: list[dict[str, Any]] = [
        {"status": "accepted"},
        {"status": "accepting"},
        {"intent": {}},
        {"reservation_id": 3},
    ]
    for change in changes:
        with pytest.raises(IntegrityError), transaction.atomic():
            ConnectionApplication.objects.filter(number=number).update(**change)


# --- two databases, and processes that die between them


def test_an_engine_that_is_away_leaves_the_decision_to_be_settled(api: Api, own: OwnEngine) -> None:
    number = offered(api)
    own.kill()
    answer = api.send(f"{APPLICATIONS}/{number}/accept", {"decided_by": "planner", "rank": 1})
    assert problem(answer, 503)["type"].endswith("engine-away")
    document = api.get(f"{APPLICATIONS}/{number}").json
    assert (document["status"], document["possible"]) == ("accepting", ["settle"])
    problem(api.send(f"{APPLICATIONS}/{number}/withdraw", {"decided_by": "planner"}), 503)
    own.start()
    # the next decision settles the one before it first
    document = decide(api, number, "withdraw", reason="too late")
    assert [one["to_status"] for one in document["steps"][-4:]] == [
        "accepting",
        "accepted",
        "withdrawing",
        "withdrawn",
    ]
    assert own.held() == []


def test_an_engine_killed_while_it_decides_reserves_once(api: Api, own: OwnEngine) -> None:
    number = offered(api)
    with closing(psycopg2.connect(own.environment["GRIDGIS_ENGINE_DSN"])) as held, held.cursor() as cursor:
        cursor.execute("LOCK TABLE reservation_supply IN ACCESS EXCLUSIVE MODE")
        with ThreadPoolExecutor(1) as pool:

            def accept() -> int:
                try:
                    body = {"decided_by": "planner", "rank": 1}
                    return api.send(f"{APPLICATIONS}/{number}/accept", body).status
                finally:
                    connections.close_all()

            sent = pool.submit(accept)
            own.wait_until_it_waits()
            own.kill()
            assert sent.result() == 503
        held.rollback()
    assert own.held() == []
    own.start()
    document = api.send(f"{APPLICATIONS}/{number}/settle", {}).json
    assert document["status"] == "accepted"
    assert own.held() == [(f"application-{number}-1", 50.0)]


def test_a_reservation_whose_answer_was_lost_is_found_again(
    point_at: PointAt, own: OwnEngine, api: Api
) -> None:
    number = offered(api)
    hasty = point_at(own.address, answer_s=1.0)
    with closing(psycopg2.connect(own.environment["GRIDGIS_ENGINE_DSN"])) as held, held.cursor() as cursor:
        cursor.execute("LOCK TABLE reservation_supply IN ACCESS EXCLUSIVE MODE")
        answer = hasty.send(f"{APPLICATIONS}/{number}/accept", {"decided_by": "planner", "rank": 1})
        problem(answer, 503)
        held.rollback()
    deadline = time.monotonic() + 20
    while not own.held():  # the engine goes on and reserves, though nobody hears of it
        assert time.monotonic() < deadline
        time.sleep(0.02)
    patient = point_at(own.address)
    assert patient.get(f"{APPLICATIONS}/{number}").json["status"] == "accepting"
    document = patient.send(f"{APPLICATIONS}/{number}/settle", {}).json
    assert document["status"] == "accepted"
    assert own.held() == [(f"application-{number}-1", 50.0)]
    assert len(own.query("SELECT 1 FROM reservation")) == 1


def test_a_business_api_killed_while_it_waits_is_settled_by_the_command(
    own: OwnEngine, tmp_path: Path
) -> None:
    own.start()
    own.query("TRUNCATE reservation, reservation_supply, reservation_change")
    server = os.environ["GRIDGIS_API_DSN"]
    with scratch_database(server, f"gridgis_api_killed_{os.getpid()}") as dsn:
        environment = {**os.environ, "GRIDGIS_API_DSN": dsn, "GRIDGIS_ENGINE_URL": own.address}
        assert run(environment, "migrate").returncode == 0
        port, log = free_port(), tmp_path / "api.log"
        address = f"http://127.0.0.1:{port}{APPLICATIONS}"
        with process(["-m", "api", "serve", "--port", str(port)], environment, log) as child:
            wait_until_ready(f"http://127.0.0.1:{port}/readyz", child, log)
            with httpx.Client(trust_env=False, timeout=60) as client:
                body = {"applicant": {"name": "B"}, "point": HERE, "kva": 60, "decided_by": "c"}
                number = client.post(address, json=body).json()["id"]
                asked = client.post(f"{address}/{number}/schemes", json={"decided_by": "c", "rules": FLAT})
                assert asked.status_code == 200, asked.text
                dsn_of_engine = own.environment["GRIDGIS_ENGINE_DSN"]
                with closing(psycopg2.connect(dsn_of_engine)) as held, held.cursor() as cursor:
                    cursor.execute("LOCK TABLE reservation_supply IN ACCESS EXCLUSIVE MODE")
                    with ThreadPoolExecutor(1) as pool:
                        chosen = {"decided_by": "c", "rank": 1}
                        sent = pool.submit(client.post, f"{address}/{number}/accept", json=chosen)
                        own.wait_until_it_waits()
                        children = Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text().split()
                        for one in (*map(int, children), child.pid):
                            os.kill(one, signal.SIGKILL)
                        with pytest.raises(httpx.TransportError):
                            sent.result()
                    held.rollback()
        done = run(environment, "settle")
        assert done.returncode == 0, done.stderr
        assert f"application {number}: accepted" in done.stdout
        assert own.held() == [(f"application-{number}-1", 60.0)]
        assert "nothing to settle" in run(environment, "settle").stdout
        own.kill()
        assert run(environment, "settle").returncode == 0  # nothing to ask for


@pytest.mark.parametrize(("racing", "kva"), [(2, 150), (2, 110), (16, 100), (16, 60), (16, 14)])
def test_racing_applications_for_the_last_kva(
    racing: int, kva: float, own: OwnEngine, tmp_path: Path
) -> None:
    """Applicants accept at one moment through two processes of the business API, over real HTTP.

    As many are accepted as fit by adding up, the others stay offered with the engine's reason, and the record
    of the engine holds what the accepted ones ask for and no more.
    """
    own.start()
    own.query("TRUNCATE reservation, reservation_supply, reservation_change")
    server = os.environ["GRIDGIS_API_DSN"]
    with scratch_database(server, f"gridgis_api_racing_{os.getpid()}") as dsn, ExitStack() as held:
        environment = {**os.environ, "GRIDGIS_API_DSN": dsn, "GRIDGIS_ENGINE_URL": own.address}
        assert run(environment, "migrate").returncode == 0
        addresses = []
        for number in range(2):
            port, log = free_port(), tmp_path / f"api-{number}.log"
            command = ["-m", "api", "serve", "--port", str(port), "--threads", "16"]
            child = held.enter_context(process(command, environment, log))
            wait_until_ready(f"http://127.0.0.1:{port}/readyz", child, log)
            addresses.append(f"http://127.0.0.1:{port}{APPLICATIONS}")
        client = held.enter_context(httpx.Client(trust_env=False, timeout=60))
        numbers = []
        for _ in range(racing):
            body = {"applicant": {"name": "B"}, "point": HERE, "kva": kva, "decided_by": "c"}
            numbers.append(client.post(addresses[0], json=body).json()["id"])
            asked = {"decided_by": "c", "rules": FLAT}
            answer = client.post(f"{addresses[0]}/{numbers[-1]}/schemes", json=asked).json()
            # each is offered the last kVA behind X1
            assert answer["scheme_answers"][0]["answer"]["schemes"][0]["attach"]["id"] == "D1"
        begin = threading.Barrier(racing)

        def accept(k: int) -> httpx.Response:
            begin.wait()
            chosen = {"decided_by": "c", "rank": 1}
            return client.post(f"{addresses[k % 2]}/{numbers[k]}/accept", json=chosen)

        with ThreadPoolExecutor(racing) as pool:
            answers = list(pool.map(accept, range(racing)))
        fitting = min(racing, int(FREE // kva))
        assert [one.status_code for one in answers].count(200) == fitting
        for one in answers:
            if one.status_code != 200:
                assert one.status_code == 409, one.text
                assert one.json()["binding"]["element"] == "X1"
                assert one.json()["binding"]["reserved_kva"] == pytest.approx(kva * fitting)
        states = [client.get(f"{addresses[0]}/{one}").json()["status"] for one in numbers]
        assert [one == "accepted" for one in states] == [one.status_code == 200 for one in answers]
        assert set(states) <= {"accepted", "offered"}
        reserved = own.held()
        assert len(reserved) == fitting
        assert sum(size for _, size in reserved) <= FREE
