"""What normalizing costs: CPU time per article, whole and by its parts, for `khabar bench` to print."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from agents.normalize import Normalizer
from agents.normalize.dating import date_article
from agents.normalize.identity import identify
from agents.normalize.language import language_of
from schemas import RawArticle, Received

__all__ = ["cost"]

_ROUNDS = 5  # the least of them counts: whatever else the machine does only ever adds


def cost(articles: Sequence[tuple[RawArticle, Received]]) -> dict[str, float]:
    """Microseconds of CPU per article: "normalize" as a whole and its larger parts; measured on usable articles."""
    normalizer = Normalizer.shipped()
    usable = [(article, seen) for article, seen in articles if article.status == "usable" and article.body]
    if not usable:
        raise ValueError("no usable article with a body among those given")
    texts = [article.body or "" for article, _ in usable]
    clean = [normalizer.arabic.clean(text)[0] for text in texts]
    return {
        "normalize": _least(lambda pair: normalizer.normalize(*pair), usable),
        "identity": _least(lambda pair: identify(pair[0]), usable),
        "date": _least(lambda pair: date_article(pair[0], pair[1].seen_us), usable),
        "language": _least(language_of, texts),
        "clean text of the body": _least(normalizer.arabic.clean, texts),
        "fused words of the body": _least(normalizer.splitter.places, clean),
        "asides of the body": _least(normalizer.asides.find, clean),
    }


T = TypeVar("T")


def _least(work: Callable[[T], object], items: Sequence[T]) -> float:
    best = float("inf")
    for _ in range(_ROUNDS):
        began = time.process_time_ns()
        for item in items:
            work(item)
        best = min(best, time.process_time_ns() - began)
    return best / len(items) / 1000
