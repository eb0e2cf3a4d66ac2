"""How long work shows where it is: a bar on a terminal, plain lines elsewhere.

Knows no work. The bar goes to stderr and vanishes; plain lines go to stdout, seldom enough for a log.
"""

from __future__ import annotations

import sys
import time
from types import TracebackType

from tqdm import tqdm

SECONDS_BETWEEN_LINES = 5.0


class Progress:
    """Progress through `total` units of one piece of work; a context manager.

    Parameters
    ----------
    what
        What is done, as a person would say it ("loading").
    total
        Number of units; None where it is not known.
    quiet
        Show nothing at all: stdout is for another program.
    """

    def __init__(self, what: str, total: int | None, *, unit: str = "rows", quiet: bool = False) -> None:
        self._what = what
        self._total = total
        self._unit = unit
        self._done = 0
        self._told_at = time.monotonic()
        self._plain = not quiet and not sys.stderr.isatty()
        self._bar = tqdm(
            desc=what,
            total=total,
            unit=f" {unit}",
            leave=False,
            disable=quiet or self._plain,
            file=sys.stderr,
        )

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()

    def step(self, units: int, where: str = "") -> None:
        """Another `units` are done, the last of them at `where`."""
        self._done += units
        self._bar.set_postfix_str(where, refresh=False)
        self._bar.update(units)
        if self._plain and time.monotonic() - self._told_at >= SECONDS_BETWEEN_LINES:
            of = "" if self._total is None else f" of {self._total:,}"
            self.say(f"{self._what}: {self._done:,}{of} {self._unit}{f' ({where})' if where else ''}")

    def say(self, line: str) -> None:
        """A line that stays: above the bar, or among the plain lines."""
        self._told_at = time.monotonic()
        if self._plain:
            print(line, flush=True)
        elif not self._bar.disable:
            self._bar.write(line, file=sys.stdout)
