"""How alike two articles are, as one integer: 4 cos(full) + 5.4 cos(lead) - 0.05 hours apart - ln(120 / words).

The weights are those of research/dedup, fitted there on labelled pairs. The last term counts where the shorter text has
fewer than 120 words: cosines of short texts are high by chance, and news that follow a form (executions, visits,
weather) are short. Without it strict F1 on the labelled pairs is .763; weighed .4, .8, 1 and 1.2 it is .768, .782, .791
and .791, and higher in both halves (python -m agents.deduplicate.evaluate). Integers throughout: a sum is the same
whatever the order of its terms, so equal scores are equal everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import accumulate

import numpy as np

from agents.deduplicate.fingerprint import ONE, PLACES, Array16, Array32, Print

__all__ = ["UNIT", "Probe", "cosines"]

# Scores are counted in units of 1 / UNIT.
UNIT = 10 * ONE * ONE
_FULL, _LEAD, _HOUR = 40, 54, UNIT // 20
_HOUR_US = 3_600_000_000
# Taken off by the words of the shorter text; below LEAST words no more, so that two short briefs can be related at all.
_LEAST, _ENOUGH = 50, 120
_SHORT = [round(UNIT * (Decimal(_ENOUGH) / max(words, _LEAST)).ln()) for words in range(_ENOUGH)]


class Probe:
    """Scores one article against many: its vectors laid out by term, so that each other costs one gather.

    A sum stays below 94 ONE², which 32 bits hold.
    """

    def __init__(self) -> None:
        self._weights = np.zeros(2 * PLACES, np.int32)
        self._words = 0

    def load(self, one: Print) -> None:
        """Lay out the vectors of `one`; take them off with `clear` before the next."""
        self._words = len(one.words)
        scaled = one.both.astype(np.int32)
        scaled[: len(one.terms)] *= _FULL
        scaled[len(one.terms) :] *= _LEAD
        np.add.at(self._weights, one.places_of_both, scaled)

    def clear(self, one: Print) -> None:
        """Take the vectors of `one` off again."""
        self._weights[one.places_of_both] = 0

    def scores(self, others: Sequence[tuple[Print, int]]) -> list[int]:
        """The score against each of these, which are so many microseconds before or after it."""
        places = np.concatenate([other.places_of_both for other, _ in others])
        weights = np.concatenate([other.both for other, _ in others])
        starts = [0, *accumulate(len(other.both) for other, _ in others)][:-1]
        likes = np.add.reduceat(self._weights.take(places) * weights, starts).tolist()
        return [like - self._off(other, apart_us) for like, (other, apart_us) in zip(likes, others, strict=True)]

    def score(self, other: Print, apart_us: int) -> int:
        """The score of the article laid out against `other`, `apart_us` microseconds before or after it."""
        return self.scores([(other, apart_us)])[0]

    def _off(self, other: Print, apart_us: int) -> int:
        """What is taken off for the hours between them, and for few words."""
        words = min(self._words, len(other.words))
        short = _SHORT[words] if words < _ENOUGH else 0
        return _HOUR * abs(apart_us) // _HOUR_US + short


def cosines(a: Print, b: Print) -> tuple[float, float]:
    """The cosine of the whole texts and that of title and lead, to four places."""
    full = _product(a.terms, a.weights, b.terms, b.weights)
    lead = _product(a.terms[a.lead], a.lead_weights, b.terms[b.lead], b.lead_weights)
    return round(full / (ONE * ONE), 4), round(lead / (ONE * ONE), 4)


def _product(terms: Array32, weights: Array16, others: Array32, of_others: Array16) -> int:
    if not len(terms):
        return 0
    at = terms.searchsorted(others)
    shared = terms.take(at, mode="clip") == others
    return int(weights[at[shared]].astype(np.int64) @ of_others[shared].astype(np.int64))
