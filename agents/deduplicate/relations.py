"""How a new article stands to those before it: the best earlier relative, what kind of relation it is, and why."""

from __future__ import annotations

from agents.deduplicate.conflicts import Names, conflicts, lookalike
from agents.deduplicate.evidence import Overlap, overlap, passages
from agents.deduplicate.fingerprint import Print
from agents.deduplicate.score import UNIT, Probe, cosines
from agents.deduplicate.window import Live, Window
from schemas import Evidence, Relation, RelationKind, StoryRef

__all__ = ["Relations"]

# Scores from which two articles tell one story, from which one that shares half its shingles is a copy, and from which
# an article resembles the first of the story it joins (against chains; research/dedup: largest story 49, not 105).
STORY = round(3.4 * UNIT)
COPY = round(2.3 * UNIT)
ANCHOR = round(1.4 * UNIT)
# Shares of shingles: a near-copy shares half of the shorter text; it is a part where that is little of both together.
NEAR = 0.5
PART = 0.25
# Different stems below which a text is a label («عاجل», «صورة اليوم», a column's name): who prints the same one tells
# no same news, and each would draw the next into one story. Lower chains labels; higher parts copies of headlines.
LABEL = 5
# Candidates looked at closely, the best first.
CLOSE = 8


class Relations:
    """Finds the best earlier relative of an article in a window."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._probe = Probe()

    def best(
        self, article_id: str, print_: Print, names: Names, date_us: int, clock_us: int
    ) -> tuple[Relation, StoryRef | None]:
        """The relation, and the story of the relative; `new` where there is none, or where the text is a mere label."""
        if len(print_.terms) < LABEL:
            return Relation(kind="new"), None
        found_by_keys = self._window.find(article_id, print_, date_us, clock_us)
        candidates = [live for live in found_by_keys if len(live.print.terms) >= LABEL]
        if not candidates:
            return Relation(kind="new"), None
        self._probe.load(print_)
        try:
            # The same text is the same text whenever it comes: no hours off, and the earliest copy is the best.
            others = [
                (live.print, 0 if live.print.exact == print_.exact else live.date_us - date_us) for live in candidates
            ]
            scores = self._probe.scores(others)
            scored = [(-score, live.line, live) for score, live in zip(scores, candidates, strict=True)]
            scored.sort(key=lambda each: each[:2])
            for negative, _, live in scored[:CLOSE]:
                found = self._kind(print_, names, live, -negative)
                if found is not None and self._fits(print_, date_us, clock_us, live, found[0]):
                    return self._relation(print_, names, date_us, live, -negative, *found), live.story
        finally:
            self._probe.clear(print_)
        return Relation(kind="new"), None

    def _kind(self, print_: Print, names: Names, live: Live, score: int) -> tuple[RelationKind, Overlap] | None:
        if live.print.exact == print_.exact:
            return "copy", Overlap(1.0, 1.0)
        if score < COPY:
            return None
        shared = overlap(print_, live.print)
        if lookalike(print_, names, live.print, live.names, shared.containment):
            return None
        if shared.containment >= NEAR:
            return ("contained" if shared.jaccard < PART else "near-copy"), shared
        if score >= STORY and print_.scored and live.print.scored:
            return "same-story", shared
        return None

    def _fits(self, print_: Print, date_us: int, clock_us: int, live: Live, kind: RelationKind) -> bool:
        """Whether the article resembles the earliest of the story too."""
        anchor = self._window.anchor(live.story.id, clock_us)
        if kind == "copy" or anchor is None or anchor is live:
            return True
        return self._probe.score(anchor.print, anchor.date_us - date_us) >= ANCHOR

    @staticmethod
    def _relation(
        print_: Print,
        names: Names,
        date_us: int,
        live: Live,
        score: int,
        kind: RelationKind,
        shared: Overlap,
    ) -> Relation:
        cosine, lead_cosine = cosines(print_, live.print)
        evidence = Evidence(
            cosine=cosine,
            lead_cosine=lead_cosine,
            containment=round(shared.containment, 4),
            jaccard=round(shared.jaccard, 4),
            hours=round(abs(live.date_us - date_us) / 3_600_000_000, 2),
            shared=passages(print_, live.print),
            conflicts=conflicts(print_, names, live.print, live.names),
        )
        return Relation(kind=kind, to=live.id, to_version=live.version, score=round(score / UNIT, 4), evidence=evidence)
