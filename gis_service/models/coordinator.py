"""What lies whole on the coordinator of a cluster: the register, the journal of loads, and reservations."""

from __future__ import annotations

from django.contrib.gis.db import models
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db.models import CheckConstraint, Q

from gis_service.models.columns import WGS84, identifier
from gis_service.models.grid import _INFINITE


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


class Reservation(models.Model):
    """Capacity that an accepted supply scheme holds until it is built or withdrawn; rows are never deleted.

    `id` is the version of the record at which it was made. Kept on the coordinator of a cluster, as are the
    two tables below: it may burden several counties, and counts while the node of any of them is away.
    """

    id = models.BigIntegerField(primary_key=True)
    idempotency_key = models.TextField(db_collation="C", unique=True)
    request = models.TextField()  # a digest of what was asked
    state = models.TextField()
    counties = ArrayField(identifier())
    elements = ArrayField(identifier())  # supply points, their nodes, and the supply paths as reserved
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
    county_code = identifier()
    kind = models.TextField()
    attach_id = identifier()
    node_id = identifier(null=True)  # null: a tap of the line `attach_id`
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

    county_code = identifier()
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
