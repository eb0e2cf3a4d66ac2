"""What a client may send: one model per question, every field checked, unknown fields refused.

Knows the shape of requests only; whether an id exists or a time makes sense is for the engine to say.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    WithJsonSchema,
    model_validator,
)

from gis_service.engine.context import Context, Switching
from gis_service.network.tables import phase_mask
from gis_service.planning.areas import MOST_PASSED

MAX_IDS = 100_000
LONGEST_ID = 240
"""An id of the grid package, and the name of a layer with its colon."""

MAX_CASES = 1_000
MOST_AVOIDED = 20
FIRST_YEAR = 1900


_RFC_3339 = re.compile(
    r"\d{4}-(0[1-9]|1[0-2])-\d\d[T ]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)",
    re.IGNORECASE | re.ASCII,
)
"""Seconds may be left out; a leap second has no place among the times of a database."""


def _written_time(value: object) -> object:
    if isinstance(value, datetime) or (isinstance(value, str) and _RFC_3339.fullmatch(value)):
        return value
    raise ValueError("write the time as RFC 3339 text with a zone, such as 2026-01-31T12:00:00Z")


def _countable_time(value: datetime) -> datetime:
    try:
        year = value.astimezone(UTC).year
    except OverflowError:
        year = 0
    if year < FIRST_YEAR:
        raise ValueError(f"the time lies outside the years {FIRST_YEAR} to 9999 (in UTC)")
    return value


def _printable(value: object) -> object:
    if isinstance(value, str) and "\x00" in value:
        raise ValueError("the text holds a NUL character, which no database stores")
    return value


Id = Annotated[str, Field(min_length=1, max_length=LONGEST_ID), BeforeValidator(_printable)]
"""The utility's own id, or `layer:id` where several layers share it."""

Ids = Annotated[list[Id], Field(max_length=MAX_IDS)]
Time = Annotated[AwareDatetime, BeforeValidator(_written_time), AfterValidator(_countable_time)]
Note = Annotated[str, Field(max_length=500), BeforeValidator(_printable)]
Key = Annotated[str, Field(min_length=1, max_length=200), BeforeValidator(_printable)]
Longitude = Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False, strict=True)]
Latitude = Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False, strict=True)]
Position = tuple[Longitude, Latitude] | tuple[Longitude, Latitude, float]
Ring = Annotated[list[Position], Field(min_length=4)]
Rings = Annotated[list[Ring], Field(min_length=1)]
BoundingBox = Annotated[list[float], Field(min_length=4, max_length=6)]


class Strict(BaseModel):
    """A request model: a field that is not declared is a fault, not ignored."""

    model_config = ConfigDict(extra="forbid")


class SwitchPosition(Strict):
    """One switch of a what-if."""

    id: Id
    open: StrictBool


class Question(Strict):
    """The world a question is asked in; every question takes these fields."""

    switching: Annotated[
        list[SwitchPosition],
        Field(
            default_factory=list,
            max_length=MAX_IDS,
            description="a what-if on top of the chosen state; nothing is stored",
        ),
    ]
    state: Annotated[
        Literal["current", "normal"],
        Field(description="the switch states to start from"),
    ] = "current"
    at: Annotated[
        Time | None, Field(description="the switch states of that moment; not together with `state: normal`")
    ] = None
    at_least: Annotated[
        dict[str, Annotated[StrictInt, Field(ge=0)]],
        Field(default_factory=dict, description="versions, by county, that the answer must have seen"),
    ]

    @model_validator(mode="after")
    def _one_state(self) -> Self:
        if self.at is not None and self.state == "normal":
            raise ValueError(
                "`at` asks for the switch states of a moment, `state: normal` for the planned ones: drop one"
            )
        return self

    def context(self) -> Context:
        """The world asked for, as the engine takes it."""
        return Context(
            switching=tuple(Switching(one.id, one.open) for one in self.switching),
            state=self.state,
            at=self.at,
            at_least=self.at_least,
        )


def _phases(value: object) -> object:
    if isinstance(value, str):
        if phase_mask(value, absent=0) == 0:
            raise ValueError("name at least one of the phases A, B, C")
        return value
    raise ValueError("write phases as text, such as ABC or B")


Phases = Annotated[str, BeforeValidator(_phases), Field(examples=["ABC"])]

TraceType = Literal[
    "upstream", "downstream", "connected", "subnetwork", "shortest_path", "loops", "isolation"
]
TracePart = Literal["elements", "customers", "districts", "geometry"]
Parts = Annotated[list[TracePart], Field(max_length=4)]


class TraceQuestion(Question):
    """Which elements are connected to these, and in which direction."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"type": "downstream", "from": ["switch-99"], "result": ["elements", "customers"]},
                {"type": "upstream", "from": ["load-0"], "barriers": ["switch-3"]},
                {"type": "shortest_path", "from": ["bus-319"], "to": ["bus-63"], "phases": "ABC"},
                {"type": "isolation", "from": ["line-1"]},
            ]
        }
    )

    type: TraceType
    start: Annotated[
        Ids,
        Field(
            alias="from",
            default_factory=list,
            description="elements, nodes or customers the trace starts at; `loops` needs none",
        ),
    ]
    to: Annotated[Ids, Field(default_factory=list, description="targets of `shortest_path`")]
    barriers: Annotated[
        Ids, Field(default_factory=list, description="elements and nodes the trace does not pass")
    ]
    phases: Annotated[Phases, Field(description="follow these phases only")] = "ABC"
    result: Annotated[Parts, Field(default_factory=lambda: ["elements"], description="parts of the answer")]

    @model_validator(mode="after")
    def _ends(self) -> Self:
        if not self.start and self.type != "loops":
            raise ValueError(f"`from` is empty: name at least one id to start the {self.type} trace at")
        if self.type == "shortest_path" and not self.to:
            raise ValueError("`to` is empty: a shortest_path needs at least one target")
        if self.type != "shortest_path" and self.to:
            raise ValueError(
                f"`to` belongs to shortest_path, not to {self.type}: use `barriers` to stop a trace"
            )
        return self


class SupplyPathQuestion(Question):
    """Which way is this customer supplied; the customer stands in the address."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"switching": [{"id": "switch-99", "open": True}]}]}
    )


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


class SupplyAreaQuestion(Question):
    """What do these sources, feeders, switches or transformers supply."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"from": "trafo-10003"}, {"from": ["feeder-switch-99", "switch-270"]}]
        }
    )

    start: Annotated[
        list[Id],
        BeforeValidator(_as_list),
        Field(alias="from", min_length=1, max_length=MAX_IDS, description="one id, or a list of them"),
        WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
    ]


class SupplyRadiusQuestion(Question):
    """The longest electrical path below an element."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"from": "switch-99", "mode": "trunk"}]})

    start: Annotated[Id, Field(alias="from")]
    mode: Annotated[
        Literal["trunk", "full"],
        Field(description="`trunk` stays on the element's voltage level, `full` goes to the last customer"),
    ] = "full"


class PolygonArea(Strict):
    """A GeoJSON Polygon, lon/lat."""

    type: Literal["Polygon"]
    coordinates: Rings
    bbox: BoundingBox | None = None


class MultiPolygonArea(Strict):
    """A GeoJSON MultiPolygon, lon/lat."""

    type: Literal["MultiPolygon"]
    coordinates: Annotated[list[Rings], Field(min_length=1)]
    bbox: BoundingBox | None = None


Area = Annotated[PolygonArea | MultiPolygonArea, Field(discriminator="type")]
ImpactPart = Literal["customers", "districts", "elements", "geometry"]
Include = Annotated[list[ImpactPart], Field(max_length=4)]


class OutageCase(Strict):
    """What goes out in one case, with its own switching on top of the question's."""

    out: Annotated[Ids, Field(default_factory=list, description="elements or nodes that stop conducting")]
    faults: Annotated[
        Ids, Field(default_factory=list, description="elements with a fault: protection opens around them")
    ]
    area: Annotated[Area | None, Field(description="everything that meets this area is out")] = None
    switching: Annotated[list[SwitchPosition], Field(default_factory=list, max_length=MAX_IDS)]


class OutageQuestion(Question):
    """Who loses supply when these go out; one case in the fields, or many in `cases`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"out": ["trafo-10003"]},
                {"faults": ["line-1"], "include": ["customers", "districts", "elements", "geometry"]},
                {"cases": [{"out": ["line-0"]}, {"faults": ["trafo-0"]}], "include": []},
            ]
        }
    )

    out: Annotated[Ids | None, Field(description="elements or nodes that stop conducting")] = None
    faults: Annotated[
        Ids | None, Field(description="elements with a fault: the nearest protective devices open as well")
    ] = None
    area: Annotated[Area | None, Field(description="everything that meets this area is out")] = None
    cases: Annotated[
        list[OutageCase] | None,
        Field(min_length=1, max_length=MAX_CASES, description="many cases at once, each asked for itself"),
    ] = None
    include: Annotated[
        Include, Field(default_factory=lambda: ["customers", "districts"], description="parts of the answer")
    ]

    @model_validator(mode="after")
    def _one_or_many(self) -> Self:
        alone = [name for name in ("out", "faults", "area") if getattr(self, name) is not None]
        if self.cases is not None and alone:
            raise ValueError(f"write {', '.join(alone)} inside the cases, or drop `cases`")
        if self.cases is None and not alone:
            raise ValueError(
                "nothing goes out: give `out`, `faults` or `area`, or several of them in `cases`"
            )
        return self


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

    point: Annotated[
        tuple[Longitude, Latitude], Field(description="where the customer is, [lon, lat] in EPSG:4326")
    ]
    kva: Annotated[
        float,
        Field(
            gt=0,
            le=1e12,
            allow_inf_nan=False,
            strict=True,
            description="the power that is to be contracted",
        ),
    ]
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

    point: Annotated[
        tuple[Longitude, Latitude], Field(description="where the customer is, [lon, lat] in EPSG:4326")
    ]
    kva: Annotated[
        float,
        Field(
            gt=0,
            le=1e12,
            allow_inf_nan=False,
            strict=True,
            description="the power that is to be contracted",
        ),
    ]
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
