"""Waiting for descriptors: what the system says of sockets, whatever their numbers."""

from __future__ import annotations

import os
import resource
import socket
import time

import pytest

from sharding.ready import ready


def test_what_can_be_read_or_written_is_told_and_nothing_when_the_time_is_over() -> None:
    one, other = socket.socketpair()
    with one, other:
        began = time.monotonic()
        assert ready([one.fileno()], (), 0.1) == set()
        assert 0.09 < time.monotonic() - began < 5
        assert ready([one.fileno()], [other.fileno()], 5) == {other.fileno()}
        other.sendall(b"x")
        assert ready([one.fileno()], (), 5) == {one.fileno()}
        other.close()
        assert ready([one.fileno()], (), 5) == {one.fileno()}


def test_a_descriptor_of_a_high_number_can_be_waited_for() -> None:
    """A process with a thousand connections has such; `select.select` raises ValueError for them."""
    number = 1500
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard <= number:
        pytest.skip(f"this system allows {hard} open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, number + 1), hard))
    one, other = socket.socketpair()
    try:
        with one, other:
            os.dup2(one.fileno(), number)
            other.sendall(b"x")
            assert ready([number], (), 5) == {number}
    finally:
        os.close(number)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
