"""Lines found out of an index are those that one pass over all of them finds."""

from __future__ import annotations

import numpy as np

from gis_service.kernels.boxes import index_lines, indexed_lines_in_box, lines_in_box


def test_an_index_finds_what_a_pass_over_all_lines_finds() -> None:
    rng = np.random.default_rng(1)
    some = 0
    for _ in range(40):
        n = int(rng.integers(0, 300))
        counts = rng.integers(1, 6, n)
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        begin = rng.uniform(-50, 50, (n, 2)) * rng.choice([1e-9, 1.0])
        coords = np.repeat(begin, counts, axis=0) + rng.normal(0, rng.choice([0.1, 30]), (offsets[-1], 2))
        index = index_lines(offsets, coords)
        for _ in range(20):
            low = rng.uniform(-80, 80, 2)
            high = low + rng.exponential(20, 2)
            box = (*low.tolist(), *high.tolist())
            expected = lines_in_box(offsets, coords, *box)
            assert indexed_lines_in_box(index, *box).tolist() == expected.tolist()
            some += expected.size
        border = (*coords[0].tolist(), *coords[0].tolist()) if n else (0.0, 0.0, 0.0, 0.0)
        assert (
            indexed_lines_in_box(index, *border).tolist() == lines_in_box(offsets, coords, *border).tolist()
        )
    assert some > 1000
