"""Where and how to connect a new customer."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, StrictBool, StrictInt, model_validator

from gis_service.planning.areas import MOST_PASSED
from gis_service.web.asked.common import Area, Latitude, Longitude, Phases, Question

MOST_AVOIDED = 20


def _listed(value: object) -> object:
    return [value] if isinstance(value, dict) else value


Avoided = Annotated[
    list[Area],
    BeforeValidator(_listed),
    Field(
        default_factory=list,
        max_length=MOST_AVOIDED,
        description="areas that no route enters: one, or a list; corridors end at their borders",
    ),
]
Passed = Annotated[
    list[Area],
    BeforeValidator(_listed),
    Field(
        default_factory=list,
        max_length=MOST_PASSED,
        description="areas each of which every route touches, in any order: one, or a list",
    ),
]


Place = Annotated[
    tuple[Longitude, Latitude], Field(description="where the customer is, [lon, lat] in EPSG:4326")
]
Power = Annotated[
    float,
    Field(
        gt=0,
        le=1e12,
        allow_inf_nan=False,
        strict=True,
        description="the power that is to be contracted",
    ),
]


class SupplySchemesQuestion(Question):
    """Where and how to connect a new customer."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"point": [7.8828, 48.4588], "kva": 10},
                {"point": [7.8828, 48.4588], "kva": 400, "supplies": 2, "independence": "feeder"},
                {
                    "point": [7.8828, 48.4588],
                    "kva": 60,
                    "k": 2,
                    "pareto": True,
                    "rules": {"limits": {"busbar_pu": 1.02}},
                },
                {
                    "point": [7.8828, 48.4588],
                    "kva": 400,
                    "avoid": [
                        {
                            "type": "Polygon",
                            "coordinates": [
                                [[7.884, 48.457], [7.886, 48.457], [7.886, 48.459], [7.884, 48.457]]
                            ],
                        }
                    ],
                },
            ]
        }
    )

    point: Place
    kva: Power
    phases: Annotated[Phases, Field(description="the phases that the customer needs")] = "ABC"
    supplies: Annotated[
        Literal[1, 2], Field(description="2: pairs of schemes as well, each of which carries the whole load")
    ] = 1
    independence: Annotated[
        Literal["feeder", "busbar", "substation"], Field(description="what the two of a pair may not share")
    ] = "feeder"
    disjoint: Annotated[
        StrictBool,
        Field(description="with `supplies: 2`: the routes of a pair share no corridor"),
    ] = False
    k: Annotated[
        StrictInt, Field(ge=1, le=20, description="how many schemes, each at another supply point")
    ] = 3
    pareto: Annotated[
        StrictBool, Field(description="also the schemes that none beats at once in cost, voltage and losses")
    ] = False
    avoid: Avoided
    must_pass: Passed
    rules: Annotated[
        dict[str, Any],
        Field(
            default_factory=dict,
            description="values of the rule book to set otherwise, by its names; "
            "a row of a list is named by its name, level or rating",
        ),
    ]

    @model_validator(mode="after")
    def _two_to_part(self) -> Self:
        if self.disjoint and self.supplies != 2:
            raise ValueError(
                "`disjoint` parts the routes of two supplies: ask with `supplies: 2`, or leave it out"
            )
        return self
