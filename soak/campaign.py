"""What a campaign is: rounds that each end something at a random moment and look at what is left.

Knows counting, seeds and how a run is told; refuses to know what is killed.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import NoReturn, Protocol

from soak.surroundings import Surroundings


class Violation(Exception):
    """Something that was promised is not true."""


def violated(said: str) -> NoReturn:
    """Fail the round.

    Raises
    ------
    Violation
        Always.
    """
    raise Violation(said)


def expect(truth: object, said: str) -> None:
    """Fail the round unless something is true.

    Raises
    ------
    Violation
        Otherwise.
    """
    if not truth:
        violated(said)


class Rounds(Protocol):
    """A prepared campaign."""

    def run(self, number: int, chance: random.Random, /) -> str:
        """One round; what happened, in a few words; counts what it saw in `seen`.

        Raises
        ------
        Violation
            Naming what does not hold.
        """

    @property
    def seen(self) -> Counter[str]:
        """What the rounds met so far: where a kill fell, what was acknowledged."""


@dataclass(frozen=True)
class Campaign:
    """A campaign by name: `prepare` gives its rounds for as long as a block lasts; `citus`: it needs that."""

    name: str
    about: str
    prepare: Callable[[Surroundings], AbstractContextManager[Rounds]]
    rounds: int = 50
    citus: bool = False


@dataclass
class Result:
    """What a campaign came to; `violation` is empty where everything held."""

    name: str
    seed: int
    rounds: int = 0
    seconds: float = 0.0
    seen: Counter[str] = field(default_factory=Counter)
    violation: str = ""

    def __str__(self) -> str:
        met = ", ".join(f"{count} {what}" for what, count in sorted(self.seen.items()))
        verdict = f"VIOLATED: {self.violation}" if self.violation else "nothing lost, nothing half-done"
        return (
            f"{self.name}: {self.rounds} rounds in {self.seconds:.0f} s, seed {self.seed}: {verdict} ({met})"
        )


def run_campaign(campaign: Campaign, here: Surroundings, *, rounds: int, seed: int) -> Result:
    """Run a campaign until its last round or the first violation, a line on each round."""
    result = Result(campaign.name, seed)
    began = time.monotonic()
    try:
        with campaign.prepare(here) as prepared:
            result.seen = prepared.seen
            for number in range(1, rounds + 1):
                told = prepared.run(number, random.Random(f"{seed} {campaign.name} {number}"))
                result.rounds = number
                print(f"{campaign.name} {number}/{rounds}: {told}", flush=True)
    except (Violation, AssertionError) as error:
        result.violation = f"round {result.rounds + 1}: {' '.join(str(error).split())}"
    result.seconds = time.monotonic() - began
    print(result, flush=True)
    return result
