"""The way back from clean text to the text as sent: what `CleanText.map` says, and how a span is led back.

`CleanText.map` is a flat list of runs of three numbers, in order:

    same, clean, sent

`same` code points stand one for one; after them `clean` code points of the clean text stand for `sent` code points of
the text as sent, as a whole. An inserted space is (…, 1, 0), a removed character (…, 0, 1), a letter with a vowel sign
(…, 1, 2), ﷺ (…, 18, 1). After the last run everything stands one for one. Clean text is mostly the text as sent, so
an article of 1,500 code points has some fifty runs.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

from schemas import CleanText

__all__ = ["WayBack", "insert", "original_span"]


class WayBack:
    """Leads spans of one clean text back; build it once where many spans of a text are asked for."""

    def __init__(self, runs: list[int]) -> None:
        self._same = runs[0::3]
        self._clean = runs[1::3]
        self._sent = runs[2::3]
        self._clean_ends = list(accumulate(a + b for a, b in zip(self._same, self._clean, strict=True)))
        self._sent_ends = list(accumulate(a + b for a, b in zip(self._same, self._sent, strict=True)))

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The code points [start, end) of the clean text, in the text as sent.

        As tight as it gets: what was removed just before or after is left out; marks on the last letter are in.
        """
        first = self._start(start)
        return (first, self._end(end)) if end > start else (first, first)

    def _start(self, at: int) -> int:
        run = bisect_right(self._clean_ends, at)
        clean, sent = (self._clean_ends[run - 1], self._sent_ends[run - 1]) if run else (0, 0)
        if run == len(self._same):
            return sent + at - clean
        return sent + min(at - clean, self._same[run])

    def _end(self, at: int) -> int:
        run = bisect_right(self._clean_ends, at - 1)
        clean, sent = (self._clean_ends[run - 1], self._sent_ends[run - 1]) if run else (0, 0)
        if run == len(self._same) or at - clean <= self._same[run]:
            return sent + at - clean
        return self._sent_ends[run]


def original_span(clean: CleanText, start: int, end: int) -> tuple[int, int]:
    """The code points [start, end) of `clean.text` as code points of the text as sent."""
    return WayBack(clean.map).span(start, end)


def insert(runs: Sequence[int], places: Sequence[int]) -> list[int]:
    """The runs after one more code point was put into the clean text before each of `places` (rising offsets in it)."""
    out: list[int] = []
    waiting = iter(places)
    place = next(waiting, None)
    at = 0
    pending = 0  # code points that stand one for one since the last run put out
    for i in range(0, len(runs), 3):
        same, clean, sent = runs[i : i + 3]
        while place is not None and place <= at + same:
            pending += place - at
            out += (pending, 1, 0)
            pending = 0
            same -= place - at
            at = place
            place = next(waiting, None)
        at += same + clean
        if place is not None and place < at:  # inside what stands as a whole: it gets longer
            while place is not None and place < at:
                clean += 1
                place = next(waiting, None)
        out += (pending + same, clean, sent)
        pending = 0
    while place is not None:
        out += (place - at, 1, 0)
        at = place
        place = next(waiting, None)
    return out
