"""Look at the length of a county's code once a county, and no longer at every row (ADR 0009).

The table `county` goes on checking it, and loads see to it that an element names a county that stands there.
"""

from __future__ import annotations

from typing import Any

from django.db import migrations

from sharding.distribute import one_node_at_a_time

ELEMENTS = {
    "connectivity_node": "connectivitynode",
    "substation": "substation",
    "energy_source": "energysource",
    "line_section": "linesection",
    "switch": "switch",
    "power_transformer": "powertransformer",
    "transformer_district": "transformerdistrict",
    "customer_point": "customerpoint",
    "corridor": "corridor",
}


def in_turn(apps: Any, schema_editor: Any) -> None:
    """On a cluster, change one node after another: first thing, in either direction."""
    with schema_editor.connection.cursor() as cursor:
        one_node_at_a_time(cursor)


class Migration(migrations.Migration):
    dependencies = [("gis_service", "0007_quicker_intervals")]

    operations = [
        migrations.RunPython(in_turn, migrations.RunPython.noop, elidable=False),
        *(
            migrations.RemoveConstraint(model_name=model, name=f"{table}_county_code")
            for table, model in ELEMENTS.items()
        ),
        migrations.RunPython(migrations.RunPython.noop, in_turn, elidable=False),
    ]
