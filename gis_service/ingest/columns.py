"""One column at a time: what a file says, turned into the column's declared type.

Knows the four types of the package and which other spellings of a value are unambiguous; refuses to
guess at the rest. Canonical columns are: text, object of `str` or None; float, float64 with NaN for
null; int, pandas `Int64`; bool, pandas `boolean`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from gis_service.ingest.spec import Column

_DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_WHOLE = re.compile(r"[+-]?\d{1,19}")
_TRUTHS = {"true": True, "false": False, "1": True, "0": False}
_EXACT_INTEGERS = 2.0**53
_LEAST_INTEGER, _MOST_INTEGER = -(2**63), 2**63 - 1
_TRUTH = (bool, np.bool_)
_NUMBER = (int, float, np.integer, np.floating)


@dataclass(frozen=True, slots=True)
class Coerced:
    """A canonical column; `wrong` marks the rows whose value could not be taken (they are null)."""

    values: pd.Series[Any]
    wrong: npt.NDArray[np.bool_]
    note: str | None = None


def is_identifier(column: Column) -> bool:
    """Whether the column names something: an empty string is no name, so it counts as null."""
    return column.refers_to is not None or column.name in {
        "id",
        "code",
        "feeder_id",
        "from_vertex",
        "to_vertex",
    }


def empty_means_null(column: Column) -> bool:
    """Whether an empty string says nothing in this column."""
    return is_identifier(column) or column.choices is not None or column.name == "phases"


def as_objects(values: pd.Series[Any]) -> npt.NDArray[np.object_]:
    """The values as an object array of its own, None for every null."""
    objects: npt.NDArray[np.object_] = np.array(values.to_numpy(dtype=object), dtype=object)
    objects[np.asarray(pd.isna(objects), dtype=bool)] = None
    return objects


def nulls(column: Column, length: int) -> pd.Series[Any]:
    """A canonical column of nulls."""
    if column.type == "float":
        return pd.Series(np.full(length, np.nan))
    if column.type == "int":
        return pd.Series(pd.array([pd.NA] * length, dtype="Int64"))
    if column.type == "bool":
        return pd.Series(pd.array([pd.NA] * length, dtype="boolean"))
    return pd.Series(np.full(length, None, dtype=object))


def coerce(given: pd.Series[Any], column: Column) -> Coerced:
    """Turn what a file gave into the column's canonical form.

    Taken: integers as floats and floats without a fraction as integers; 0/1 and "true"/"false" as
    truth values; numbers written as decimal text; whole numbers as identifiers (with a note, because a
    leading zero is already lost by then). An empty string in an identifier, an enumeration or the
    phases counts as null. Everything else that is not of the type is marked wrong.
    """
    given = given.reset_index(drop=True)
    if column.type == "text":
        return _text(given, column)
    if column.type == "float":
        numbers, wrong = _numbers(given)
        return Coerced(pd.Series(numbers), wrong)
    if column.type == "int":
        return _integers(given)
    return _truths(given)


def _text(given: pd.Series[Any], column: Column) -> Coerced:
    values = as_objects(given)
    absent = np.asarray(pd.isna(values), dtype=bool)
    texts = np.fromiter((isinstance(one, str) for one in values), bool, len(values))
    out = values.copy()
    out[~texts] = None
    note = None
    rest = ~(absent | texts)
    if rest.any():
        whole = np.zeros(len(values), dtype=bool)
        for row in np.flatnonzero(rest).tolist():
            text = _whole_text(values[row])
            if text is not None:
                out[row] = text
                whole[row] = True
        rest &= ~whole
        if whole.any():
            note = f"{column.name} holds numbers, read as text: leading zeros, if there were any, are lost"
    if empty_means_null(column):
        out[out == ""] = None
    return Coerced(pd.Series(out, dtype=object), rest, note)


def _whole_text(value: object) -> str | None:
    """The decimal text of a whole number, None for anything else."""
    if isinstance(value, _TRUTH):
        return None
    if isinstance(value, int | np.integer):
        return str(int(value))
    if isinstance(value, float | np.floating):
        number = float(value)
        return str(int(number)) if number.is_integer() and abs(number) < _EXACT_INTEGERS else None
    return None


def _numbers(given: pd.Series[Any]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    if pd.api.types.is_numeric_dtype(given.dtype) and not pd.api.types.is_bool_dtype(given.dtype):
        numbers = given.to_numpy(dtype=np.float64, na_value=np.nan).copy()
        return numbers, np.zeros(len(numbers), dtype=bool)
    values = as_objects(given)
    numbers = np.full(len(values), np.nan)
    wrong = np.zeros(len(values), dtype=bool)
    for row, value in enumerate(values.tolist()):
        if value is None:
            continue
        if isinstance(value, _NUMBER) and not isinstance(value, _TRUTH):
            numbers[row] = value
        elif isinstance(value, str) and _DECIMAL.fullmatch(value.strip()):
            numbers[row] = float(value)
        elif not (isinstance(value, str) and not value.strip()):
            wrong[row] = True
    return numbers, wrong


def _integers(given: pd.Series[Any]) -> Coerced:
    if pd.api.types.is_integer_dtype(given.dtype):
        return Coerced(given.astype("Int64"), np.zeros(len(given), dtype=bool))
    # Never by way of floats: those have no room for whole numbers beyond 2**53.
    values = as_objects(given)
    whole = np.zeros(len(values), dtype=np.int64)
    known = np.zeros(len(values), dtype=bool)
    wrong = np.zeros(len(values), dtype=bool)
    for row, value in enumerate(values.tolist()):
        if value is None or (isinstance(value, str) and not value.strip()):
            continue
        taken = _whole(value)
        if taken is None or not _LEAST_INTEGER <= taken <= _MOST_INTEGER:
            wrong[row] = True
        else:
            whole[row], known[row] = taken, True
    return Coerced(pd.Series(pd.arrays.IntegerArray(whole, ~known)), wrong)


def _whole(value: object) -> int | None:
    """The whole number that a value says, None where it says none."""
    if isinstance(value, str):
        text = value.strip()
        if _WHOLE.fullmatch(text):
            return int(text)
        return _whole(float(text)) if _DECIMAL.fullmatch(text) else None
    text_of = _whole_text(value)
    return None if text_of is None else int(text_of)


def _truths(given: pd.Series[Any]) -> Coerced:
    if pd.api.types.is_bool_dtype(given.dtype):
        return Coerced(given.astype("boolean"), np.zeros(len(given), dtype=bool))
    values = as_objects(given)
    truth = np.zeros(len(values), dtype=bool)
    known = np.zeros(len(values), dtype=bool)
    wrong = np.zeros(len(values), dtype=bool)
    for row, value in enumerate(values.tolist()):
        if value is None:
            continue
        if isinstance(value, str):
            taken = _TRUTHS.get(value.strip().lower())
            wrong[row] = taken is None and bool(value.strip())
        else:
            taken = bool(value) if isinstance(value, (*_TRUTH, *_NUMBER)) and value in (0, 1) else None
            wrong[row] = taken is None
        if taken is not None:
            truth[row], known[row] = taken, True
    return Coerced(pd.Series(pd.arrays.BooleanArray(truth, ~known)), wrong)
