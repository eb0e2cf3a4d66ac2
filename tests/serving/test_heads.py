"""Requests whose head came before, to the byte: answered as if it were parsed each time.

What is expected is written down by what the small application says of itself: a quick answer is `quick BODY`,
one by a thread is `LENGTH BODY`.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from serving.heads import LONGEST_HEAD, MOST_HEADS, Heads, KnownHead
from tests.serving.small_server import SmallServer, small_server
from tests.serving.test_http import contents, one_answer, post
from tests.serving.watched import read_all

BODIES = [b"four", b"five", b"fail", b"thread", b"threat", b"", b"\r\n\r\n", b"a\r\n\r\nb"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallServer]:
    with small_server(tmp_path_factory.mktemp("small")) as running:
        yield running


def quick(body: bytes) -> bytes:
    """The answer at `/quick`, made in the loop or, where that fails or refuses, in a thread."""
    return b"%d %b" % (len(body), body) if body in (b"fail", b"thread") else b"quick %b" % body


def test_the_same_head_is_answered_by_its_own_body_each_time(server: SmallServer) -> None:
    with server.connect() as one:
        for body in (b"four", b"four", b"five", b"fail", b"five", b"fail", b"threat", b"thread", b"threat"):
            one.sendall(post(b"/quick", body))
            assert one_answer(one) == quick(body)


@pytest.mark.parametrize("cut", [-9, -8, -7, -6, -5, -4, -3, -1])
def test_a_known_head_may_come_in_two_pieces(server: SmallServer, cut: int) -> None:
    """Cut within the empty line, right behind it, and within the body."""
    text = post(b"/quick", b"cut!")
    with server.connect() as one:
        for _ in range(2):
            one.sendall(text)
            assert one_answer(one) == b"quick cut!"
        one.sendall(text[:cut])
        time.sleep(0.05)
        one.sendall(text[cut:])
        assert one_answer(one) == b"quick cut!"
        one.sendall(text)
        assert one_answer(one) == b"quick cut!"


def test_a_body_of_another_length_than_its_head_says_is_no_known_request(server: SmallServer) -> None:
    text = post(b"/quick", b"four")
    with server.connect() as one:
        for _ in range(2):
            one.sendall(text)
            assert one_answer(one) == b"quick four"
        one.sendall(text + b"GET")  # and the next request begins
        assert one_answer(one) == b"quick four"
        one.sendall(b" /environ HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b'"REQUEST_METHOD":"GET"' in one_answer(one)


def test_a_head_that_differs_in_a_byte_is_another_head(server: SmallServer) -> None:
    with server.connect() as one:
        for _ in range(2):
            one.sendall(post(b"/quick", b"same"))
            assert one_answer(one) == b"quick same"
        one.sendall(post(b"/quicK", b"same"))
        assert one_answer(one) == b"4 same"
    with server.connect() as one:
        one.sendall(post(b"/quick", b"same", b"Connection: close\r\n"))
        assert one_answer(one) == b"4 same"
        assert one.recv(1) == b""


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    asked=st.lists(
        st.tuples(st.sampled_from([b"/quick", b"/quick", b"/echo"]), st.sampled_from(BODIES), st.booleans()),
        min_size=1,
        max_size=12,
    ),
    cuts=st.lists(st.integers(1, 250), max_size=6),
)
def test_answers_do_not_depend_on_how_requests_come(
    server: SmallServer, asked: list[tuple[bytes, bytes, bool]], cuts: list[int]
) -> None:
    """Request by request, some sent before the last one is answered; and all in pieces cut anywhere.

    Which of them are made in a thread is open: what is sent ahead may be.
    """
    with server.connect() as one:
        due: list[bytes] = []
        for path, body, waits in asked:
            one.sendall(post(path, body))
            due.append(body)
            if waits:
                assert bodies(answers(one, len(due))) == due
                due = []
    with server.connect() as one:
        text = b"".join(post(path, body) for path, body, _ in asked)
        text += post(b"/echo", b"last", b"Connection: close\r\n")
        for cut in cuts:
            one.sendall(text[:cut])
            text = text[cut:]
            time.sleep(0.001)
        one.sendall(text)
        assert bodies(contents(read_all(one))) == [*(body for _, body, _ in asked), b"last"]


def bodies(answers: list[bytes]) -> list[bytes]:
    """What was echoed, however the answer was made."""
    return [answer.partition(b" ")[2] for answer in answers]


def answers(one: socket.socket, number: int) -> list[bytes]:
    """The contents of so many answers."""
    held = b""
    while True:
        found = []
        rest = held
        while (end := rest.find(b"\r\n\r\n") + 4) > 3:
            length = int(rest.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            if len(rest) < end + length:
                break
            found.append(rest[end : end + length])
            rest = rest[end + length :]
        if len(found) == number and not rest:
            return found
        piece = one.recv(65_536)
        assert piece
        held += piece


def test_few_heads_are_remembered_and_short_ones() -> None:
    heads = Heads()
    said = KnownHead(b"/quick", b"", 4)
    heads.note(b"x" * (LONGEST_HEAD + 1), said)
    assert heads.get(b"x" * (LONGEST_HEAD + 1)) is None
    for k in range(MOST_HEADS):
        heads.note(b"%d" % k, said)
    assert all(heads.get(b"%d" % k) is said for k in range(MOST_HEADS))
    heads.note(b"one more", said)
    assert heads.get(b"one more") is said
    assert heads.get(b"0") is None
