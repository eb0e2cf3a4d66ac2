"""Features of rows as compiled text: what the row-by-row values of `columns` say, in every kind of column."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from gis_service.engine.columns import TABLE_OF_LAYER, features_of, table_of
from gis_service.engine.features import features_json
from gis_service.network.columns import Coded, Repeated, Texts, joined_texts
from gis_service.network.tables import GridTables
from gis_service.network.text import parse_grid
from tests.drawn import DRAWN

FORMS: dict[str, Callable[[Any], Any]] = {
    "objects": lambda text: text,
    "bytes": Texts.of,
    "codes": Coded.of,
    "counties": lambda text: joined_texts([Texts.of(text[:2]), Texts.of(text[2:])]),
}


def kept_as(tables: GridTables, form: Callable[[Any], Any]) -> GridTables:
    """The same grid, its text columns kept in another form."""
    made: dict[str, Any] = {}
    for layer, name in TABLE_OF_LAYER.items():
        table = table_of(tables, layer)
        texts = {
            one.name: form(getattr(table, one.name))
            for one in fields(table)
            if getattr(getattr(table, one.name), "dtype", None) == np.dtype(object)
            and (one.name != "id" or form != Coded.of)  # ids are too many words for codes
        }
        made[name] = replace(table, **texts)
    return replace(tables, **made)


def rounded(geometry: Any) -> Any:
    """The geometry with the seven decimals that are written."""
    if isinstance(geometry, float):
        return round(geometry, 7)
    if isinstance(geometry, list):
        return [rounded(one) for one in geometry]
    return geometry and geometry | {"coordinates": rounded(geometry["coordinates"])}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("layer", TABLE_OF_LAYER)
def test_features_are_those_of_each_row(layer: str, form: str) -> None:
    tables = parse_grid(DRAWN)
    count = len(table_of(tables, layer))
    assert count > 0
    for rows in (np.arange(count), np.arange(count)[::-2], np.empty(0, np.int64)):
        expected = [one | {"geometry": rounded(one["geometry"])} for one in features_of(tables, layer, rows)]
        assert json.loads(features_json(kept_as(tables, FORMS[form]), {layer: rows})) == expected


def test_layers_stand_one_after_another_and_one_word_for_all_is_told() -> None:
    tables = parse_grid(DRAWN)
    nodes = replace(tables.nodes, county=Repeated("0801", len(tables.nodes)))
    rows = {"connectivity_node": np.array([1]), "switch": np.array([0, 1])}
    found = json.loads(features_json(replace(tables, nodes=nodes), rows))
    assert [one["properties"]["layer"] for one in found] == ["connectivity_node", "switch", "switch"]
    assert found[0]["properties"]["county_code"] == "0801"
    assert features_json(tables, {}) == b"[]"
