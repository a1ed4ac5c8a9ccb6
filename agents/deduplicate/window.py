"""The articles of the last three days of the line, and how those that a new one may be related to are found.

An article is found by terms (at least TERMS of its KEYS heaviest) or by sampled shingles (at least SHINGLES), or
because its text is the same. Of each key only the POSTINGS latest articles are kept and of all that are found only the
CANDIDATES nearest, so that a flood of like articles costs no more than that.
"""

from __future__ import annotations

from array import array
from collections import Counter, deque
from dataclasses import dataclass
from typing import Any

import numpy as np

from agents.deduplicate.conflicts import Names
from agents.deduplicate.fingerprint import Print
from schemas import StoryRef

__all__ = ["WINDOW_US", "Live", "Window"]

# 72 h (research/dedup); longer finds a few more late follow-ups and costs memory and false relations.
WINDOW_US = 72 * 3_600_000_000
# Articles held at most, the earliest in line let go first: bounds memory should an archive put years into three days.
# An article in the window takes some 13 KB.
LIVE = 400_000
# research/dedup: gold recall .97 at 4.7 candidates an article.
TERMS = 4
SHINGLES = 2
POSTINGS = 128
CANDIDATES = 48

Postings = dict[int, Any]  # key -> one line number, or an array of them, rising


@dataclass(slots=True)
class Live:
    """One version of an article, within the window. `line` is its place in line, `clock_us` the line's clock then."""

    line: int
    clock_us: int
    id: str
    version: str
    date_us: int
    print: Print
    names: Names
    story: StoryRef
    current: bool = True


class Window:
    """A value that learns: what it holds follows from what was added, in order, and from the clock."""

    def __init__(self) -> None:
        self.clock_us = -(1 << 62)
        self._live: dict[int, Live] = {}
        self._in_line: deque[Live] = deque()  # a dict whose first keys were deleted is slow to find its first one
        self._terms: Postings = {}
        self._shingles: Postings = {}
        self._exact: dict[str, list[int]] = {}
        self._newest: dict[str, Live] = {}
        self._stories: dict[str, deque[Live]] = {}

    def __len__(self) -> int:
        return len(self._live)

    def find(self, article_id: str, print_: Print, date_us: int, clock_us: int) -> list[Live]:
        """Articles that may be related to a new one, the earliest in line first; other versions of its id left out."""
        found = self._shared(self._shingles, print_.shingles.tolist(), SHINGLES)
        if print_.scored:
            found.update(self._shared(self._terms, print_.keys.tolist(), TERMS))
        if len(found) > CANDIDATES:
            found = dict(sorted(found.items(), key=lambda each: (-each[1], each[0]))[:CANDIDATES])
        for line in self._exact.get(print_.exact, ())[:CANDIDATES]:
            found[line] = 0
        since = clock_us - WINDOW_US
        candidates = []
        for line in sorted(found):
            live = self._live[line]
            if (
                live.current
                and live.clock_us >= since
                and live.id != article_id
                and abs(live.date_us - date_us) <= WINDOW_US
            ):
                candidates.append(live)
        return candidates

    @staticmethod
    def _shared(postings: Postings, keys: list[int], least: int) -> dict[int, int]:
        """How often a line stands under these keys, where that is at least so often."""
        hits = array("q")
        for lines in map(postings.get, keys):
            if type(lines) is int:
                hits.append(lines)
            elif lines is not None:
                hits += lines
        if len(hits) < least:
            return {}
        ordered = np.sort(np.frombuffer(hits, np.int64))
        often = ordered[least - 1 :][ordered[least - 1 :] == ordered[: 1 - least]].tolist()
        return {line: count + least - 1 for line, count in Counter(often).items()} if often else {}

    def add(self, live: Live) -> None:
        """Take in the article of the newest line; an earlier version of its id counts no more."""
        self.retire(live.id)
        self._newest[live.id] = live
        self._stories.setdefault(live.story.id, deque()).append(live)
        self._live[live.line] = live
        self._in_line.append(live)
        self._exact.setdefault(live.print.exact, []).append(live.line)
        for postings, keys in self._keys(live):
            for key in keys:
                lines = postings.setdefault(key, live.line)
                if type(lines) is not int:
                    lines.append(live.line)
                    if len(lines) > POSTINGS:
                        del lines[0]
                elif lines != live.line:
                    postings[key] = array("q", (lines, live.line))

    def _keys(self, live: Live) -> tuple[tuple[Postings, list[int]], tuple[Postings, list[int]]]:
        return (self._shingles, live.print.shingles.tolist()), (self._terms, live.print.keys.tolist())

    def retire(self, article_id: str) -> None:
        """The newest version of that id was replaced, canceled or withheld."""
        live = self._newest.pop(article_id, None)
        if live is not None:
            live.current = False

    def anchor(self, story_id: str, clock_us: int) -> Live | None:
        """The earliest article of a story in the window: what a new member has to resemble too."""
        for live in self._stories.get(story_id, ()):
            if live.current and live.clock_us >= clock_us - WINDOW_US:
                return live
        return None

    def forward(self, clock_us: int) -> None:
        """Move the clock on and let go what it has left behind."""
        self.clock_us = max(self.clock_us, clock_us)
        since = self.clock_us - WINDOW_US
        while self._in_line and (self._in_line[0].clock_us < since or len(self._in_line) > LIVE):
            self._drop(self._in_line.popleft())

    def _drop(self, live: Live) -> None:
        del self._live[live.line]
        if live.current:
            del self._newest[live.id]
        members = self._stories[live.story.id]
        members.popleft()
        if not members:
            del self._stories[live.story.id]
        for postings, keys in self._keys(live):
            for key in keys:
                lines = postings.pop(key, None)
                if lines is None or lines == live.line:
                    continue
                if type(lines) is not int and lines[0] == live.line:
                    del lines[0]
                if type(lines) is int or lines:
                    postings[key] = lines
        same = self._exact[live.print.exact]
        del same[0]
        if not same:
            del self._exact[live.print.exact]
