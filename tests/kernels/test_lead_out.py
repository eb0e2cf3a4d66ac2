"""Which intervals a chord leads out of: by definition, chord by chord."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gis_service.kernels.chords import Loops, lead_out

POSITIONS = 20


@given(
    st.lists(st.tuples(st.integers(0, POSITIONS - 1), st.integers(0, POSITIONS - 1)), max_size=6),
    st.lists(st.tuples(st.integers(0, POSITIONS - 1), st.integers(1, POSITIONS)), max_size=8),
)
def test_a_chord_leads_out_where_one_of_its_ends_is_inside(
    chords: list[tuple[int, int]], intervals: list[tuple[int, int]]
) -> None:
    ends = sorted(
        [(a, b, k) for k, (a, b) in enumerate(chords)] + [(b, a, k) for k, (a, b) in enumerate(chords)]
    )
    at, other, of = (np.array([one[i] for one in ends], np.int32) for i in range(3))
    spans = [(start, min(start + size, POSITIONS)) for start, size in intervals]
    start, stop = (np.array([span[i] for span in spans], np.int32) for i in range(2))
    expected = [any((low <= a < high) != (low <= b < high) for a, b in chords) for low, high in spans]
    assert lead_out(Loops(at, other, of, of), start, stop).tolist() == expected
