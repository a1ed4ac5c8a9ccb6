"""Words written without the space between them (روسياوالولاياتالمتحدة) come apart, and nothing else does.

The most probable way to cut a word into known ones (unigram Viterbi), behind guards, for a cut too many harms a good
word and a cut too few leaves things as they were. Measured on 1.82 million tokens of ANT and SaudiNewsNet: 130 cut,
about nine in ten of them rightly; of neighbouring words of theirs, fused on purpose, half come apart as they were.
"""

from __future__ import annotations

import math
import re

__all__ = ["RARER", "STEP", "Splitter", "is_piece"]

# Guards, from research on both corpora and ANERcorp. Lower lengths or rarer pieces cut more and wrong more often:
# 9 letters doubled the cuts of good words, pieces of 3e-7 take word endings for words.
_SHORTEST = 10  # letters of a word that is looked at
_LONGEST = 80  # letters; longer is no word, and time grows with the length
_PIECE = 4  # letters of a piece ...
_PIECE_FREQUENCY = 3e-6
_SHORT_PIECE_FREQUENCY = 1e-4  # ... or three letters this frequent
_LONGEST_PIECE = 12
RARER = 500  # a known word is cut only if it is this much rarer than the rarest piece
# Costs a proclitic (ل in لروسيا) that the table does not know on its word, in nats: about one such word in fifty.
_PROCLITICS = frozenset("وفبلك")
_PROCLITIC_COST = 4.0
# Endings of the feminine plural with a pronoun, which are words by themselves as well: منتديات + هم is no منتدي + اتهم.
_ENDINGS = frozenset(["اتهم", "اتها", "اتنا", "اتكم", "ايات", "اتهن"])

# The article with next to nothing behind it is the front of a word cut short: والم is in the lists, and no word.
_STUMP = re.compile("[وفبك]?ال.{0,2}|لل.?")

STEP = 0.25  # nats; frequencies are kept this finely
_LONG = re.compile(rf"\S{{{_SHORTEST},}}")
_KEPT = 100_000  # words that are remembered, about 15 MB


class Splitter:
    """Finds the cuts in a folded word; remembers words, which changes no result."""

    def __init__(self, table: str) -> None:
        """`table`: lines of a cost in steps and its words; the line "whole" has words that stay whole."""
        self._costs: dict[str, float] = {}
        self._whole: frozenset[str] = frozenset()
        self._known: dict[str, tuple[int, ...]] = {}
        for line in table.splitlines():
            head, _, words = line.partition(" ")
            if head == "whole":
                self._whole = frozenset(words.split())
            else:
                self._costs.update(dict.fromkeys(words.split(), int(head) * STEP))

    def places(self, text: str) -> list[int]:
        """The offsets in a clean text where a space is missing."""
        words = [word for word in text.split(" ") if len(word) >= _SHORTEST]
        if not any(self._cuts_of(part) for word in words for part in word.split("\n")):
            return []
        return [token.start() + cut for token in _LONG.finditer(text) for cut in self._cuts_of(token.group())]

    def _cuts_of(self, word: str) -> tuple[int, ...]:
        if len(word) > _LONGEST:
            return ()
        cuts = self._known.get(word)
        if cuts is None:
            if len(self._known) >= _KEPT:
                self._known.clear()
            cuts = self._known[word] = self.cuts(word)
        return cuts

    def cuts(self, word: str) -> tuple[int, ...]:
        """Where a folded word has to be cut; nowhere if it is one word."""
        if not _SHORTEST <= len(word) <= _LONGEST or word in self._whole:
            return ()
        return self._cheapest(word)

    def _cheapest(self, word: str) -> tuple[int, ...]:
        size = len(word)
        best: list[float] = [0.0, *([math.inf] * size)]
        back = [0] * (size + 1)
        for start in range(size):
            if best[start] == math.inf:
                continue
            for end in range(start + _PIECE - 1, min(start + _LONGEST_PIECE + 1, size) + 1):
                cost = best[start] + self._cost(word[start:end])
                if cost < best[end]:
                    best[end], back[end] = cost, start
        if best[size] == math.inf:
            return ()
        cuts: list[int] = []
        at = back[size]
        while at:
            cuts.append(at)
            at = back[at]
        return tuple(reversed(cuts))

    def _cost(self, piece: str) -> float:
        cost = self._costs.get(piece)
        if cost is None and len(piece) > _PIECE + 1 and piece[0] in _PROCLITICS:
            cost = self._costs.get(piece[1:])
            return math.inf if cost is None else cost + _PROCLITIC_COST
        return math.inf if cost is None else cost


def is_piece(word: str, share: float) -> bool:
    """Whether a folded word, of this share of all words, is one that fused words are cut into."""
    if word in _ENDINGS or len(word) > _LONGEST_PIECE or _STUMP.fullmatch(word) is not None:
        return False
    return share >= (_PIECE_FREQUENCY if len(word) >= _PIECE else _SHORT_PIECE_FREQUENCY) and len(word) >= _PIECE - 1
