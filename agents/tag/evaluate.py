"""Measures the shipped tagger on sentences it has never seen: `KHABAR_DATA=… python -m agents.tag.evaluate`.

The sentences go the way of every article: joined to a body, normalized, tagged. Each entity is led back by its
offsets to the tokens that it covers, and counts only if label, first and last token are the corpus's (CoNLL's measure).
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from agents.normalize import Normalizer
from agents.tag import Tagger, corpora
from agents.tag.corpora import HELD_OUT, Sentence
from schemas import NormalizedArticle, RawArticle, Received

__all__ = ["Score", "article_of", "gold", "measure", "predicted"]

_TOGETHER = 8  # sentences to an article
Span = tuple[str, int, int]  # label, first token, token past the last


class Score(NamedTuple):
    """What was found of one label; precision, recall and F1 in per cent."""

    right: int
    found: int
    there: int

    @property
    def precision(self) -> float:
        return 100 * self.right / self.found if self.found else 0.0

    @property
    def recall(self) -> float:
        return 100 * self.right / self.there if self.there else 0.0

    @property
    def f1(self) -> float:
        return 200 * self.right / (self.found + self.there) if self.found + self.there else 0.0


def article_of(normalizer: Normalizer, sentences: Sequence[Sentence]) -> NormalizedArticle:
    """An article whose body has a sentence a line, its tokens one space apart."""
    body = "\n".join(" ".join(token for token, _ in sentence) for sentence in sentences)
    raw = RawArticle(source="corpus.example", language="ar", body=body, published_at="2000-01-01")
    return normalizer.normalize(raw, Received(value=body.encode(), seen_us=0))


def gold(sentences: Sequence[Sentence]) -> list[Span]:
    """The mentions that the corpus has, tokens counted through the article."""
    found: list[Span] = []
    at = 0
    for sentence in sentences:
        before = "O"
        for _, tag in sentence:
            if tag[0] == "B" or (tag[0] == "I" and tag[2:] != before[2:]):
                found.append((tag[2:], at, at + 1))
            elif tag[0] == "I":
                found[-1] = (tag[2:], found[-1][1], at + 1)
            before = tag
            at += 1
    return found


def predicted(tagger: Tagger, article: NormalizedArticle) -> list[Span]:
    """The mentions that the tagger finds, in tokens of the body."""
    token_at: list[int] = []
    count = 0
    for char in article.body or "":
        token_at.append(count)
        count += char in " \n"
    return [(e.label, token_at[e.start], token_at[e.end - 1] + 1) for e in tagger.tag(article).entities]


def measure(tagger: Tagger, sentences: Sequence[Sentence]) -> dict[str, Score]:
    """The score of each label, and of all under `all`."""
    normalizer = Normalizer.shipped()
    right: Counter[str] = Counter()
    found: Counter[str] = Counter()
    there: Counter[str] = Counter()
    for at in range(0, len(sentences), _TOGETHER):
        part = sentences[at : at + _TOGETHER]
        wanted, got = set(gold(part)), set(predicted(tagger, article_of(normalizer, part)))
        for counter, spans in ((right, wanted & got), (found, got), (there, wanted)):
            counter.update(label for label, _, _ in spans)
            counter["all"] += len(spans)
    return {label: Score(right[label], found[label], there[label]) for label in sorted(there)}


def main() -> None:
    """The command."""
    argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0]).parse_args()
    sentences = corpora.anercorp(corpora.folder())[-HELD_OUT:]
    tagger = Tagger.shipped()
    began = time.process_time()
    scores = measure(tagger, sentences)
    took = time.process_time() - began
    words = sum(map(len, sentences))
    out = sys.stdout.write
    out(f"{tagger.version} on the last {HELD_OUT} sentences of ANERcorp-train ({words:,} words, held out)\n")
    for label, score in scores.items():
        out(
            f"{label:5} precision {score.precision:5.1f}  recall {score.recall:5.1f}  F1 {score.f1:5.1f}"
            f"  ({score.there} mentions)\n"
        )
    out(f"{words / took:,.0f} words a second of CPU, normalizer and fingerprint included\n")


if __name__ == "__main__":
    main()
