"""The tables of the grid, one model per layer of the grid package.

There are no foreign keys from an element to its nodes, because either end may lie in another county. Nor are
there to `county`: what each row of a bulk load must pay for is weighed (ADR 0009).
"""

from __future__ import annotations

from itertools import permutations

from django.contrib.gis.db import models
from django.db.models import BaseConstraint, CheckConstraint, Q
from django.db.models.functions import Length
from django.db.models.lookups import GreaterThanOrEqual, LessThanOrEqual

from gis_service.ingest.spec import layer as layer_named
from gis_service.models.columns import WGS84, identifier, number

_INFINITE = float("inf")
_PHASES = sorted(
    {"".join(some) for count in range(1, 5) for some in permutations("ABCN", count)} - {"N"},
    # Compared one after another, so the usual ones stand first.
    key=lambda text: (text not in ("ABC", "A", "B", "C", "ABCN", "AN", "BN", "CN"), text),
)


def _checks(name: str) -> list[BaseConstraint]:
    """What the package declares about a layer's columns, said again where nobody can go round it."""
    layer = layer_named(name)
    checks: list[BaseConstraint] = []
    for column in layer.columns:
        if column.choices is not None:
            condition = Q(**{f"{column.name}__in": list(column.choices)})
        elif column.name == "phases":
            condition = Q(phases__in=_PHASES)
        elif column.name == "county_code":
            continue  # its length is a matter of `county`, once, and not of every row (ADR 0009)
        elif layer.name == "county" and column.name == "code":
            length = Length(column.name)
            condition = Q(GreaterThanOrEqual(length, 2)) & Q(LessThanOrEqual(length, 12))
        elif column.refers_to is not None or column.name in (
            layer.key,
            "from_vertex",
            "to_vertex",
            "feeder_id",
        ):
            condition = ~Q(**{column.name: ""})
        elif column.type == "float":  # NaN sorts above infinity, so the upper bound keeps both out
            condition = Q(**{f"{column.name}__lt": _INFINITE})
            condition &= (
                Q(**{f"{column.name}__gt": -_INFINITE})
                if column.minimum is None
                else Q(**{f"{column.name}__gte": column.minimum})
            )
        elif column.minimum is not None:
            condition = Q(**{f"{column.name}__gte": column.minimum})
        else:
            continue
        checks.append(CheckConstraint(condition=condition, name=f"{name}_{column.name}"))
    return checks


class County(models.Model):
    """A county and its area; a reference table, whole on every node."""

    code = models.TextField(primary_key=True, db_collation="C")
    name = models.TextField()
    geom = models.MultiPolygonField(srid=WGS84)

    class Meta:
        db_table = "county"
        constraints = _checks("county")


class Element(models.Model):
    """What every layer shares: the county it belongs to, its id, and the composite key of both."""

    pk = models.CompositePrimaryKey("county_code", "id")
    county_code = identifier()
    id = identifier()
    county = models.ForeignObject(
        County, on_delete=models.DO_NOTHING, from_fields=["county_code"], to_fields=["code"], related_name="+"
    )

    class Meta:
        abstract = True


class Substation(Element):
    """A site with busbars; the feeders start here."""

    name = models.TextField()
    base_voltage_kv = number()
    geom = models.PointField(srid=WGS84)

    class Meta(Element.Meta):
        db_table = "substation"
        constraints = _checks("substation")


class ConnectivityNode(Element):
    """A point at which conducting elements meet."""

    base_voltage_kv = number()
    substation_id = identifier(null=True)
    geom = models.PointField(srid=WGS84, spatial_index=False)  # on no map

    class Meta(Element.Meta):
        db_table = "connectivity_node"
        constraints = _checks("connectivity_node")


class EnergySource(Element):
    """Where energy enters the grid."""

    name = models.TextField()
    node_id = identifier()
    phases = models.TextField(null=True)
    voltage_pu = number(null=True)
    geom = models.PointField(srid=WGS84, spatial_index=False)  # on no map

    class Meta(Element.Meta):
        db_table = "energy_source"
        constraints = _checks("energy_source")


class LineSection(Element):
    """A piece of line, cable or busbar between two nodes, drawn from `from_node` to `to_node`."""

    name = models.TextField(null=True)
    from_node = identifier()
    to_node = identifier()
    phases = models.TextField(null=True)
    base_voltage_kv = number()
    construction = models.TextField()
    length_m = number()
    r_ohm = number(null=True)
    x_ohm = number(null=True)
    rated_current_a = number(null=True)
    geom = models.LineStringField(srid=WGS84)

    class Meta(Element.Meta):
        db_table = "line_section"
        constraints = _checks("line_section")


class Switch(Element):
    """A switching device: how it stands normally, how it stood when loaded, how it stands now."""

    name = models.TextField(null=True)
    kind = models.TextField()
    from_node = identifier()
    to_node = identifier()
    phases = models.TextField(null=True)
    normal_open = models.BooleanField()
    open = models.BooleanField()
    open_at_load = models.BooleanField()
    rated_current_a = number(null=True)
    remote_controlled = models.BooleanField(null=True)
    feeder_id = identifier(null=True)
    geom = models.PointField(srid=WGS84)

    class Meta(Element.Meta):
        db_table = "switch"
        constraints = _checks("switch")


class PowerTransformer(Element):
    """A transformer from its high side (`from_node`) to its low side (`to_node`)."""

    name = models.TextField(null=True)
    from_node = identifier()
    to_node = identifier()
    phases = models.TextField(null=True)
    rated_kva = number()
    uk_percent = number(null=True)
    pk_kw = number(null=True)
    geom = models.PointField(srid=WGS84)

    class Meta(Element.Meta):
        db_table = "power_transformer"
        constraints = _checks("power_transformer")


class TransformerDistrict(Element):
    """The area one distribution transformer supplies; the geometry may be absent."""

    name = models.TextField()
    transformer_id = identifier()
    geom = models.PolygonField(srid=WGS84, null=True)

    class Meta(Element.Meta):
        db_table = "transformer_district"
        constraints = _checks("transformer_district")


class CustomerPoint(Element):
    """Where a customer is supplied; who the customer is stands in another system."""

    node_id = identifier()
    district_id = identifier(null=True)
    phases = models.TextField(null=True)
    customer_class = models.TextField()
    critical_grade = models.TextField(null=True)
    contracted_kva = number()
    geom = models.PointField(srid=WGS84)

    class Meta(Element.Meta):
        db_table = "customer_point"
        constraints = _checks("customer_point")


class Corridor(Element):
    """A way along which a line could be built."""

    from_vertex = identifier()
    to_vertex = identifier()
    kind = models.TextField()
    cost_per_m = number(null=True)
    ducts_free = models.BigIntegerField(null=True)
    geom = models.LineStringField(srid=WGS84)

    class Meta(Element.Meta):
        db_table = "corridor"
        constraints = _checks("corridor")
