"""What is kept of what was looked up: checked against the order in which keys were asked for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gis_service.network.recent import Recent

keys = st.lists(st.tuples(st.booleans(), st.integers(0, 12)), max_size=120)


@given(asked=keys, half=st.integers(1, 6))
def test_the_last_ones_asked_for_are_kept_and_never_more_than_twice_as_many(
    asked: list[tuple[bool, int]], half: int
) -> None:
    kept: Recent[int, str] = Recent(half)
    order: list[int] = []  # keys with a value, the last one used at the end
    for puts, key in asked:
        if puts:
            kept.put(key, str(key))
            found: str | None = str(key)
        else:
            found = kept.get(key)
            assert found in (None, str(key))
        if found is not None:
            order = [one for one in order if one != key] + [key]
        assert len(kept) <= 2 * half
    for key in order[-half:][::-1]:  # the last first, since to ask makes young
        assert kept.get(key) == str(key)


def test_what_is_asked_all_the_time_outlives_what_is_asked_once() -> None:
    kept: Recent[str, int] = Recent(4)
    kept.put("often", 1)
    for number in range(100):
        kept.put(f"once {number}", number)
        assert kept.get("often") == 1
    assert kept.get("once 0") is None
