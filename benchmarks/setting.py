"""What a run of the benchmarks is told: how large a province, how many rounds, where its data lies."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Setting:
    """Sizes and places of one run.

    Parameters
    ----------
    data
        Directory for the provinces and for the peers' database cluster; made once, used again.
    customers
        Of the province that most contests are held on.
    largest
        Customers of the largest province of the contests over sizes.
    quick
        Few questions and rounds, to try it out.
    """

    data: Path
    customers: int
    largest: int
    quick: bool

    @property
    def rounds(self) -> int:
        """Runs of each side."""
        return 3 if self.quick else 9

    def some(self, number: int) -> int:
        """So many questions, or a tenth of them in a quick run."""
        return max(2, number // 10) if self.quick else number

    def say(self, line: str) -> None:
        """Tell a person what is going on."""
        print(line, file=sys.stderr, flush=True)
