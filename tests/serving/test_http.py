"""What a client sees of the server: HTTP/1.1 as RFC 9112 and 9110 have it, whichever way answers are made.

Expected answers are written down here by what those say; the small application echoes what it was given.
"""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import orjson
import pytest

from tests.serving.small_application import LONG_PIECES, MOST_BODY, PIECE
from tests.serving.small_server import SmallServer, small_server
from tests.serving.watched import read_all, read_until, settles

LONG = b"".join(b"%08d" % k + PIECE for k in range(LONG_PIECES))
CLOSE = b"Host: x\r\nConnection: close\r\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallServer]:
    with small_server(tmp_path_factory.mktemp("small")) as running:
        yield running


@pytest.fixture
def client(server: SmallServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://127.0.0.1:{server.port}", trust_env=False, timeout=20) as one:
        yield one


def post(path: bytes, body: bytes, more: bytes = b"") -> bytes:
    return b"POST %b HTTP/1.1\r\nHost: x\r\n%bContent-Length: %d\r\n\r\n%b" % (path, more, len(body), body)


def one_answer(one: socket.socket) -> bytes:
    """The content of one answer that tells its length."""
    held = b""
    while not (end := held.find(b"\r\n\r\n") + 4) > 3:
        held += one.recv(65_536)
    length = int(held.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    while len(held) < end + length:
        piece = one.recv(65_536)
        assert piece
        held += piece
    return held[end:]


def is_cut_off(one: socket.socket) -> bool:
    """Whether the server ends a connection; TimeoutError where it does not."""
    try:
        while one.recv(1 << 20):
            pass
    except ConnectionError:
        return True
    return True


def contents(text: bytes) -> list[bytes]:
    """The contents of answers that tell their length, in order."""
    found = []
    while text:
        head, _, rest = text.partition(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        found.append(rest[:length])
        text = rest[length:]
    return found


def test_requests_sent_ahead_are_answered_in_their_order(server: SmallServer) -> None:
    """Quick ones behind slow ones wait for them, and may be made in a thread."""
    bodies = [b"one", b"thread", b"two", b"three", b"thread", b"four"]
    requests = [post(b"/quick", body) for body in bodies]
    requests.insert(2, b"GET /sleep?0.2 HTTP/1.1\r\nHost: x\r\n\r\n")
    requests.append(post(b"/echo", b"last", b"Connection: close\r\n"))
    answers = contents(server.ask(b"".join(requests)))
    expected = [b"one", b"thread", b"slept", b"two", b"three", b"thread", b"four", b"last"]
    assert [answer.split(b" ")[-1] for answer in answers] == expected


def test_many_requests_sent_ahead_are_answered_or_cut_off(server: SmallServer) -> None:
    quick = b"".join(post(b"/quick", b"%d" % k) for k in range(20))
    last = post(b"/quick", b"end", b"Connection: close\r\n")
    answers = [answer.split(b" ")[-1] for answer in contents(server.ask(quick + last))]
    assert answers == [*(b"%d" % k for k in range(20)), b"end"]
    with server.connect() as one:
        one.sendall(post(b"/echo", b"x") * 200)
        assert is_cut_off(one)


def test_requests_sent_at_once_are_answered_once(server: SmallServer) -> None:
    with server.connect() as one:
        for number in (1, 2, 3, 7):
            one.sendall(b"".join(post(b"/quick", b"%d" % k) for k in range(number)))
            held = b""
            while held.count(b"quick ") < number or not held.endswith(b"%d" % (number - 1)):
                held += one.recv(65_536)
            assert contents(held) == [b"quick %d" % k for k in range(number)]
        one.settimeout(0.3)
        with pytest.raises(TimeoutError):
            one.recv(1)


@pytest.mark.parametrize("path", [b"/quick", b"/echo"])
def test_a_request_may_come_byte_by_byte(server: SmallServer, path: bytes) -> None:
    text = post(path, b"slowly", b"Connection: close\r\n")
    with server.connect() as one:
        for k in range(len(text)):
            one.sendall(text[k : k + 1])
        assert contents(read_all(one)) == [b"6 slowly"]
    with server.connect() as one:
        text = post(path, b"slowly")
        for k in range(len(text)):
            one.sendall(text[k : k + 1])
        assert one_answer(one).endswith(b"slowly")  # and the connection is kept


def test_a_quick_answer_is_whole_and_tells_its_length_and_the_date(client: httpx.Client) -> None:
    answer = client.post("/quick", content=b"x" * 50_000)
    assert answer.content == b"quick " + b"x" * 50_000
    assert answer.headers["content-type"] == "text/quick"
    assert answer.headers["content-length"] == "50006"
    assert answer.headers["date"].endswith("GMT")
    assert client.post("/quick", content=b"x" * 70_000).status_code == 200


def test_a_quick_answer_that_fails_is_made_in_a_thread(server: SmallServer) -> None:
    assert contents(server.ask(post(b"/quick", b"fail", b"Connection: close\r\n"))) == [b"4 fail"]
    with server.connect() as one:
        one.sendall(post(b"/quick", b"fail"))
        assert one_answer(one) == b"4 fail"
    assert "a quick answer that fails" in server.log.read_text()


def test_the_environment_is_that_of_pep_3333(server: SmallServer) -> None:
    head = b"Content-Type: a/b\r\nX-Name: one\r\nX-Name: two\r\nX_Name: forged\r\nX-Latin: \xe9\r\n"
    target = b"/environ?q=%C3%A9&r=1"
    told = orjson.loads(contents(server.ask(post(target, b"\xff\x00", head + CLOSE[9:])))[0])
    assert (told["REQUEST_METHOD"], told["SCRIPT_NAME"]) == ("POST", "")
    assert (told["PATH_INFO"], told["QUERY_STRING"]) == ("/environ", "q=%C3%A9&r=1")
    assert (told["SERVER_NAME"], told["SERVER_PORT"]) == ("127.0.0.1", str(server.port))
    assert (told["SERVER_PROTOCOL"], told["wsgi.url_scheme"]) == ("HTTP/1.1", "http")
    assert (told["CONTENT_TYPE"], told["CONTENT_LENGTH"]) == ("a/b", "2")
    assert (told["HTTP_HOST"], told["HTTP_X_NAME"], told["HTTP_X_LATIN"]) == ("x", "one,two", "\xe9")
    assert told["REMOTE_ADDR"] == "127.0.0.1"
    assert told["body"] == "\xff\x00"


@pytest.mark.parametrize(
    ("target", "path"),
    [(b"/environ", "/environ"), (b"http://x/environ?a", "/environ"), (b"/%65nviron", "/environ")],
)
def test_a_target_may_be_absolute_or_escaped(server: SmallServer, target: bytes, path: str) -> None:
    answer = contents(server.ask(b"GET %b HTTP/1.1\r\n%b\r\n" % (target, CLOSE)))
    assert orjson.loads(answer[0])["PATH_INFO"] == path


def test_bytes_of_a_path_that_are_no_utf_8_are_kept(server: SmallServer) -> None:
    answer = server.ask(b"POST /echo%%FF HTTP/1.1\r\n%bContent-Length: 1\r\n\r\nx" % CLOSE)
    assert contents(answer) == [b"1 x"]


def test_a_client_that_waits_to_be_let_send_is_let(server: SmallServer) -> None:
    """RFC 9110, 10.1.1; and where its body is too long it is told so, and sends nothing."""
    for path in (b"/echo", b"/quick"):
        with server.connect() as one:
            head = b"POST %b HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n"
            one.sendall(head % path)
            assert one.recv(65_536) == b"HTTP/1.1 100 Continue\r\n\r\n"
            one.sendall(b"body")
            assert one_answer(one) == b"4 body"
    with server.connect() as one:
        head = b"POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n"
        one.sendall(head % (MOST_BODY + 1))
        answer = read_all(one)  # which ends, as the connection does
    assert answer.startswith(b"HTTP/1.1 413")
    assert answer.endswith(b"refused")


def test_a_body_that_is_too_long_is_refused_and_the_connection_goes_on(client: httpx.Client) -> None:
    assert client.post("/echo", content=bytes(MOST_BODY + 1)).status_code == 413
    assert client.post("/echo", content=bytes(MOST_BODY)).content[:8] == b"%d " % MOST_BODY


def test_a_body_in_chunks_is_refused_and_the_connection_goes_on(client: httpx.Client) -> None:
    assert client.post("/echo", content=iter([b"a" * 100_000, b"b"])).status_code == 411
    assert client.post("/quick", content=b"next").content == b"quick next"


def test_a_body_that_never_ends_is_cut_off(server: SmallServer) -> None:
    with server.connect() as one:
        one.sendall(b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        with suppress(ConnectionError):
            for _ in range(1000):  # 65 MB
                one.sendall(b"10000\r\n" + bytes(65_536) + b"\r\n")
        assert is_cut_off(one)


def test_a_head_that_is_too_long_is_refused(server: SmallServer) -> None:
    with server.connect() as one:
        one.sendall(b"GET /environ HTTP/1.1\r\nHost: x\r\n")
        for k in range(66):  # the last of which is too much
            one.sendall(b"X-%d: %b\r\n" % (k, b"y" * 1000))
        assert one.recv(65_536).startswith(b"HTTP/1.1 431")


@pytest.mark.parametrize(
    "text",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
        b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /quick HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"GET /environ HTTP/1.1\r\nHost : x\r\n\r\n",
    ],
)
def test_what_is_no_http_is_refused_and_ends_the_connection(server: SmallServer, text: bytes) -> None:
    """Two lengths, or a length and chunks, are how requests are smuggled (RFC 9112, 6.3)."""
    assert server.ask(text).startswith(b"HTTP/1.1 400")


def test_an_offer_of_another_protocol_is_passed_over(server: SmallServer) -> None:
    """As Java's client makes with its first request: it is answered over HTTP/1.1, and so is the next one."""
    offer = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAAB\r\n"
    with server.connect() as one:
        for body in (b"first", b"second"):
            one.sendall(post(b"/quick", body, offer))
            assert one_answer(one) == b"quick " + body
        one.sendall(post(b"/echo", b"x" * 200_000, offer))
        assert one_answer(one) == b"200000 " + b"x" * 100


def test_names_of_header_fields_are_sent_as_the_application_gave_them(server: SmallServer) -> None:
    """Some clients look for `Content-Type` and nothing else, OGC's suite for WMTS among them."""
    heads = [
        server.ask(b"GET %b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % path).partition(b"\r\n\r\n")[
            0
        ]
        for path in (b"/environ", b"/long", b"/big?70000")
    ]
    assert all(b"\r\nContent-Type: " in head for head in heads)
    assert [b"chunked" in head for head in heads] == [False, True, False]


def test_a_head_request_gets_the_head_alone(server: SmallServer) -> None:
    answer = server.ask(b"HEAD /environ HTTP/1.1\r\n%b\r\n" % CLOSE)
    assert answer.endswith(b"\r\n\r\n")
    assert b"content-length: " in answer.lower()
    before = int(server.get("/closed")[1])
    assert server.ask(b"HEAD /long HTTP/1.1\r\n%b\r\n" % CLOSE).endswith(b"\r\n\r\n")
    assert int(server.get("/closed")[1]) == before + 1


def test_an_answer_without_content_has_none(server: SmallServer) -> None:
    answer = server.ask(b"GET /tick?nobody HTTP/1.1\r\n%b\r\n" % CLOSE)
    assert answer.startswith(b"HTTP/1.1 204")
    assert answer.endswith(b"\r\n\r\n")
    assert b"content-length" not in answer.lower()


def test_a_long_answer_is_the_same_to_the_byte_however_slowly_it_is_read(server: SmallServer) -> None:
    with httpx.stream("GET", f"http://127.0.0.1:{server.port}/long", trust_env=False) as answer:
        assert answer.headers["transfer-encoding"] == "chunked"
        assert b"".join(answer.iter_bytes()) == LONG
    with server.connect(room=20_000) as one:
        one.sendall(b"GET /long HTTP/1.1\r\n%b\r\n" % CLOSE)
        held = []
        while piece := one.recv(300_000):
            held.append(piece)
            time.sleep(0.001)
    assert _unchunked(b"".join(held).partition(b"\r\n\r\n")[2]) == LONG


def _unchunked(text: bytes) -> bytes:
    """By RFC 9112, 7.1; AssertionError where the last chunk is missing."""
    found: list[bytes] = []
    while True:
        size, end, text = text.partition(b"\r\n")
        assert end
        length = int(size, 16)
        if length == 0:
            assert text == b"\r\n"
            return b"".join(found)
        found.append(text[:length])
        assert text[length : length + 2] == b"\r\n"
        text = text[length + 2 :]


def test_http_1_0_gets_a_length_instead_of_chunks(server: SmallServer) -> None:
    """It knows no chunks (RFC 9112, 7)."""
    with server.connect() as one:
        one.sendall(b"GET /long HTTP/1.0\r\n\r\n")
        head, _, content = read_all(one).partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head.lower()
    assert content == LONG
    assert server.ask(b"GET /events HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 503")
    assert contents(server.ask(b"POST /quick HTTP/1.0\r\nContent-Length: 1\r\n\r\nx")) == [b"1 x"]


def test_a_long_answer_in_one_piece_is_the_same_to_the_byte(client: httpx.Client) -> None:
    answer = client.get("/big?30000000")
    assert answer.headers["content-length"] == "30000000"
    assert answer.content == bytes(30_000_000)
    # as much as may be held, less what was not sent to others a second ago
    assert client.get(f"/big?{(1 << 29) - (1 << 20)}").status_code == 200
    assert client.get(f"/big?{(1 << 29) + 1}").status_code == 503


def test_an_answer_that_breaks_off_ends_its_connection(server: SmallServer) -> None:
    """Whoever reads it notices (RFC 9112, 8: a chunked answer without its last chunk is incomplete)."""
    before = int(server.get("/closed")[1])
    with (
        pytest.raises(httpx.TransportError),
        httpx.stream("GET", f"http://127.0.0.1:{server.port}/breaks", trust_env=False) as answer,
    ):
        for _ in answer.iter_bytes():
            pass
    assert "what the answer is made of is gone" in server.log.read_text()
    settles(lambda: int(server.get("/closed")[1]) == before + 1, "a thread closes it")


def test_an_application_that_fails_is_told_with_500(client: httpx.Client) -> None:
    assert client.get("/fails").status_code == 500
    assert client.post("/quick", content=b"x").status_code == 200


def test_events_are_told_when_they_happen_and_the_stream_ends_with_them(server: SmallServer) -> None:
    with server.connect() as one:
        one.sendall(b"GET /events HTTP/1.1\r\n%b\r\n" % CLOSE)
        read_until(one, b": idle\n")
        assert server.get("/tick?first")[0] == 204
        assert b"tick first" in read_until(one, b"tick first")
        read_until(one, b": idle\n")
        server.get("/tick?end")
        assert read_all(one).endswith(b"0\r\n\r\n")


def test_a_stop_finishes_what_is_under_way_and_takes_no_more(tmp_path: Path) -> None:
    with small_server(tmp_path) as server:
        answers: list[bytes] = []
        asking = threading.Thread(target=lambda: answers.append(server.get("/sleep?1")[1]))
        long = server.connect(room=20_000)
        long.sendall(b"GET /long HTTP/1.1\r\n%b\r\n" % CLOSE)
        idle = server.connect()
        asking.start()
        time.sleep(0.4)
        server.child.send_signal(signal.SIGTERM)
        assert read_all(idle) == b""
        content = read_all(long).partition(b"\r\n\r\n")[2]
        asking.join()
        assert server.child.wait(20) == 0
        assert answers == [b"slept"]
        assert _unchunked(content) == LONG
        for one in (long, idle):
            one.close()
