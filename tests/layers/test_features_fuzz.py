"""Whatever the OpenAPI document allows, and what it does not: the service has an answer, and never fails.

Requests are made by schemathesis out of the served document; the engine's log must tell of no fault.
"""

from __future__ import annotations

from typing import Any

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase

from tests.live import LiveEngine

COLLECTIONS = ("switch", "county", "line_section")
EXAMPLES = 12


def _cases(engine: LiveEngine) -> dict[str, Any]:
    document = engine.ask("/ogc/api")
    document["paths"] = {
        path: methods
        for path, methods in document["paths"].items()
        if "{tile" not in path and (not path.startswith("/collections/") or path.split("/")[2] in COLLECTIONS)
    }
    schema = schemathesis.openapi.from_dict(document)
    operations: list[Any] = list(schema.get_all_operations())
    return {one.ok().path: one.ok() for one in operations}


@pytest.mark.parametrize("mode", ["allowed", "forbidden"])
def test_no_request_makes_the_service_fail(still_engine: LiveEngine, mode: str) -> None:
    modes = {
        "allowed": schemathesis.GenerationMode.POSITIVE,
        "forbidden": schemathesis.GenerationMode.NEGATIVE,
    }
    operations = _cases(still_engine)
    assert len(operations) > 12
    met: set[int] = set()
    for operation in operations.values():

        @hypothesis.settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @hypothesis.given(case=operation.as_strategy(generation_mode=modes[mode]))
        def asked(case: Any) -> None:
            answer = case.call(base_url=f"http://127.0.0.1:{still_engine.port}/ogc")
            met.add(answer.status_code)
            assert answer.status_code < 500, (case.as_curl_command(), answer.text)
            if answer.status_code >= 400:
                assert answer.headers["content-type"][0] == "application/problem+json"

        asked()
    assert met <= {200, 400, 404, 405, 406, 422}
    assert {200, 400} <= met if mode == "allowed" else 400 in met
