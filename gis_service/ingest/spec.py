"""The grid package, declared once: its layers, columns, types and enumerations.

Knows names and types only; reading, checking and writing are elsewhere. The order of `LAYERS` is the
order in which layers are validated, written and listed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ColumnType = Literal["text", "float", "int", "bool"]
GeometryType = Literal["Point", "LineString", "Polygon", "MultiPolygon"]

GEOMETRY = "geom"
CRS = "EPSG:4326"

CONSTRUCTIONS = ("overhead", "underground", "busbar", "service")
SWITCH_KINDS = ("breaker", "recloser", "load_break_switch", "disconnector", "fuse", "jumper")
PROTECTIVE_KINDS = ("breaker", "recloser", "fuse")
CUSTOMER_CLASSES = ("residential", "commercial", "industrial", "agricultural", "public")
CRITICAL_GRADES = ("special", "first", "second", "temporary")


@dataclass(frozen=True, slots=True)
class Column:
    """One attribute of a layer.

    `required`: the column must exist and hold no nulls. `refers_to`: the layer whose `id` it names.
    """

    name: str
    type: ColumnType = "text"
    required: bool = True
    refers_to: str | None = None
    choices: tuple[str, ...] | None = None
    minimum: float | None = None


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of the package; `geometry_required` False means the geometry may be null or absent."""

    name: str
    geometry: GeometryType
    columns: tuple[Column, ...]
    geometry_required: bool = True

    @property
    def key(self) -> str:
        """The identifying column: `code` for counties, `id` elsewhere."""
        return "code" if self.name == "county" else "id"

    def column(self, name: str) -> Column:
        """The column of that name; KeyError when the layer has none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"layer {self.name} has no column {name}")


def _text(name: str, *, required: bool = True, refers_to: str | None = None) -> Column:
    return Column(name, "text", required, refers_to)


def _number(name: str, *, required: bool = True, minimum: float | None = 0.0) -> Column:
    return Column(name, "float", required, minimum=minimum)


_ID = _text("id")
_COUNTY = _text("county_code", refers_to="county")
_PHASES = _text("phases", required=False)


def _node(name: str) -> Column:
    return _text(name, refers_to="connectivity_node")


LAYERS: tuple[Layer, ...] = (
    Layer("county", "MultiPolygon", (_text("code"), _text("name"))),
    Layer("substation", "Point", (_ID, _COUNTY, _text("name"), _number("base_voltage_kv"))),
    Layer(
        "connectivity_node",
        "Point",
        (
            _ID,
            _COUNTY,
            _number("base_voltage_kv"),
            _text("substation_id", required=False, refers_to="substation"),
        ),
    ),
    Layer(
        "energy_source",
        "Point",
        (
            _ID,
            _COUNTY,
            _text("name"),
            _node("node_id"),
            _PHASES,
            _number("voltage_pu", required=False),
        ),
    ),
    Layer(
        "line_section",
        "LineString",
        (
            _ID,
            _COUNTY,
            _text("name", required=False),
            _node("from_node"),
            _node("to_node"),
            _PHASES,
            _number("base_voltage_kv"),
            Column("construction", choices=CONSTRUCTIONS),
            _number("length_m"),
            _number("r_ohm", required=False),
            _number("x_ohm", required=False, minimum=None),
            _number("rated_current_a", required=False),
        ),
    ),
    Layer(
        "switch",
        "Point",
        (
            _ID,
            _COUNTY,
            _text("name", required=False),
            Column("kind", choices=SWITCH_KINDS),
            _node("from_node"),
            _node("to_node"),
            _PHASES,
            Column("normal_open", "bool"),
            Column("open", "bool"),
            _number("rated_current_a", required=False),
            Column("remote_controlled", "bool", required=False),
            _text("feeder_id", required=False),
        ),
    ),
    Layer(
        "power_transformer",
        "Point",
        (
            _ID,
            _COUNTY,
            _text("name", required=False),
            _node("from_node"),
            _node("to_node"),
            _PHASES,
            _number("rated_kva"),
            _number("uk_percent", required=False),
            _number("pk_kw", required=False),
        ),
    ),
    Layer(
        "transformer_district",
        "Polygon",
        (
            _ID,
            _COUNTY,
            _text("name"),
            _text("transformer_id", refers_to="power_transformer"),
        ),
        geometry_required=False,
    ),
    Layer(
        "customer_point",
        "Point",
        (
            _ID,
            _COUNTY,
            _node("node_id"),
            _text("district_id", required=False, refers_to="transformer_district"),
            _PHASES,
            Column("customer_class", choices=CUSTOMER_CLASSES),
            Column("critical_grade", required=False, choices=CRITICAL_GRADES),
            _number("contracted_kva"),
        ),
    ),
    Layer(
        "corridor",
        "LineString",
        (
            _ID,
            _COUNTY,
            _text("from_vertex"),
            _text("to_vertex"),
            _text("kind"),
            _number("cost_per_m", required=False),
            Column("ducts_free", "int", required=False, minimum=0),
        ),
    ),
)

BY_NAME: dict[str, Layer] = {layer.name: layer for layer in LAYERS}


def layer(name: str) -> Layer:
    """The layer of that name; KeyError when the package has none."""
    return BY_NAME[name]
