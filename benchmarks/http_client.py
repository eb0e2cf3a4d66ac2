"""A connection to a server on loopback that stays open, as programs that ask again and again have one."""

from __future__ import annotations

from collections.abc import Mapping
from email.message import Message
from http.client import HTTPConnection
from urllib.parse import urlsplit


class Connection:
    """Of one server; used by one thread."""

    def __init__(self, address: str) -> None:
        place = urlsplit(address)
        self._connection = HTTPConnection(place.hostname or "", place.port, timeout=120)

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Message, bytes]:
        """Status, headers and the whole body of an answer."""
        self._connection.request(method, path, body, dict(headers or {}))
        answer = self._connection.getresponse()
        return answer.status, answer.headers, answer.read()
