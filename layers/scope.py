"""Which counties a request may see: read from a signed token, and carried on in the links of its answer.

The token is a JSON Web Token (RFC 7519) signed with HMAC SHA-256, the only algorithm taken (RFC 8725, 3.1),
with the claims `counties` (a list of county codes, or `"*"` for every one) and `exp`. It comes in the
`Authorization` header as a bearer token (RFC 6750, 2.1) or, because map clients can be given nothing but an
address, as the query parameter `token` in any case of letters. Knows no users: who gets a token is decided
by whoever holds the key.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

import jwt
from django.http import HttpRequest

from layers.source import Counties, Unidentified

PARAMETER = "token"
ALL = "*"
LONGEST = 65_536
"""Characters of a token: the codes of some thousand counties."""

_ALGORITHM = "HS256"


def write_token(key: bytes, counties: Collection[str] | None, until: datetime) -> str:
    """A token for some counties (None: every one) that holds until a time."""
    claim = ALL if counties is None else sorted(set(counties))
    return jwt.encode({"counties": claim, "exp": until}, key, algorithm=_ALGORITHM)


def read_token(key: bytes, token: str) -> Counties:
    """The counties of a token.

    Raises
    ------
    Unidentified
        When it was not signed with this key and algorithm, says no counties, or has run out.
    """
    if len(token) > LONGEST:
        raise Unidentified(f"token: it has more than {LONGEST:,} characters; ask for one of fewer counties")
    try:
        claims = jwt.decode(token, key, algorithms=[_ALGORITHM], options={"require": ["exp", "counties"]})
    except jwt.ExpiredSignatureError:
        raise Unidentified("token: it has run out; ask for a new one") from None
    except (jwt.PyJWTError, ValueError, OverflowError, RecursionError):
        # its header is read before the signature is checked, hence the last one;
        # why exactly is of use only to whoever tries to forge one
        raise Unidentified("token: it cannot be read, or was not made for this service") from None
    counties = claims["counties"]
    if counties == ALL:
        return None
    if not isinstance(counties, list) or not all(isinstance(one, str) and one for one in counties):
        raise Unidentified('token: its claim `counties` is neither a list of county codes nor "*"')
    return frozenset(counties)


@dataclass(frozen=True, slots=True)
class Gate:
    """What a service asks of its callers.

    Parameters
    ----------
    key
        What tokens are signed with; None where there is none, and then no token is taken.
    required
        Whether a request without a token is refused; else it may see every county.
    """

    key: bytes | None
    required: bool

    def counties_of(self, request: HttpRequest) -> Counties:
        """The counties that a request may see.

        Raises
        ------
        Unidentified
            For a token that is needed and not there, that does not hold, or beside which stands another.
        """
        token = token_of(request)
        if token is None:
            if self.required:
                raise Unidentified(
                    "token: this service shows its maps to those who have one; send it as `Authorization: "
                    f"Bearer …` or as the parameter `{PARAMETER}`"
                )
            return None
        if self.key is None:
            raise Unidentified("token: this service has no key to read one with; ask without")
        return read_token(self.key, token)


def token_of(request: HttpRequest) -> str | None:
    """The token of a request as it came, None without one.

    Raises
    ------
    Unidentified
        When two different ones came: which of them counts is not guessed.
    """
    found = set(_in_address(request))
    scheme, _, rest = request.headers.get("Authorization", "").strip().partition(" ")
    if scheme.lower() == "bearer":
        found.add(rest.strip())
    if len(found) > 1:
        raise Unidentified("token: different ones came with one request; send one")
    return next(iter(found), None)


def _in_address(request: HttpRequest) -> list[str]:
    return [value for name in request.GET if name.lower() == PARAMETER for value in request.GET.getlist(name)]


def parameters(request: HttpRequest) -> dict[str, str]:
    """The query parameters of a request but its token; of one that is repeated, the last."""
    return {name: request.GET[name] for name in request.GET if name.lower() != PARAMETER}


def carried(request: HttpRequest) -> dict[str, str]:
    """What every link of an answer carries on: the token, where the request had it in its address."""
    tokens = _in_address(request)
    return {PARAMETER: tokens[0]} if tokens else {}


def carry(request: HttpRequest, address: str) -> str:
    """An address of this service as it stands in an answer: with the token of the request's own address."""
    asked = urlencode(carried(request))
    if not asked:
        return address
    place, mark, fragment = address.partition("#")
    return f"{place}{'&' if '?' in place else '?'}{asked}{mark}{fragment}"
