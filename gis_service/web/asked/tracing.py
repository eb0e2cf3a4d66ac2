"""Questions about connectivity: traces, supply paths, areas and radii."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from gis_service.web.asked.common import MAX_IDS, Id, Ids, Phases, Question

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
