"""How far counts of news scatter about what their past lets one expect, so what SHAPE is; and how often a name rises.

    khabar process archive.jsonl.gz -o enriched.jsonl && python -m agents.trends.evaluate enriched.jsonl

It takes what a day said of each thing that the week before had named often, at the end of every day of the line.
"""

import sys
from collections.abc import Iterator
from math import lgamma, log
from pathlib import Path
from typing import NamedTuple

from agents.trends import Trends
from agents.trends.unusual import LEAST_PAST, SHAPE, unusual
from schemas import EnrichedArticle, decode

__all__ = ["Day", "days", "likelihood"]

_OFTEN = 20  # texts of the week before: of rarer names the past says little, and hides how days differ
_RISES = 3.0  # a score at which a name is shown as rising
_SHAPES = (0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 12.0, 20.0, 50.0, 1000.0)


class Day(NamedTuple):
    """A thing in the last 24 hours of a day: in how many texts of how many, and in how many before."""

    texts: int
    of: int
    past: int
    past_of: int


def days(path: Path) -> Iterator[list[Day]]:
    """For each day of a file of enriched articles, in line, every thing that is in the window or its past."""
    trends, day = Trends(), ""
    with path.open("rb") as lines:
        for line in lines:
            event = decode(EnrichedArticle, line)
            if day and event.seen_at[:10] != day:
                yield [Day(*each) for each in trends.standing("24h")]
            day = event.seen_at[:10]
            trends.learn(event)


def likelihood(days: list[Day], shape: float) -> float:
    """The log-likelihood of the counts, were each negative binomial of that shape about what was expected."""
    total = 0.0
    for texts, of, past, past_of in days:
        mean = of * past / past_of
        total += lgamma(texts + shape) - lgamma(shape) - lgamma(texts + 1)
        total += shape * log(shape / (shape + mean)) + texts * log(mean / (shape + mean))
    return total


def main() -> None:
    """Print the likelihood of each shape, and what rises with the one that is set."""
    found = [day for day in days(Path(sys.argv[1])) if day and day[0].past_of >= LEAST_PAST * day[0].of]
    often = [each for day in found for each in day if each.past >= _OFTEN]
    sys.stdout.write(f"{len(found)} days, {len(often):,} days of things named {_OFTEN} times in the week before\n")
    for shape in _SHAPES:
        sys.stdout.write(f"shape {shape:7.1f}: log-likelihood {likelihood(often, shape) / len(often):.4f} a day\n")
    rising = [sum(unusual(*each)[1] >= _RISES for each in day) for day in found]
    sys.stdout.write(f"with {SHAPE}: {sum(rising) / len(rising):.1f} names a day rise to {_RISES} or more\n")


if __name__ == "__main__":
    main()
