"""Answers about new customers: supply schemes and their parts, and headroom."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from gis_service.web.told.common import Given, Head, Point


class AttachPoint(Given):
    """A place at which a customer can be connected."""

    kind: Literal["district", "node", "line_tap", "bay"]
    id: Annotated[str, Field(description="the district, node, line section or substation")]
    county_code: str
    node_id: Annotated[str | None, Field(description="the node; null mid-span")]
    point: Point
    fraction: Annotated[
        float | None, Field(description="line_tap: how far along the line, from its `from_node`")
    ]


class CorridorUsed(Given):
    """A corridor that a route follows."""

    id: Annotated[str, Field(description="`line_section:ID` where a county has no corridors")]
    county_code: str
    kind: str
    length_m: float


class Route(Given):
    """A route from the customer to the attach point."""

    geometry: Annotated[dict[str, Any], Field(description="GeoJSON LineString")]
    length_m: float
    construction: Literal["overhead", "underground"]
    corridors: list[CorridorUsed]
    off_corridor_m: float


class CostPart(Given):
    """One line of a cost: `amount` is `quantity` times `unit_cost`, to the cent."""

    item: str
    quantity: float
    unit: Annotated[Literal["m", "piece"], Field(description="of the quantity")]
    unit_cost: float
    amount: float


class Cost(Given):
    """What a scheme costs: the sum of its parts."""

    total: float
    currency: str
    parts: list[CostPart]


class SchemeVoltage(Given):
    """Voltage with the new load."""

    drop_percent: Annotated[float, Field(description="from where voltage is held to the customer")]
    level_drop_percent: Annotated[
        float,
        Field(
            description="of that along the lines of the customer's level, from behind its last transformer: "
            "what the limit `voltage_drop` is held against"
        ),
    ]
    customer_pu: Annotated[
        float,
        Field(description="at the end of the new line; at medium voltage before the customer's transformer"),
    ]
    worst_pu: Annotated[float, Field(description="the lowest of all that the supply path feeds")]


class Loading(Given):
    """Loading of an element as a share of its rating."""

    id: str
    before: float
    after: float


class SinglePoint(Given):
    """An existing element whose loss alone takes the new customer out."""

    id: str
    by_switching: Annotated[
        bool, Field(description="whether closing one open switch would connect the customer again")
    ]


class Scheme(Given):
    """One way to supply the customer."""

    rank: int
    base_voltage_kv: float
    attach: AttachPoint
    route: Route
    conductor: str
    transformer: Annotated[float | None, Field(description="kVA of the customer's own transformer")]
    cost: Cost
    voltage: SchemeVoltage
    losses_kw: Annotated[float, Field(description="losses at full load that come with the customer")]
    loading: Annotated[list[Loading], Field(description="along the supply path, from the source")]
    supply_radius_m: float
    supply_path: Annotated[
        list[str], Field(description="ids of elements from the source to the attach point")
    ]
    single_points: Annotated[
        list[SinglePoint],
        Field(description="elements of the supply path whose loss alone takes the customer out"),
    ]
    feeder: str | None
    shares_with_customers: Annotated[int, Field(description="customers of the same feeder")]
    unknown: Annotated[
        list[str], Field(description="elements of the scheme with a rating, impedance or duct not known")
    ]


class SchemePair(Given):
    """Two schemes that do not share what was asked for."""

    rank: int
    cost: float
    supplies: list[Scheme]
    single_points: Annotated[list[str], Field(description="elements whose loss alone takes both out")]


class Relief(Given):
    """What would make a rejected scheme possible."""

    change: str
    cost: Annotated[float, Field(description="of the change")]
    total: Annotated[float, Field(description="of the change and the scheme")]


class Rejection(Given):
    """A supply point near the customer that does not do."""

    attach: AttachPoint
    limit: Annotated[
        str,
        Field(
            description="the limit that binds; `avoid` or `must_pass` where an area closes every way; "
            "`…_of_others` where a customer admitted before would miss his"
        ),
    ]
    element: Annotated[
        str | None,
        Field(description="the element that would be overloaded; `…_of_others`: the node of the customers"),
    ]
    value: Annotated[float | None, Field(description="what stands against the limit; null without a route")]
    allowed: Annotated[float | None, Field(description="null where an area closes every way")]
    reservations: Annotated[
        list[int], Field(description="reservations that would miss a limit which they keep now")
    ]
    relief: Annotated[Relief | None, Field(description="null where no single change was found")]


class NoPairs(Given):
    """Why there is no pair of supplies, and what would help."""

    limit: Annotated[
        Literal["no_scheme", "origin_unknown", "same_origin", "shared_corridors", "broken_off"],
        Field(
            description="what binds: nothing holds the load; nobody knows what supply points depend on; all "
            "that hold depend on the same; their routes share corridors; the search was broken off"
        ),
    ]
    detail: Annotated[str, Field(description="a sentence: what binds, and what would make a pair possible")]
    shared: Annotated[
        list[str],
        Field(description="ids of what all depend on, or of corridors that the cheapest pair shares"),
    ]
    nearest: Annotated[
        Rejection | None, Field(description="the nearest supply point that would be independent, and fails")
    ]


class RulesUsed(Given):
    """The rule book of an answer."""

    name: str
    valid_from: str


class Searched(Given):
    """What an answer was chosen from."""

    counties: list[str]
    corridors: int
    attach_points: int
    left_out: Annotated[int, Field(description="attach points beyond the nearest that were looked at")]
    whole: Annotated[bool, Field(description="false where a search was broken off or a list cut short")]


ReservationsVersion = Annotated[
    int, Field(description="of the record of reservations: what was decided up to it counts as load here")
]


class SupplySchemesAnswer(Head):
    """Supply schemes, cheapest first, each at another supply point."""

    schemes: list[Scheme]
    pairs: Annotated[list[SchemePair], Field(description="`supplies: 2`: the cheapest pairs")]
    no_pairs: Annotated[NoPairs | None, Field(description="`supplies: 2` and no pair: why there is none")]
    pareto: Annotated[
        list[Scheme],
        Field(description="`pareto: true`: schemes that none beats at once in cost, voltage and losses"),
    ]
    rejected: Annotated[list[Rejection], Field(description="the nearest supply points that fail")]
    rules: RulesUsed
    reservations_version: ReservationsVersion
    searched: Searched


class BindingLimit(Given):
    """What ends a headroom."""

    limit: Literal[
        "loading",
        "voltage_drop",
        "lowest_voltage",
        "voltage_drop_of_others",
        "lowest_voltage_of_others",
        "supply_voltage",
    ]
    id: Annotated[
        str,
        Field(description="the element whose limit it is; `…_of_others`: their node, or `reservation N`"),
    ]
    value: Annotated[float, Field(description="what stands against it now: kVA, per cent, or per unit")]
    allowed: float


class HeadroomAnswer(Head):
    """What can still be connected at an element: one three-phase customer, directly there."""

    layer: str
    id: str
    county_code: str
    node_id: str
    base_voltage_kv: float
    kva_free: float
    binding: BindingLimit
    reserved_kva: Annotated[float, Field(description="what is reserved at or below, without coincidence")]
    reservations_version: ReservationsVersion
    load_kva: Annotated[
        float, Field(description="the load there now, coincidence and what is reserved included")
    ]
    customers: Annotated[int, Field(description="at and below, reserved ones included")]
    supply_path: list[str]
    unknown: Annotated[list[str], Field(description="elements on it whose rating or impedance is not known")]
    rules: RulesUsed
