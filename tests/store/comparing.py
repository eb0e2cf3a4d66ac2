"""Equality of grids and packages, down to the bit, with a message that names what differs."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np

from gis_service.ingest.package import GridPackage
from gis_service.ingest.spec import LAYERS
from gis_service.network.tables import GridTables


def assert_same_tables(found: GridTables, expected: GridTables) -> None:
    for field in fields(expected):
        for name, want in getattr(expected, field.name).columns().items():
            got = getattr(getattr(found, field.name), name)
            where = f"{field.name}.{name}"
            assert got.dtype == want.dtype, where
            assert got.shape == want.shape, where
            equal = np.array_equal(got, want, equal_nan=want.dtype.kind == "f")
            assert equal, f"{where}: {got[:5]} is not {want[:5]}"


def same_tables(one: GridTables, other: GridTables) -> bool:
    try:
        assert_same_tables(one, other)
    except AssertionError:
        return False
    return True


def assert_same_package(found: GridPackage, expected: GridPackage) -> None:
    """The same rows, whatever their order."""
    for layer in LAYERS:
        keys = [layer.key] if layer.name == "county" else ["county_code", "id"]
        got = found[layer.name].sort_values(keys, ignore_index=True)
        want = expected[layer.name].sort_values(keys, ignore_index=True)
        assert list(got.columns) == list(want.columns)
        for column in layer.columns:
            assert got[column.name].dtype == want[column.name].dtype, f"{layer.name}.{column.name}"
            assert _values(got[column.name]) == _values(want[column.name]), f"{layer.name}.{column.name}"
        assert got.crs == want.crs
        assert [_wkb(one) for one in got.geometry] == [_wkb(one) for one in want.geometry], layer.name


def _values(column: Any) -> list[object]:
    return [
        None if value is None or value != value else value
        for value in column.to_numpy(dtype=object, na_value=None)
    ]


def _wkb(shape: Any) -> bytes | None:
    return None if shape is None else bytes(shape.wkb)
