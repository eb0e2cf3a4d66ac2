"""Random small planning questions, each answered by the search and by listing every scheme there is.

Nothing is killed here. A round is twenty questions: on one feeder, on one with areas to keep out of and to
pass, and on four feeders of two substations for pairs, of each kind of independence, with routes that may
share corridors and with routes that may not.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice

from gis_service.planning.areas import NOWHERE
from gis_service.planning.disjoint import disjoint_pairs
from gis_service.planning.pairs import Pairs, best_pairs
from soak.campaign import expect
from soak.surroundings import Surroundings
from tests.planning.listed import INDEPENDENCES, apart_costs, cheapest, listed, pair_costs
from tests.planning.small import Question, random_areas, random_question

QUESTIONS = 20
BEST = 4


class _Listing:
    """The rounds."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()

    def run(self, _number: int, /, chance: random.Random) -> str:
        """Twenty questions."""
        before = self.seen.total()
        for _ in range(QUESTIONS):
            seed = chance.randrange(1 << 32)
            self._singles(random_question(seed), "schemes", seed)
            self._singles(random_question(seed, areas=random_areas(seed)), "schemes with areas", seed)
            self._pairs(seed, with_areas=bool(chance.getrandbits(1)))
        return f"{self.seen.total() - before} answers compared"

    def _singles(self, question: Question, what: str, seed: int) -> None:
        expected = [one.cost for one in cheapest(question)][:BEST]
        _same([one.cost for one in islice(question.search.best(), BEST)], expected, f"{what} of seed {seed}")
        self.seen[f"questions for {what}" + ("" if expected else ", without any")] += 1

    def _pairs(self, seed: int, *, with_areas: bool) -> None:
        areas = random_areas(seed) if with_areas else NOWHERE
        question = random_question(seed, stations=True, areas=areas)
        schemes = listed(question)
        for independence in INDEPENDENCES:
            by_hand = pair_costs(question, schemes, independence)[:3]
            self._of_two(best_pairs(question.search.best(), independence, 3), by_hand, independence, seed)
            by_hand = apart_costs(question, schemes, independence)[:3]
            found = disjoint_pairs(question.blocks, question.load, independence, 3)
            self._of_two(found, by_hand, f"{independence}, routes apart", seed)

    def _of_two(self, found: Pairs, expected: Sequence[float], what: str, seed: int) -> None:
        expect(found.whole, f"the search for pairs ({what}) of seed {seed} was broken off")
        _same([a.cost + b.cost for a, b in found.pairs], expected, f"pairs ({what}) of seed {seed}")
        self.seen[f"questions for pairs ({what})" + ("" if expected else ", without any")] += 1


def _same(found: Sequence[float], expected: Sequence[float], what: str) -> None:
    close = len(found) == len(expected) and all(
        abs(a - b) <= 1e-9 * abs(b) for a, b in zip(found, expected, strict=True)
    )
    expect(close, f"{what}: the search says {list(found)}, listing all says {list(expected)}")


@contextmanager
def listed_schemes(_: Surroundings) -> Iterator[_Listing]:
    """Nothing to prepare."""
    yield _Listing()
