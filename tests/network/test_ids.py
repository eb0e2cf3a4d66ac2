"""Ids to rows: a dict of strings says what the hash tables must find."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gis_service.errors import AmbiguousId, UnknownId
from gis_service.network.columns import Coded, Text, Texts, joined_texts
from gis_service.network.ids import IdIndex, Ref

IDS = st.one_of(st.sampled_from(["", "a", "b", "sw-1"]), st.text(max_size=20))
LAYERS = st.fixed_dictionaries({name: st.lists(IDS, max_size=60) for name in ("switch", "line_section")})


def in_form(ids: list[str], form: str) -> Text:
    if form == "objects":
        array = np.empty(len(ids), np.object_)
        array[:] = ids
        return array
    if form == "texts":
        return Texts.of(ids)
    if form == "coded":
        return Coded.of(ids)
    third = len(ids) // 3
    return joined_texts([Texts.of(ids[:third]), Texts.of([]), Coded.of(ids[third:])])


FORMS = ("objects", "texts", "coded", "joined")


@given(LAYERS, st.sampled_from(FORMS), st.sampled_from(FORMS), st.lists(IDS, max_size=30), st.booleans())
def test_the_first_row_of_each_id_is_found_and_nothing_else(
    layers: dict[str, list[str]], form: str, asked_in: str, others: list[str], stored: bool
) -> None:
    columns = {layer: in_form(ids, form) for layer, ids in layers.items()}
    index = IdIndex(columns)
    if stored:
        index = IdIndex.from_arrays(columns, {name: array.copy() for name, array in index.arrays().items()})
    for layer, ids in layers.items():
        first: dict[str, int] = {}
        for row, id in enumerate(ids):
            if id:
                first.setdefault(id, row)
        asked = [*others, *ids]
        expected = [first.get(id) for id in asked]
        assert [index.row(layer, id) for id in asked] == expected
        rows = index.rows(layer, in_form(asked, asked_in))
        assert rows.dtype == np.int32
        assert rows.tolist() == [-1 if row is None else row for row in expected]


@given(LAYERS, st.lists(IDS | st.sampled_from(["switch:a", "line_section:b", "switch:"]), max_size=30))
def test_many_are_found_as_each_is_found(layers: dict[str, list[str]], asked: list[str]) -> None:
    # few are looked up one by one, many at once: both must tell the same
    index = IdIndex({layer: in_form(ids, "joined") for layer, ids in layers.items()})
    asked = [*asked, *layers["switch"]]
    found: list[Ref] = []
    unknown: list[str] = []
    for id in asked:
        try:
            found.append(index.find(id))
        except UnknownId:
            unknown.append(id)
        except AmbiguousId:
            with pytest.raises(AmbiguousId):
                index.find_many(asked)
            return
    if unknown:
        with pytest.raises(UnknownId) as raised:
            index.find_many(asked)
        assert raised.value.ids == tuple(unknown)
    else:
        assert index.find_many(asked) == found


def test_an_element_comes_before_a_grouping_and_the_layer_can_be_named() -> None:
    index = IdIndex({name: Texts.of(["x", name]) for name in ("switch", "power_transformer", "feeder")})
    with pytest.raises(AmbiguousId):
        index.find("x")
    assert index.find("power_transformer:x") == Ref("power_transformer", 0)
    assert index.find("feeder") == Ref("feeder", 1)
    assert index.find("x", layers=["switch", "feeder"]) == Ref("switch", 0)
    with pytest.raises(UnknownId):
        index.find("feeder:x", layers=["switch", "power_transformer"])


def test_half_of_a_surrogate_pair_is_an_unknown_id_and_no_failure() -> None:
    index = IdIndex({"switch": Texts.of(["x"])})
    with pytest.raises(UnknownId):
        index.find("\ud800")


def test_a_hundred_thousand_ids_and_as_many_strangers() -> None:
    # enough for tags to agree by chance, so that the bytes have to tell
    ids = [f"450122-{k:06d}" for k in range(100_000)]
    index = IdIndex({"node": joined_texts([Texts.of(ids[:40_000]), Texts.of(ids[40_000:])])})
    assert index.rows("node", Texts.of(ids)).tolist() == list(range(100_000))
    strangers = Texts.of([f"450123-{k:06d}" for k in range(100_000)])
    assert (index.rows("node", strangers) == -1).all()


@given(LAYERS, st.lists(IDS | st.sampled_from(["switch:a", "line_section:b"]), max_size=30))
def test_what_was_found_before_is_found_again(layers: dict[str, list[str]], asked: list[str]) -> None:
    """An index that was asked nothing is the oracle, however little is remembered."""

    def outcome(index: IdIndex, id: str) -> Ref | str:
        try:
            return index.find(id)
        except (UnknownId, AmbiguousId) as error:
            return repr(error)

    columns = {layer: in_form(ids, "texts") for layer, ids in layers.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gis_service.network.ids._KNOWN", 2)
        index = IdIndex(columns)
        for id in [*asked, *asked]:
            assert outcome(index, id) == outcome(IdIndex(columns), id)
