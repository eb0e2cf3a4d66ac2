"""The columns that rows of customers are written from, held by compiled code.

To hand seventeen arrays over takes as long as to write twenty rows, so it is done once for each part of the
columns. Knows the columns; `customer_rows` knows the text.
"""

from __future__ import annotations

from numba.experimental import structref

from compiling import F64, I32, I64, U8, compiled
from compiling.structures import StructureType, define
from gis_service.engine.customer_rows import U32, Codes, write_rows


class _ColumnsType(StructureType):
    """Of `Columns`."""


class Columns(structref.StructRefProxy):
    """Columns of customers from a first row on, held by compiled code: handing them over takes its time.

    first : row of the topology that is row 0 here
    id_offsets … xy : the columns; codes of words, whose texts are given with the codes
    class_ends, class_words, grade_ends, grade_words : the words as JSON between `CLASS_BETWEEN` or
        `GRADE_BETWEEN`, each ending at its place; none longer than `LONGEST_WORD`
    district : row of each customer's district, -1 for none
    """

    first: int
    id_offsets: U32
    id_data: U8
    node_offsets: U32
    node_data: U8
    class_codes: Codes
    class_ends: I64
    class_words: U8
    grade_codes: Codes
    grade_ends: I64
    grade_words: U8
    kva: F64
    xy: F64
    district: I32


define(Columns, _ColumnsType)


@compiled
def hold_columns(
    first: int,
    id_offsets: U32,
    id_data: U8,
    node_offsets: U32,
    node_data: U8,
    class_codes: Codes,
    class_ends: I64,
    class_words: U8,
    grade_codes: Codes,
    grade_ends: I64,
    grade_words: U8,
    kva: F64,
    xy: F64,
    district: I32,
) -> Columns:
    """Hand columns over for as long as they are used."""
    return Columns(  # type: ignore[no-untyped-call]
        first,
        id_offsets,
        id_data,
        node_offsets,
        node_data,
        class_codes,
        class_ends,
        class_words,
        grade_codes,
        grade_ends,
        grade_words,
        kva,
        xy,
        district,
    )


class _NamesType(StructureType):
    """Of `Names`."""


class Names(structref.StructRefProxy):
    """Ids of districts, held by compiled code.

    first, rows : the id of a district stands at its row less `first`, or, where `rows` lists rows, ascending,
        at its place among them
    """

    first: int
    rows: I64
    offsets: U32
    data: U8


define(Names, _NamesType)


@compiled
def hold_names(first: int, rows: I64, offsets: U32, data: U8) -> Names:
    """Hand ids over for as long as they are used."""
    return Names(first, rows, offsets, data)  # type: ignore[no-untyped-call]


@compiled
def write_customers(
    out: U8,
    at: int,
    rows: I64,
    place: int,
    stop: int,
    plain: bool,
    county: U8,
    columns: Columns,
    names: Names,
    ends: I64,
) -> tuple[int, int]:
    """Write rows from a place on, a comma behind each; the place after the last one written, and the end.

    Parameters
    ----------
    out, at
        The buffer, and where to begin in it.
    rows
        Rows of the topology; the first to write is `rows[place]`, the last `rows[stop - 1]`.
    plain
        Whether no id among the columns needs an escape.
    county
        What stands between the id and the district, ending in `STRIDE` bytes of no meaning.
    ends
        Takes where the text of each row ends, at the row's place; or is empty.
    """
    return write_rows(
        out,
        at,
        place,
        stop,
        rows,
        plain,
        county,
        columns.first,
        columns.id_offsets,
        columns.id_data,
        columns.node_offsets,
        columns.node_data,
        columns.class_codes,
        columns.class_ends,
        columns.class_words,
        columns.grade_codes,
        columns.grade_ends,
        columns.grade_words,
        columns.kva,
        columns.xy,
        columns.district,
        names.first,
        names.rows,
        names.offsets,
        names.data,
        ends,
    )
