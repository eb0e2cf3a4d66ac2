"""What the engine answers, as models: they write the OpenAPI document, and tests hold answers against them.

Answers are rendered without passing through these models: validating a long customer list again would cost
more than finding it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Point = Annotated[list[float], Field(min_length=2, max_length=2, description="[lon, lat]")]
ElementIds = Annotated[dict[str, list[str]], Field(description="ids by layer, each list by (county, id)")]


class Given(BaseModel):
    """An answer model: nothing stands in an answer that is not declared."""

    model_config = ConfigDict(extra="forbid")


class Head(Given):
    """What every answer starts with."""

    grid_version: Annotated[
        dict[str, int], Field(description="version of each county the answer was given at")
    ]
    as_of: Annotated[datetime, Field(description="the moment the switch states stand for")]
    partial: Annotated[bool, Field(description="true when a county's shard did not answer")]
    missing_counties: list[str]
    loaded_later: Annotated[
        list[str],
        Field(
            description="counties loaded after `as_of`: the answer knows their grid as loaded and what was "
            "recorded since; operations recorded before the load do not count"
        ),
    ]


class Feature(Given):
    """A GeoJSON Feature of one element."""

    type: Literal["Feature"]
    id: str
    geometry: dict[str, Any] | None
    properties: dict[str, Any]


class FeatureCollection(Given):
    """A GeoJSON FeatureCollection."""

    type: Literal["FeatureCollection"]
    features: list[Feature]


class Critical(Given):
    """Important customers by grade (GB/T 29328)."""

    special: int
    first: int
    second: int
    temporary: int


class Counted(Given):
    """Customers counted."""

    customers: int
    critical: Critical
    transformer_districts: Annotated[int, Field(description="districts with at least one of the customers")]
    contracted_kva: float


class District(Given):
    """A transformer district, with those of its customers the answer is about."""

    id: str
    county_code: str
    name: str | None
    transformer_id: str | None
    customers: int
    customers_total: int
    contracted_kva: float


class Customer(Given):
    """A customer point."""

    id: str
    county_code: str
    district_id: str | None
    node_id: str
    customer_class: str
    critical_grade: str | None
    contracted_kva: float
    point: Point | None


class NamedElement(Given):
    """An element of a path."""

    layer: str
    id: str


class PathElement(NamedElement):
    """An element of a path, with what a reader needs to find it."""

    county_code: str
    name: str | None
    length_m: float


class TraceAnswer(Head):
    """The elements a trace found."""

    type: str
    length_m: Annotated[
        float | None, Field(description="length of all lines found; null where there is no way")
    ]
    counts: Annotated[dict[str, int], Field(description="elements found, by layer")]
    found: Annotated[bool, Field(description="shortest_path: whether there is a way")] = False
    path: Annotated[list[NamedElement], Field(default_factory=list, description="shortest_path: in order")]
    to_open: Annotated[list[str], Field(default_factory=list, description="isolation: switches to open")]
    already_open: Annotated[
        list[str],
        Field(default_factory=list, description="isolation: switches of the border that stand open"),
    ]
    sources_inside: Annotated[
        list[str], Field(default_factory=list, description="isolation: sources no switch can separate")
    ]
    elements: Annotated[ElementIds, Field(default_factory=dict)]
    customers: Annotated[list[Customer], Field(default_factory=list)]
    districts: Annotated[list[District], Field(default_factory=list)]
    geometry: FeatureCollection | None = None


class Named(Given):
    """Something with a name."""

    id: str
    county_code: str | None
    name: str | None


class Feeder(Given):
    """A feeder and its head switch."""

    id: str
    switch_id: str
    county_code: str


class DistrictName(Named):
    """A transformer district."""

    transformer_id: str | None


class SupplyPathAnswer(Head):
    """How one customer is supplied."""

    customer: Customer
    supplied: bool
    phases: Annotated[str | None, Field(description="phases the whole path carries")]
    source: Named | None
    substation: Named | None
    feeder: Feeder | None
    district: DistrictName | None
    elements: Annotated[list[PathElement], Field(description="in order, from the source to the customer")]
    length_m: float
    meshed: Annotated[bool, Field(description="other ways exist; this is the shortest")]
    geometry: FeatureCollection
    line: Annotated[dict[str, Any] | None, Field(description="the path as one GeoJSON LineString")]


class SupplyAreaAnswer(Head):
    """What some elements supply."""

    supplied: Counted
    by_county: dict[str, Counted]
    districts: list[District]
    customers: list[Customer]
    elements: ElementIds
    area: Annotated[
        dict[str, Any] | None, Field(description="GeoJSON outline; null where nothing is supplied")
    ]


class SupplyRadiusAnswer(Head):
    """The longest electrical path below an element."""

    mode: Literal["trunk", "full"]
    length_m: float
    elements: Annotated[list[PathElement], Field(description="in order, outwards")]
    farthest_node: str | None
    geometry: FeatureCollection
    line: dict[str, Any] | None


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
    customer_pu: float
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
        str, Field(description="the limit that binds; `avoid` or `must_pass` where an area closes every way")
    ]
    element: Annotated[str | None, Field(description="the element that would be overloaded")]
    value: Annotated[float | None, Field(description="what stands against the limit; null without a route")]
    allowed: Annotated[float | None, Field(description="null where an area closes every way")]
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

    limit: Literal["loading", "voltage_drop", "lowest_voltage", "supply_voltage"]
    id: Annotated[str, Field(description="the element whose limit it is")]
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


class ReservedSupplyTold(Given):
    """One supply of a reservation."""

    scheme: Annotated[Scheme, Field(description="as it was worked out when it was reserved")]
    reckoned_kva: Annotated[
        float, Field(description="the three-phase load that burdens each phase as much: what counts")
    ]
    placed: Annotated[bool, Field(description="whether its node or line is in the grid as it is loaded now")]
    why: str | None


class ReservationChanged(Given):
    """One decision."""

    state: Literal["held", "built", "withdrawn"]
    at: datetime
    operator: str
    reason: str


class ReservationTold(Given):
    """Capacity that is held, or was."""

    id: int
    state: Literal["held", "built", "withdrawn"]
    counts: Annotated[bool, Field(description="whether all of it counts as load: held, and in its place")]
    point: Point
    kva: float
    phases: str
    independence: Annotated[str | None, Field(description="null: one supply")]
    supplies: list[ReservedSupplyTold]
    cost: float
    idempotency_key: str
    decided_at_version: Annotated[int, Field(description="of the record of reservations")]
    decided_at_grid_version: dict[str, int]
    rules: RulesUsed
    changes: Annotated[list[ReservationChanged], Field(description="who decided what, oldest first")]


class ReservationAnswer(Head):
    """One reservation."""

    reservation: ReservationTold
    reservations_version: ReservationsVersion


class ReservationsAnswer(Head):
    """A page of reservations, newest first."""

    reservations: list[ReservationTold]
    next: Annotated[str | None, Field(description="address of the next page")]
    reservations_version: ReservationsVersion


class Impact(Given):
    """Who loses supply in one case."""

    affected: Annotated[Counted, Field(description="supplied before, not supplied after")]
    by_county: dict[str, Counted]
    opened: Annotated[list[str], Field(description="switches that protection opens for the faults")]
    districts: Annotated[list[District], Field(default_factory=list)]
    customers: Annotated[list[Customer], Field(default_factory=list)]
    elements: Annotated[ElementIds, Field(default_factory=dict, description="what goes dark, by layer")]
    geometry: FeatureCollection | None = None


class OutageAnswer(Head, Impact):
    """Who loses supply."""


class OutageCasesAnswer(Head):
    """Who loses supply, case by case, in the order asked."""

    cases: list[Impact]


class ElementAnswer(Head):
    """One element."""

    layer: str
    id: str
    county_code: str
    properties: dict[str, Any]
    geometry: dict[str, Any] | None
    energised: bool
    energised_phases: Annotated[str, Field(description="nodes: the phases that are energised")] = ""
    open: Annotated[bool, Field(description="switches: how it stands in the state asked for")] = False


class OperationDone(Given):
    """One recorded operation."""

    id: str
    county_code: str
    open: bool
    at: datetime
    recorded_at: datetime
    reason: str
    operator: str
    idempotency_key: str | None
    changed: Annotated[bool, Field(description="whether the switch stood the other way just before `at`")]
    late: Annotated[
        bool, Field(description="an operation of the same switch with a later time was known already")
    ]


class Moved(Given):
    """Customers whose supply an operation changed."""

    customers: int
    contracted_kva: float
    by_county: dict[str, Counted]
    ids: Annotated[list[str], Field(description="customer ids, by (county, id)")]


class SwitchOperationsAnswer(Head):
    """What the operations did."""

    operations: list[OperationDone]
    lost: Annotated[Moved, Field(description="supplied before the batch, not after")]
    regained: Annotated[Moved, Field(description="supplied after the batch, not before")]


class OperationLogged(Given):
    """One line of the log of switch operations."""

    county_code: str
    number: Annotated[int, Field(description="counts up within the county, in the order of recording")]
    id: Annotated[str, Field(description="the switch")]
    open: bool
    at: datetime
    recorded_at: datetime
    reason: str
    operator: str
    idempotency_key: str | None
    counts: Annotated[bool, Field(description="false for operations from before the county was loaded anew")]


class SwitchLogAnswer(Head):
    """A page of the log, newest first."""

    operations: list[OperationLogged]
    next: Annotated[str | None, Field(description="address of the next page")]


class InterruptionLogged(Given):
    """A time in which one customer was not supplied."""

    county_code: str
    customer_id: str
    start: datetime
    end: Annotated[datetime | None, Field(description="null while it lasts")]
    cause: Annotated[str | None, Field(description="the switch whose operation began it")]


class InterruptionsAnswer(Head):
    """A page of interruptions, by start, customer."""

    interruptions: list[InterruptionLogged]
    next: Annotated[str | None, Field(description="address of the next page")]


class Problem(BaseModel):
    """An RFC 9457 problem document."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: Annotated[list[dict[str, Any]], Field(default_factory=list)]
