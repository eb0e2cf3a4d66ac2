"""The only place that talks to the engine: HTTP, with a deadline, and with errors a person can act on.

Three things can go wrong, and each is its own error: the engine is away or too slow (`EngineAway`), it
refuses the question and says why (`EngineRefused`, its problem document kept), or its answer cannot be used
(`EngineAnswerUnusable`). Questions change nothing in the engine, and what does may be said twice: what lost
its connection is asked once more; what took too long is not.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import httpx
import orjson
from pydantic import BaseModel, ValidationError

from api.engine_answers import (
    OutageImpact,
    ReservationGiven,
    ReservationListed,
    ReservationsPage,
    SchemesGiven,
)

PROBLEM_JSON = "application/problem+json"
LONGEST_ANSWER_BYTES = 512 * 1024 * 1024
RETRY_AFTER_S = 5
_PAGE = 500
_PASSED_ON = frozenset({400, 404, 409, 413, 422})

Answer = TypeVar("Answer", bound=BaseModel)


class EngineError(Exception):
    """Root of what the engine client raises; `detail` is one sentence for a person."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class EngineAway(EngineError):
    """Nobody answers at the engine's address, or not in time, or it says itself that it is not ready."""

    def __init__(self, detail: str, *, retry_after_s: int = RETRY_AFTER_S) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class EngineRefused(EngineError):
    """The engine understood the request and refuses it; `problem` is its own problem document."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        super().__init__(
            str(problem.get("detail") or problem.get("title") or "the engine refuses the question")
        )
        self.status = status
        self.problem = problem


class EngineAnswerUnusable(EngineError):
    """The engine failed, or what answers at its address is not the engine."""


class EngineClient:
    """A client of one engine; safe to share between threads.

    Parameters
    ----------
    address
        `http://host:port`, without a trailing slash.
    connect_s
        Seconds to reach the engine.
    answer_s
        Seconds for the whole answer, from the first byte sent to the last byte received.
    """

    def __init__(self, address: str, *, connect_s: float, answer_s: float) -> None:
        self.address = address
        self.answer_s = answer_s
        self._http = httpx.Client(
            base_url=address,
            timeout=httpx.Timeout(answer_s, connect=connect_s, pool=connect_s),
            limits=httpx.Limits(max_connections=32, max_keepalive_connections=8, keepalive_expiry=15),
            headers={"Accept": "application/json", "User-Agent": "gridgis-api"},
            follow_redirects=False,
            trust_env=False,
        )

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def outage_impact(self, question: Mapping[str, Any]) -> OutageImpact:
        """Who loses supply; `question` is the body of `POST /v1/outage-impact`."""
        return self._ask(OutageImpact, "POST", "/v1/outage-impact", body=question)

    def supply_schemes(self, question: Mapping[str, Any]) -> SchemesGiven:
        """Where and how a customer can be connected."""
        return self._ask(SchemesGiven, "POST", "/v1/supply-schemes", body=question)

    def reserve(self, body: Mapping[str, Any]) -> ReservationGiven:
        """Hold the capacity of a scheme; the same key and body give the reservation already made."""
        return self._ask(ReservationGiven, "POST", "/v1/reservations", body=body)

    def settle_reservation(self, id: int, what: str, body: Mapping[str, Any]) -> ReservationGiven:
        """`built` or `withdraw`; saying it twice is saying it once."""
        return self._ask(ReservationGiven, "POST", f"/v1/reservations/{id}/{what}", body=body)

    def reservations(self) -> Iterator[ReservationListed]:
        """All reservations on record, the newest first, page by page."""
        path: str | None = f"/v1/reservations?limit={_PAGE}"
        while path is not None:
            page = self._ask(ReservationsPage, "GET", path, body=None)
            yield from page.reservations
            path = page.next

    def readiness(self, *, within_s: float = 2.0) -> dict[str, Any]:
        """The engine's own `/readyz`, ready or not; EngineAway when nobody answers within `within_s`."""
        response, body = self._exchange("GET", "/readyz", body=None, within_s=within_s)
        try:
            document = orjson.loads(body)
        except orjson.JSONDecodeError:
            document = None
        if not isinstance(document, dict) or response.status_code not in (200, 503):
            raise EngineAnswerUnusable(
                f"{self.address}/readyz answers {response.status_code} and not as the engine does;"
                " check GRIDGIS_ENGINE_URL"
            )
        return {"ready": response.status_code == 200, "answer": document}

    def _ask(self, model: type[Answer], method: str, path: str, *, body: Mapping[str, Any] | None) -> Answer:
        response, content = self._exchange(method, path, body=body, within_s=self.answer_s)
        status = response.status_code
        if status != 200:
            raise self._error(status, response.headers, content)
        try:
            return model.model_validate_json(content)
        except ValidationError as error:
            fault = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(step) for step in fault["loc"]) or "the answer"
            raise EngineAnswerUnusable(
                f"the engine at {self.address} gave an answer that cannot be used ({where}: {fault['msg']});"
                " check that both run the same version"
            ) from error

    def _exchange(
        self, method: str, path: str, *, body: Mapping[str, Any] | None, within_s: float
    ) -> tuple[httpx.Response, bytes]:
        content = None if body is None else orjson.dumps(body)
        for again in (True, False):
            try:
                return self._once(method, path, content, within_s)
            except httpx.TimeoutException as error:
                raise self._too_slow(error, within_s) from error
            except (httpx.NetworkError, httpx.RemoteProtocolError) as error:
                # Nobody there, or a kept connection that a restarted engine had dropped: worth one more try.
                if not again:
                    raise self._away(error) from error
            except httpx.RequestError as error:
                raise EngineAnswerUnusable(
                    f"what answers at {self.address} is not the engine ({_cause(error)});"
                    " check GRIDGIS_ENGINE_URL"
                ) from error
        raise AssertionError("unreachable: the second try returns or raises")

    def _once(
        self, method: str, path: str, content: bytes | None, within_s: float
    ) -> tuple[httpx.Response, bytes]:
        deadline = time.monotonic() + within_s
        headers = {"Content-Type": "application/json"} if content is not None else {}
        timeout = httpx.Timeout(within_s, connect=min(within_s, self._http.timeout.connect or within_s))
        with self._http.stream(method, path, content=content, headers=headers, timeout=timeout) as response:
            received = bytearray()
            for chunk in response.iter_bytes():
                received += chunk
                if time.monotonic() > deadline:  # an answer that drips never meets the read timeout
                    raise httpx.ReadTimeout("the answer did not end in time", request=response.request)
                if len(received) > LONGEST_ANSWER_BYTES:
                    raise EngineAnswerUnusable(
                        f"the engine at {self.address} sent more than {LONGEST_ANSWER_BYTES >> 20} MiB;"
                        " ask for fewer devices at once"
                    )
            return response, bytes(received)

    def _away(self, error: httpx.RequestError) -> EngineAway:
        return EngineAway(
            f"the engine at {self.address} cannot be reached ({_cause(error)}); start it with"
            " 'python -m gis_service serve', or set GRIDGIS_ENGINE_URL to where it runs"
        )

    def _too_slow(self, error: httpx.TimeoutException, within_s: float) -> EngineAway:
        if isinstance(error, httpx.ConnectTimeout):
            return self._away(error)
        return EngineAway(
            f"the engine at {self.address} did not answer within {within_s:g} s; try again, ask for fewer"
            " devices, or allow more with GRIDGIS_ENGINE_TIMEOUT"
        )

    def _error(self, status: int, headers: httpx.Headers, content: bytes) -> EngineError:
        problem = _problem(headers, content)
        if status == 503:
            said = str((problem or {}).get("detail") or "it gives no reason")
            return EngineAway(
                f"the engine at {self.address} is not ready: {said}", retry_after_s=_retry_after(headers)
            )
        if problem is not None and status in _PASSED_ON:
            return EngineRefused(status, problem)
        said = f": {problem['detail']}" if problem and problem.get("detail") else ""
        return EngineAnswerUnusable(
            f"the engine at {self.address} answered {status} instead of what was asked{said};"
            " look into its log, or check GRIDGIS_ENGINE_URL"
        )


def _problem(headers: httpx.Headers, content: bytes) -> dict[str, Any] | None:
    if not headers.get("content-type", "").startswith(PROBLEM_JSON):
        return None
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError:
        return None
    return document if isinstance(document, dict) else None


def _retry_after(headers: httpx.Headers) -> int:
    text = headers.get("retry-after", "")
    return min(int(text), 3600) if text.isascii() and text.isdigit() else RETRY_AFTER_S


def _cause(error: httpx.RequestError) -> str:
    if isinstance(error, httpx.ConnectTimeout):
        return "no connection in time"
    text = " ".join(str(error).split()).removeprefix("[Errno 111] ")
    return text[:1].lower() + text[1:] if text else type(error).__name__
