"""Capacity that is to be held for a new customer, and let go."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StrictBool

from gis_service.web.asked.common import Id, Key, Note, Phases, Strict
from gis_service.web.asked.schemes import Avoided, Passed, Place, Power


class ChosenPlace(Strict):
    """A supply point as schemes name it in `attach`; of what is absent, the cheapest place is taken."""

    model_config = ConfigDict(extra="ignore")

    kind: Literal["district", "node", "line_tap", "bay"]
    id: Id
    node_id: Annotated[Id | None, Field(description="district, node, bay: which node")] = None
    fraction: Annotated[
        float | None,
        Field(gt=0, lt=1, allow_inf_nan=False, description="line_tap: how far along the line"),
    ] = None


class ChosenSupply(Strict):
    """One supply of the scheme that was chosen."""

    attach: ChosenPlace
    conductor: Annotated[Id, Field(description="the conductor's name in the rules")]


Who = Annotated[Note, Field(min_length=1, description="who decided it: a name, as for switch operations")]


class ReservationQuestion(Strict):
    """A supply scheme whose capacity is to be held: the question it was the answer to, and which it was."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "point": [7.8828, 48.4588],
                    "kva": 10,
                    "chosen": [
                        {
                            "attach": {"kind": "district", "id": "district-trafo-10006"},
                            "conductor": "low overhead 70",
                        }
                    ],
                    "operator": "A. Planner",
                    "idempotency_key": "application-17",
                },
                {
                    "point": [7.8828, 48.4588],
                    "kva": 20,
                    "state": "normal",
                    "chosen": [
                        {
                            "attach": {
                                "kind": "district",
                                "id": "district-trafo-10005",
                                "node_id": "bus-11529",
                            },
                            "conductor": "low overhead 70",
                        }
                    ],
                    "operator": "A. Planner",
                    "reason": "application 2026-000018",
                    "idempotency_key": "application-18",
                },
            ]
        }
    )

    point: Place
    kva: Power
    phases: Annotated[Phases, Field(description="the phases that the customer needs")] = "ABC"
    supplies: Annotated[
        Literal[1, 2],
        Field(description="2: both supplies are reserved, or none; each carries the whole load"),
    ] = 1
    independence: Annotated[
        Literal["feeder", "busbar", "substation"], Field(description="what the two may not share")
    ] = "feeder"
    disjoint: Annotated[StrictBool, Field(description="the two routes share no corridor")] = False
    avoid: Avoided
    must_pass: Passed
    rules: Annotated[
        dict[str, Any],
        Field(default_factory=dict, description="values of the rule book to set otherwise, as for schemes"),
    ]
    state: Annotated[
        Literal["current", "normal"], Field(description="the switch states that the scheme must hold in")
    ] = "current"
    chosen: Annotated[
        list[ChosenSupply], Field(min_length=1, max_length=2, description="one for each supply")
    ]
    operator: Who
    reason: Annotated[Note, Field(description="why, or for whom: a file number, never a person's name")] = ""
    idempotency_key: Annotated[
        Key, Field(description="sent again with the same content, the reservation is given again")
    ]


class ReservationSettled(Strict):
    """Who lets go of a reservation."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"operator": "A. Planner", "reason": "the applicant withdrew"}]}
    )

    operator: Who
    reason: Note = ""
