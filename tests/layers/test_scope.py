"""Tokens of the map layers: what is signed is read again, what is forged or stale is refused.

Forged tokens are put together by hand, from RFC 7515 and 7519, so that the library that reads them does not
make them.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as st

from layers.scope import LONGEST, Gate, carried, carry, parameters, read_token, token_of, write_token
from layers.source import Unidentified

KEY, OTHER_KEY = b"k" * 32, b"o" * 32
SOON, LONG_AGO = datetime.now(UTC) + timedelta(days=1), datetime(2020, 1, 1, tzinfo=UTC)
IN_TIME = int(SOON.timestamp())
OPEN, CLOSED = Gate(KEY, required=False), Gate(KEY, required=True)
CODES = st.text(st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=12)


def by_hand(
    claims: Any, *, key: bytes = KEY, header: Any = None, hash: str = "sha256", signature: str | None = None
) -> str:
    """A token of these claims."""

    def part(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    head = json.dumps({"alg": "HS256", "typ": "JWT"} if header is None else header).encode()
    signed = f"{part(head)}.{part(json.dumps(claims).encode())}"
    if signature is None:
        signature = part(hmac.new(key, signed.encode(), getattr(hashlib, hash)).digest())
    return f"{signed}.{signature}"


@given(st.frozensets(CODES, max_size=20))
def test_the_counties_of_a_token_are_those_it_was_written_for(counties: frozenset[str]) -> None:
    assert read_token(KEY, write_token(KEY, counties, SOON)) == counties


def test_a_token_written_by_another_program_is_read() -> None:
    assert read_token(KEY, by_hand({"counties": ["450122"], "exp": IN_TIME})) == frozenset({"450122"})
    assert read_token(KEY, by_hand({"counties": "*", "exp": IN_TIME})) is None
    assert read_token(KEY, by_hand({"counties": [], "exp": IN_TIME})) == frozenset()
    more = {"counties": ["a1"], "exp": IN_TIME, "sub": "a planner", "iat": 1_700_000_000}
    assert read_token(KEY, by_hand(more)) == frozenset({"a1"})


GOOD = {"counties": ["450122"], "exp": IN_TIME}


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        "..",
        "a.b.c",
        "ü" * 40,
        "\x00",
        by_hand(GOOD, key=OTHER_KEY),
        by_hand(GOOD, signature=""),
        by_hand(GOOD, header={"alg": "none"}, signature=""),
        by_hand(GOOD, header={"alg": "None"}),
        by_hand(GOOD, header={"alg": "HS512"}, hash="sha512"),
        by_hand(GOOD, header={"alg": "RS256"}),
        by_hand(GOOD, header={}),
        by_hand(GOOD, header=[]),
        by_hand({"counties": ["450122"]}),
        by_hand({"exp": IN_TIME}),
        by_hand({"counties": ["450122"], "exp": "tomorrow"}),
        by_hand({"counties": ["450122"], "exp": float("inf")}),
        by_hand({"counties": ["450122"], "exp": True}),
        base64.urlsafe_b64encode(b"[" * 40_000).decode() + ".e30.x",
        by_hand({"counties": ["450122"], "exp": 1_600_000_000}),
        by_hand({"counties": ["450122"], "exp": IN_TIME, "nbf": IN_TIME}),
        by_hand({"counties": ["450122"], "exp": IN_TIME, "aud": "another service"}),
        by_hand({"counties": "450122", "exp": IN_TIME}),
        by_hand({"counties": ["450122", 7], "exp": IN_TIME}),
        by_hand({"counties": [""], "exp": IN_TIME}),
        by_hand({"counties": None, "exp": IN_TIME}),
        by_hand({"counties": {"450122": True}, "exp": IN_TIME}),
        by_hand([]),
        by_hand("*"),
        by_hand({"counties": ["x" * LONGEST], "exp": IN_TIME}),
    ],
    ids=lambda token: f"{token[:12]}…{token[-6:]}".replace("\x00", "NUL"),
)
@pytest.mark.parametrize("gate", [OPEN, CLOSED], ids=["optional", "required"])
def test_what_is_not_signed_or_says_no_counties_is_refused(gate: Gate, token: str) -> None:
    """Where no token is needed, too: somebody means to be held to one."""
    with pytest.raises(Unidentified, match=r"^token: ") as refused:
        gate.counties_of(RequestFactory().get("/ogc/collections", {"token": token}))
    assert "450122" not in str(refused.value)


@given(st.integers(0, 200), st.integers(1, 255))
def test_a_token_of_which_anything_was_changed_is_refused(place: int, change: int) -> None:
    token = bytearray(write_token(KEY, ["450122"], SOON), "ascii")
    place %= len(token)
    token[place] ^= change
    altered = token.decode("latin-1")
    # two bits of the last letter of the signature stand for nothing
    if place == len(token) - 1:
        return
    with pytest.raises(Unidentified):
        read_token(KEY, altered)


def test_a_token_holds_until_its_time() -> None:
    with pytest.raises(Unidentified, match="run out"):
        read_token(KEY, write_token(KEY, ["450122"], LONG_AGO))


def test_without_a_token_everything_is_seen_or_nothing() -> None:
    request = RequestFactory().get("/ogc/collections")
    assert OPEN.counties_of(request) is None
    with pytest.raises(Unidentified, match="Bearer"):
        CLOSED.counties_of(request)


def test_a_service_without_a_key_takes_no_token() -> None:
    request = RequestFactory().get("/ogc/collections", {"token": by_hand(GOOD, key=b"")})
    with pytest.raises(Unidentified, match="no key"):
        Gate(None, required=False).counties_of(request)


@pytest.mark.parametrize("name", ["token", "TOKEN", "Token"])
def test_a_token_comes_in_the_address_in_any_case_of_letters(name: str) -> None:
    request = RequestFactory().get("/wms", {"SERVICE": "WMS", name: by_hand(GOOD)})
    assert CLOSED.counties_of(request) == frozenset({"450122"})
    assert parameters(request) == {"SERVICE": "WMS"}
    assert carried(request) == {"token": by_hand(GOOD)}


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_a_token_comes_in_the_header(scheme: str) -> None:
    request = RequestFactory().get("/wms", headers={"Authorization": f"{scheme} {by_hand(GOOD)}"})
    assert CLOSED.counties_of(request) == frozenset({"450122"})
    assert carry(request, "/wms?a=b") == "/wms?a=b"  # the client sends it again by itself


def test_credentials_of_another_kind_are_for_somebody_else() -> None:
    assert token_of(RequestFactory().get("/wms", headers={"Authorization": "Basic eDp5"})) is None


def test_of_two_tokens_none_is_chosen() -> None:
    one, other = by_hand(GOOD), write_token(KEY, None, SOON)
    twice = RequestFactory().get("/wms", {"token": one}, headers={"Authorization": f"Bearer {one}"})
    assert OPEN.counties_of(twice) == frozenset({"450122"})
    for request in (
        RequestFactory().get("/wms", {"token": one}, headers={"Authorization": f"Bearer {other}"}),
        RequestFactory().get("/wms", {"token": [one, other]}),
        RequestFactory().get("/wms", {"token": one, "TOKEN": other}),
    ):
        with pytest.raises(Unidentified, match="send one"):
            OPEN.counties_of(request)


def test_links_carry_the_token_of_the_address() -> None:
    request = RequestFactory().get("/ogc/collections", {"token": "a.b+c", "f": "json"})
    assert carry(request, "http://x/ogc") == "http://x/ogc?token=a.b%2Bc"
    assert carry(request, "http://x/ogc?f=html#map") == "http://x/ogc?f=html&token=a.b%2Bc#map"
    assert carry(RequestFactory().get("/ogc"), "http://x/ogc") == "http://x/ogc"
