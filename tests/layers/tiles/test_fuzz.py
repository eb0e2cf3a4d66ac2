"""Whatever the OpenAPI document allows of tiles, and what it does not: there is an answer, and no fault."""

from __future__ import annotations

from typing import Any

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase

from tests.live import LiveEngine


@pytest.mark.parametrize("mode", ["POSITIVE", "NEGATIVE"])
def test_no_request_for_tiles_makes_the_service_fail(still_engine: LiveEngine, mode: str) -> None:
    document = still_engine.ask("/ogc/api")
    paths = document["paths"]
    document["paths"] = {path: methods for path, methods in paths.items() if "{tile" in path}
    assert len(document["paths"]) == 5
    met: set[int] = set()
    operations: list[Any] = list(schemathesis.openapi.from_dict(document).get_all_operations())
    for operation in operations:
        strategy = operation.ok().as_strategy(generation_mode=schemathesis.GenerationMode[mode])

        @hypothesis.settings(
            max_examples=12,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @hypothesis.given(case=strategy)
        def asked(case: Any) -> None:
            answer = case.call(base_url=f"http://127.0.0.1:{still_engine.port}/ogc")
            met.add(answer.status_code)
            assert answer.status_code < 500, (case.as_curl_command(), answer.text)
            if answer.status_code >= 400:
                assert answer.headers["content-type"][0] == "application/problem+json"

        asked()
    assert met <= {200, 204, 400, 404, 405, 422}
