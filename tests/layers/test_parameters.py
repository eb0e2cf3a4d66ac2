"""Query parameters of a features request: what is taken, what is refused by name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers.features.asked import read_after, write_after
from layers.features.parameters import MAX_LIMIT, read_box, read_limit, refuse_unknown
from layers.source import BadQuery, Box, Key

ANY_TEXT = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=12)


@given(ANY_TEXT, ANY_TEXT)
def test_a_page_key_survives_as_a_token(county: str, id: str) -> None:
    token = write_after(Key(county, id))
    assert token.isascii()
    assert "=" not in token
    assert read_after(token) == Key(county, id)


@pytest.mark.parametrize("token", ["", "x", "!!!!", "WzFd", "WyJhIl0", "e30", "WzEsMl0"])
def test_a_foreign_token_is_refused(token: str) -> None:
    with pytest.raises(BadQuery, match="next link"):
        read_after(token)


@pytest.mark.parametrize(
    ("text", "box"),
    [
        ("7,48,8,49", Box(7, 48, 8, 49)),
        ("-180,-90,180,90", Box(-180, -90, 180, 90)),
        ("7,48,100,8,49,900", Box(7, 48, 8, 49)),
        ("170,-10,-170,10", Box(170, -10, -170, 10)),
        ("7,48,7,48", Box(7, 48, 7, 48)),
    ],
)
def test_a_box_is_read(text: str, box: Box) -> None:
    assert read_box(text) == box


@pytest.mark.parametrize(
    "text", ["", "7", "7,48,8", "7,49,8,48", "a,b,c,d", "7,48,nan,49", "7,48,inf,49", "7,48,190,49"]
)
def test_what_is_no_box_is_refused(text: str) -> None:
    with pytest.raises(BadQuery, match="bbox"):
        read_box(text)


def test_a_box_over_the_180th_meridian_has_two_parts() -> None:
    box = Box(170, -10, -170, 10)
    assert box.parts() == [Box(170, -10, 180, 10), Box(-180, -10, -170, 10)]
    assert box.meets(Box(175, 0, 176, 1))
    assert box.meets(Box(-176, 0, -175, 1))
    assert not box.meets(Box(0, 0, 1, 1))


def test_limits_are_bounded_and_checked() -> None:
    assert read_limit(None) == 100
    assert read_limit("99999999999999999999999") == MAX_LIMIT
    for wrong in ("0", "-1", "1.5", "many", "", "٣", "9" * 5000 + "x"):
        with pytest.raises(BadQuery, match="limit"):
            read_limit(wrong)


def test_unknown_parameters_are_refused_by_name() -> None:
    with pytest.raises(BadQuery, match="bbx: no such parameter here; use bbox, limit"):
        refuse_unknown(["bbx"], ["bbox", "limit"])
