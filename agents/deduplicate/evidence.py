"""Why two articles are related: what they share word for word, and where it stands in both texts."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from agents.deduplicate.fingerprint import Part, Print, shingles
from agents.normalize.cleantext import WayBack
from schemas import Field, Passage

__all__ = ["Overlap", "overlap", "passages"]

# Fewer words in a row are shared by chance and by idiom.
RUN = 5
PASSAGES = 20

_M = np.uint64(0x9E3779B97F4A7C15)


class Overlap(NamedTuple):
    """Shared three-word shingles: as a share of the shorter text's, and of both texts' together."""

    containment: float
    jaccard: float


def overlap(a: Print, b: Print) -> Overlap:
    """How much of their shingles two texts share; nothing if one has fewer than three words."""
    one, other = _distinct(shingles(a.words)), _distinct(shingles(b.words))
    if not len(one) or not len(other):
        return Overlap(0.0, 0.0)
    shared = len(one) + len(other) - len(_distinct(np.concatenate((one, other))))
    return Overlap(shared / min(len(one), len(other)), shared / (len(one) + len(other) - shared))


def _distinct(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    ordered = np.sort(values)
    return ordered[np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))] if len(ordered) else ordered


def passages(here: Print, there: Print) -> list[Passage]:
    """The longest stretches of at least RUN words that both share, at most PASSAGES, none inside another, in order.

    Offsets are code points of the texts as sent. No stretch goes on from one field into the next.
    """
    runs = _runs(here, there)
    if not runs:
        return []
    ours, theirs = _Ways(here), _Ways(there)
    found: list[Passage] = []
    for i, j, length in runs:
        field, start, end = ours.span(i, i + length)
        to_field, to_start, to_end = theirs.span(j, j + length)
        if found and found[-1].field == field and start < found[-1].end:
            continue  # both stand partly in one character that is several words: ﷺ
        found.append(Passage(field=field, start=start, end=end, to_field=to_field, to_start=to_start, to_end=to_end))
    return found


class _Ways:
    def __init__(self, one: Print) -> None:
        self._parts, self._starts, self._ends = one.places()
        self._ways: dict[int, WayBack] = {}

    def span(self, first: int, last: int) -> tuple[Field, int, int]:
        """Field, start and end in the text as sent of the words [first, last), which stand in one part."""
        begin = 0
        for number, part in enumerate(self._parts):
            if first < begin + part.words:
                way = self._ways.get(number)
                if way is None:
                    way = self._ways[number] = WayBack(part.map)
                return part.field, *way.span(int(self._starts[first]), int(self._ends[last - 1]))
            begin += part.words
        raise IndexError(first)


def _grams(words: npt.NDArray[np.uint32], parts: list[Part]) -> npt.NDArray[np.uint64]:
    """A hash of each RUN words in a row; 0 where they stand in two fields."""
    count = max(0, len(words) - RUN + 1)
    mixed = np.zeros(count, np.uint64)
    for k in range(RUN):
        mixed = mixed * _M + words[k : k + count].astype(np.uint64)
    border = 0
    for part in parts[:-1]:
        border += part.words
        mixed[max(0, border - RUN + 1) : border] = 0
    return mixed


def _runs(here: Print, there: Print) -> list[tuple[int, int, int]]:
    a = _grams(here.words, here.places()[0])
    b = _grams(there.words, there.places()[0])
    if not len(a) or not len(b):
        return []
    order = np.argsort(b, kind="stable")
    ordered = b[order]
    at = np.minimum(np.searchsorted(ordered, a), len(b) - 1)
    hits = np.flatnonzero((ordered[at] == a) & (a != 0))
    if not len(hits):
        return []
    to = order[at[hits]]
    breaks = np.flatnonzero((np.diff(hits) != 1) | (np.diff(to) != 1)) + 1
    edges = [0, *breaks.tolist(), len(hits)]
    found = [(int(hits[i]), int(to[i]), j - i + RUN - 1) for i, j in pairwise(edges)]
    found.sort(key=lambda run: (-run[2], run[0]))
    kept: list[tuple[int, int, int]] = []
    for start, to_start, length in found:
        if len(kept) == PASSAGES:
            break
        if all(start + length <= i or start >= i + n for i, _, n in kept):
            kept.append((start, to_start, length))
    return sorted(kept)
