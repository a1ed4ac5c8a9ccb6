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

# Each chunk is measured so often, and its least time counts: whatever else the machine does only ever adds.
_ROUNDS = 7
_CHUNK = 20  # articles

T = TypeVar("T")


def cost(articles: Sequence[tuple[RawArticle, Received]]) -> dict[str, float]:
    """Microseconds of CPU per article: "normalize" as a whole, then its larger parts; of usable ones with a body."""
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


def _least(work: Callable[[T], object], items: Sequence[T]) -> float:
    least = [float("inf")] * -(-len(items) // _CHUNK)
    for _ in range(_ROUNDS):
        for chunk in range(len(least)):
            began = time.process_time_ns()
            for item in items[chunk * _CHUNK : (chunk + 1) * _CHUNK]:
                work(item)
            least[chunk] = min(least[chunk], time.process_time_ns() - began)
    return sum(least) / len(items) / 1000
