"""Switch operations that took place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, StrictBool

from gis_service.web.asked.common import Id, Key, Note, Strict, Time


class SwitchOperation(Strict):
    """One operation that took place."""

    id: Annotated[Id, Field(description="the switch")]
    open: StrictBool
    at: Annotated[Time | None, Field(description="when it took place; absent means now")] = None
    reason: Annotated[Note, Field(description="why, in the control room's own words")] = ""
    operator: Annotated[Note, Field(description="who")] = ""
    idempotency_key: Annotated[
        Key | None, Field(description="sent again with the same content, the first answer is given again")
    ] = None


OPERATION_EXAMPLES: list[list[Mapping[str, Any]]] = [
    [
        {
            "id": "switch-3",
            "open": True,
            "reason": "maintenance",
            "operator": "control room",
            "idempotency_key": "job-17-1",
        }
    ]
]
