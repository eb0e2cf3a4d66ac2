"""A node is asked within our own time, also when it lets us in and never speaks. Real sockets."""

from __future__ import annotations

import socket
import time

import pytest

from sharding.asking import Refused, up_since


def test_who_lets_in_and_never_speaks_is_waited_for_no_longer_than_we_want() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        address = {"host": "127.0.0.1", "port": silent.getsockname()[1], "user": "x", "dbname": "x"}
        assert up_since(address, patience_s=0.5) is None
        assert 0.5 <= time.monotonic() - began < 5


def test_who_is_not_there_refuses_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    began = time.monotonic()
    with pytest.raises(Refused):
        up_since({"host": "127.0.0.1", "port": port, "user": "x", "dbname": "x"}, patience_s=5)
    assert time.monotonic() - began < 4
