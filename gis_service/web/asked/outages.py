"""Who loses supply when something goes out."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from gis_service.web.asked.common import MAX_IDS, Area, Ids, Question, Strict, SwitchPosition

MAX_CASES = 1_000
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
