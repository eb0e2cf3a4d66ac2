"""The tables of the grid, one model per layer of the grid package, and the record of its switching.

Knows columns, constraints and indexes; the rows are written by `gis_service.store` alone. Every table but
`county` has the primary key `(county_code, id)` and is distributed by `county_code`, which never changes in a
row: moving an element is a delete and an insert. The register, the journal of loads and the reservations lie
whole on the coordinator instead. Identifiers sort by code point (collation C), as Python does. There are no
foreign keys from an element to its nodes, because either end may lie in another county. Nor are there to
`county`: what each row of a bulk load must pay for is weighed (ADR 0009).
"""

from __future__ import annotations

from itertools import permutations

from django.contrib.gis.db import models
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, DateTimeRangeField
from django.contrib.postgres.indexes import GinIndex, GistIndex
from django.db.models import BaseConstraint, CheckConstraint, F, Func, Q, Value
from django.db.models.functions import Length
from django.db.models.lookups import GreaterThanOrEqual, LessThanOrEqual

from gis_service.ingest.spec import layer as layer_named

WGS84 = 4326
_INFINITE = float("inf")
_PHASES = sorted(
    {"".join(some) for count in range(1, 5) for some in permutations("ABCN", count)} - {"N"},
    # Compared one after another, so the usual ones stand first.
    key=lambda text: (text not in ("ABC", "A", "B", "C", "ABCN", "AN", "BN", "CN"), text),
)


def _identifier(*, null: bool = False) -> models.TextField[str, str]:
    return models.TextField(db_collation="C", null=null)


def _digest(column: str) -> Func:
    return Func(F(column), Value(0), function="hashtextextended", output_field=models.BigIntegerField())


def _number(*, null: bool = False) -> models.FloatField[float, float]:
    return models.FloatField(null=null)


def _checks(name: str) -> list[BaseConstraint]:
    """What the package declares about a layer's columns, said again where nobody can go round it."""
    layer = layer_named(name)
    checks: list[BaseConstraint] = []
    for column in layer.columns:
        if column.choices is not None:
            condition = Q(**{f"{column.name}__in": list(column.choices)})
        elif column.name == "phases":
            condition = Q(phases__in=_PHASES)
        elif column.name == "county_code" or (layer.name == "county" and column.name == "code"):
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
    county_code = _identifier()
    id = _identifier()
    county = models.ForeignObject(
        County, on_delete=models.DO_NOTHING, from_fields=["county_code"], to_fields=["code"], related_name="+"
    )

    class Meta:
        abstract = True


class Substation(Element):
    """A site with busbars; the feeders start here."""

    name = models.TextField()
    base_voltage_kv = _number()
    geom = models.PointField(srid=WGS84)

    class Meta(Element.Meta):
        db_table = "substation"
        constraints = _checks("substation")


class ConnectivityNode(Element):
    """A point at which conducting elements meet."""

    base_voltage_kv = _number()
    substation_id = _identifier(null=True)
    geom = models.PointField(srid=WGS84, spatial_index=False)  # on no map

    class Meta(Element.Meta):
        db_table = "connectivity_node"
        constraints = _checks("connectivity_node")


class EnergySource(Element):
    """Where energy enters the grid."""

    name = models.TextField()
    node_id = _identifier()
    phases = models.TextField(null=True)
    voltage_pu = _number(null=True)
    geom = models.PointField(srid=WGS84, spatial_index=False)  # on no map

    class Meta(Element.Meta):
        db_table = "energy_source"
        constraints = _checks("energy_source")


class LineSection(Element):
    """A piece of line, cable or busbar between two nodes, drawn from `from_node` to `to_node`."""

    name = models.TextField(null=True)
    from_node = _identifier()
    to_node = _identifier()
    phases = models.TextField(null=True)
    base_voltage_kv = _number()
    construction = models.TextField()
    length_m = _number()
    r_ohm = _number(null=True)
    x_ohm = _number(null=True)
    rated_current_a = _number(null=True)
    geom = models.LineStringField(srid=WGS84)

    class Meta(Element.Meta):
        db_table = "line_section"
        constraints = _checks("line_section")


class Switch(Element):
    """A switching device: how it stands normally, how it stood when loaded, how it stands now."""

    name = models.TextField(null=True)
    kind = models.TextField()
    from_node = _identifier()
    to_node = _identifier()
    phases = models.TextField(null=True)
    normal_open = models.BooleanField()
    open = models.BooleanField()
    open_at_load = models.BooleanField()
    rated_current_a = _number(null=True)
    remote_controlled = models.BooleanField(null=True)
    feeder_id = _identifier(null=True)
    geom = models.PointField(srid=WGS84)

    class Meta(Element.Meta):
        db_table = "switch"
        constraints = _checks("switch")


class PowerTransformer(Element):
    """A transformer from its high side (`from_node`) to its low side (`to_node`)."""

    name = models.TextField(null=True)
    from_node = _identifier()
    to_node = _identifier()
    phases = models.TextField(null=True)
    rated_kva = _number()
    uk_percent = _number(null=True)
    pk_kw = _number(null=True)
    geom = models.PointField(srid=WGS84)

    class Meta(Element.Meta):
        db_table = "power_transformer"
        constraints = _checks("power_transformer")


class TransformerDistrict(Element):
    """The area one distribution transformer supplies; the geometry may be absent."""

    name = models.TextField()
    transformer_id = _identifier()
    geom = models.PolygonField(srid=WGS84, null=True)

    class Meta(Element.Meta):
        db_table = "transformer_district"
        constraints = _checks("transformer_district")


class CustomerPoint(Element):
    """Where a customer is supplied; who the customer is stands in another system."""

    node_id = _identifier()
    district_id = _identifier(null=True)
    phases = models.TextField(null=True)
    customer_class = models.TextField()
    critical_grade = models.TextField(null=True)
    contracted_kva = _number()
    geom = models.PointField(srid=WGS84)

    class Meta(Element.Meta):
        db_table = "customer_point"
        constraints = _checks("customer_point")


class Corridor(Element):
    """A way along which a line could be built."""

    from_vertex = _identifier()
    to_vertex = _identifier()
    kind = models.TextField()
    cost_per_m = _number(null=True)
    ducts_free = models.BigIntegerField(null=True)
    geom = models.LineStringField(srid=WGS84)

    class Meta(Element.Meta):
        db_table = "corridor"
        constraints = _checks("corridor")


class CountyVersion(models.Model):
    """The counters of one county; the row outlives the county, so that no version is ever given twice."""

    county_code = models.TextField(primary_key=True, db_collation="C")
    version = models.BigIntegerField()  # rises with every load, unload and switch operation
    topology_version = models.BigIntegerField()  # rises with every load and unload: the epoch of the log
    last_operation = models.BigIntegerField()  # the newest `switch_operation.id` given out
    last_interruption = models.BigIntegerField()  # the newest `interruption.id` given out
    loaded_at = models.DateTimeField(null=True)  # null: the county is not loaded at present
    changed_at = models.DateTimeField()

    class Meta:
        db_table = "county_version"


class CountyRegister(models.Model):
    """What every county stands at, written in the transaction that changes it.

    Kept on the coordinator of a cluster: the county's own row is `CountyVersion`, beside its shard; this one
    answers when the shard does not.
    """

    county_code = models.TextField(primary_key=True, db_collation="C")
    version = models.BigIntegerField()
    topology_version = models.BigIntegerField()
    last_operation = models.BigIntegerField()
    loaded_at = models.DateTimeField(null=True)
    changed_at = models.DateTimeField()
    operated_until = models.DateTimeField(null=True)  # no operation of the present load is later
    recent = models.JSONField(default=list)  # the newest switchings; see `store.register`

    class Meta:
        db_table = "county_register"


class SwitchOperation(models.Model):
    """One operation of one switch, as reported; rows are added and never changed.

    `id` counts up within the county in the order of recording. A row counts only in its `epoch`, the
    county's topology version when it was recorded. It outlives its switch and its county.
    """

    pk = models.CompositePrimaryKey("county_code", "id")
    county_code = _identifier()
    id = models.BigIntegerField()
    epoch = models.BigIntegerField()
    switch_id = _identifier()
    open = models.BooleanField()
    at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    reason = models.TextField()
    operator = models.TextField()
    idempotency_key = _identifier(null=True)

    class Meta:
        db_table = "switch_operation"
        constraints = [
            CheckConstraint(condition=~Q(switch_id=""), name="switch_operation_switch_id"),
            CheckConstraint(condition=~Q(idempotency_key=""), name="switch_operation_key"),
            models.UniqueConstraint(
                fields=["county_code", "idempotency_key"], name="switch_operation_key_once"
            ),
        ]
        indexes = [
            models.Index(
                F("county_code"),
                F("switch_id"),
                F("at").desc(),
                F("id").desc(),
                name="switch_operation_latest",
            ),
            models.Index(fields=["county_code", "at"], name="switch_operation_at"),
        ]


class Interruption(models.Model):
    """A time `[from, to)` in which one customer was not supplied; no end yet means it lasts.

    The intervals of one customer never overlap. The cause is the switch operation that began it, where
    one did; its county may be another one.
    """

    pk = models.CompositePrimaryKey("county_code", "id")
    county_code = _identifier()
    id = models.BigIntegerField()
    customer_id = _identifier()
    during = DateTimeRangeField()
    cause_county = _identifier(null=True)
    cause_id = models.BigIntegerField(null=True)

    class Meta:
        db_table = "interruption"
        constraints = [
            CheckConstraint(
                condition=Q(during__isempty=False)
                & Q(during__lower_inf=False)
                & Q(during__lower_inc=True)
                & Q(during__upper_inc=False),
                name="interruption_half_open",
            ),
            CheckConstraint(
                condition=Q(cause_county__isnull=True, cause_id__isnull=True)
                | Q(cause_county__isnull=False, cause_id__isnull=False),
                name="interruption_cause",
            ),
            ExclusionConstraint(
                name="interruption_no_overlap",
                # the first one says where in the index a row goes: a number does so in a quarter of the time
                expressions=[
                    (_digest("customer_id"), "="),
                    ("during", "&&"),
                    ("customer_id", "="),
                    ("county_code", "="),
                ],
            ),
        ]
        indexes = [
            GistIndex(fields=["during"], name="interruption_during"),
            models.Index(
                fields=["county_code", "customer_id"],
                name="interruption_lasting",
                condition=Q(during__upper_inf=True),
            ),
        ]


class SwitchAnswer(models.Model):
    """The answer a batch of operations was given, for when it is sent again; `id` is one of its keys.

    `request` is a digest of the whole batch; the answer is kept as text, to be given again as it was.
    """

    pk = models.CompositePrimaryKey("county_code", "id")
    county_code = _identifier()
    id = _identifier()
    request = models.TextField()
    answer = models.TextField()
    recorded_at = models.DateTimeField()

    class Meta:
        db_table = "switch_answer"
        indexes = [models.Index(fields=["id"], name="switch_answer_by_key")]


class Reservation(models.Model):
    """Capacity that an accepted supply scheme holds until it is built or withdrawn; rows are never deleted.

    `id` is the version of the record at which it was made. Kept on the coordinator of a cluster, as are the
    two tables below: it may burden several counties, and counts while the node of any of them is away.
    """

    id = models.BigIntegerField(primary_key=True)
    idempotency_key = models.TextField(db_collation="C", unique=True)
    request = models.TextField()  # a digest of what was asked
    state = models.TextField()
    counties = ArrayField(_identifier())
    elements = ArrayField(_identifier())  # supply points, their nodes, and the supply paths as reserved
    geom = models.PointField(srid=WGS84)
    kva = models.FloatField()
    phases = models.TextField()
    independence = models.TextField(null=True)  # null: one supply
    rules = models.JSONField()
    grid_version = models.JSONField()
    schemes = models.JSONField()  # as answered, one for each supply

    class Meta:
        db_table = "reservation"
        constraints = [
            CheckConstraint(condition=Q(state__in=["held", "built", "withdrawn"]), name="reservation_state"),
            CheckConstraint(condition=Q(kva__gt=0) & Q(kva__lt=_INFINITE), name="reservation_kva"),
        ]
        indexes = [
            GinIndex(fields=["counties"], name="reservation_counties"),
            GinIndex(fields=["elements"], name="reservation_elements"),
            models.Index(fields=["id"], name="reservation_held", condition=Q(state="held")),
        ]


class ReservationSupply(models.Model):
    """One supply of a reservation: where it joins the grid and what it puts on the way there."""

    pk = models.CompositePrimaryKey("reservation_id", "number")
    reservation_id = models.BigIntegerField()
    number = models.IntegerField()
    county_code = _identifier()
    kind = models.TextField()
    attach_id = _identifier()
    node_id = _identifier(null=True)  # null: a tap of the line `attach_id`
    fraction = models.FloatField(null=True)
    reckoned_kva = models.FloatField()  # the three-phase load that burdens each phase as much

    class Meta:
        db_table = "reservation_supply"
        constraints = [
            CheckConstraint(
                condition=Q(node_id__isnull=False, fraction__isnull=True)
                | Q(node_id__isnull=True, fraction__gt=0, fraction__lt=1),
                name="reservation_supply_place",
            ),
        ]


class ReservationChange(models.Model):
    """Who made a reservation, declared it built or withdrew it, and when; rows are added and never changed.

    One row for each version of the record, so that of two decisions on the same version only one can be
    written, whatever lock was lost.
    """

    version = models.BigIntegerField(primary_key=True)
    reservation_id = models.BigIntegerField()
    state = models.TextField()
    at = models.DateTimeField()
    operator = models.TextField()
    reason = models.TextField()

    class Meta:
        db_table = "reservation_change"
        indexes = [models.Index(fields=["reservation_id"], name="reservation_change_of")]


class LoadRun(models.Model):
    """One county of one load: written when the load begins, finished together with the county itself.

    A row without an end whose process is gone is a load that died. Kept on the coordinator of a cluster.
    """

    county_code = _identifier()
    begun_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    rows = models.BigIntegerField(null=True)
    host = models.TextField()
    process = models.BigIntegerField()

    class Meta:
        db_table = "load_run"
        indexes = [models.Index(fields=["county_code"], name="load_run_by_county")]


class IndexToBuild(models.Model):
    """An index that a load took away to build it again when the rows are in; see `store.late_indexes`."""

    name = models.TextField(primary_key=True)
    definition = models.TextField()

    class Meta:
        db_table = "index_to_build"
