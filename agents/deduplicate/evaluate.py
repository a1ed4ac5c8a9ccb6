"""How well related articles are found, on labelled pairs: `KHABAR_DATA=… python -m agents.deduplicate.evaluate`.

Each pair goes the whole way (normalize, tag, deduplicate), the earlier article first; it counts as found if the later
one is related to it. Label 2 is the same story, 1 related, 0 different. A pair of a stratum stands for stratum_size
pairs of that kind in the corpora, shared among the pairs of its stratum. Strict: related pairs count as wrong when
found; lenient: they do not count. Two halves are shown, so that a change that fits only one of them is seen.
"""

from __future__ import annotations

import gzip
import os
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from xxhash import xxh3_64_intdigest

from agents.deduplicate import Deduplicator
from agents.normalize import Normalizer
from agents.tag import Tagger
from schemas import EnrichedArticle, RawArticle, Received, TaggedArticle, parse_date

__all__ = ["Figures", "Pair", "corpus", "figures", "read_pairs", "table"]

_SEEN_US = 1_600_000_000_000_000


class Pair(NamedTuple):
    """A labelled pair: whether it was found, its weight (0 outside the strata), and the half it is in."""

    label: int
    found: bool
    weight: float
    half: int


class Figures(NamedTuple):
    """Precision, recall and their harmonic mean."""

    precision: float
    recall: float
    f1: float


def read_pairs(data: Path) -> list[Pair]:
    """The labelled pairs of the data set, decided on."""
    lines = [orjson.loads(line) for line in (data / "dedup" / "gold-pairs-dev.jsonl").read_bytes().splitlines()]
    articles = _articles(data, lines)
    sizes = Counter(line["stratum"] for line in lines)
    pairs = []
    for line in lines:
        sides = [articles[line[side]["file"], line[side]["line"]] for side in ("a", "b")]
        half = xxh3_64_intdigest(f"{line['a']['url']} {line['b']['url']}".encode()) % 2
        weight = line["stratum_size"] / sizes[line["stratum"]] if line["stratum"] else 0.0
        pairs.append(Pair(line["label"], _related(sides), weight, half))
    return pairs


def _related(sides: list[TaggedArticle]) -> bool:
    deduplicator = Deduplicator.shipped()
    first, second = sorted(sides, key=lambda side: side.published_at or side.seen_at)
    deduplicator.decide(first, 0)
    event = deduplicator.decide(second, 1)[0]
    return isinstance(event, EnrichedArticle) and event.relation is not None and event.relation.kind != "new"


def _articles(data: Path, lines: Iterable[dict[str, Any]]) -> dict[tuple[str, int], TaggedArticle]:
    wanted: dict[str, set[int]] = defaultdict(set)
    for line in lines:
        for side in ("a", "b"):
            wanted[line[side]["file"]].add(line[side]["line"])
    normalizer, tagger = Normalizer.shipped(), Tagger.shipped()
    found = {}
    for name, numbers in wanted.items():
        with gzip.open(data / "news" / name) as corpus:
            for number, value in enumerate(corpus):
                if number in numbers:
                    received = Received(value=value, seen_us=_SEEN_US)
                    found[name, number] = tagger.tag(normalizer.normalize(_raw(orjson.loads(value)), received))
    return found


def corpus(data: Path, name: str, step: int = 1) -> Iterator[RawArticle]:
    """Each step-th article of a corpus in news/."""
    with gzip.open(data / "news" / name) as lines:
        yield from (_raw(orjson.loads(line)) for line in islice(lines, 0, None, step))


def _raw(record: dict[str, Any]) -> RawArticle:
    """A record of either corpus (data/README.md)."""
    if "date_extracted" in record:
        date = parse_date(record["date_extracted"].replace(" ", "T") + "+03:00", "date_extracted")
        return RawArticle(
            source=record["source"], url=record["url"], title=record["title"], body=record["content"],
            published_at=date.us / 1e6,
        )  # fmt: skip
    return RawArticle(
        source=record["src"], url=record["url"], title=record["title"], body=record["text"], published_at=record["time"]
    )


def figures(pairs: Iterable[Pair], *, strict: bool, weight: Callable[[Pair], float]) -> Figures:
    """The figures of these pairs, each weighed."""
    right = wrong = missed = 0.0
    for pair in pairs:
        if pair.label == 2:
            right += weight(pair) * pair.found
            missed += weight(pair) * (not pair.found)
        elif pair.found and (strict or pair.label == 0):
            wrong += weight(pair)
    precision, recall = right / max(right + wrong, 1e-9), right / max(right + missed, 1e-9)
    return Figures(precision, recall, 2 * right / max(2 * right + wrong + missed, 1e-9))


def table(pairs: list[Pair]) -> str:
    """The figures for people."""

    def weighted(pair: Pair) -> float:
        return pair.weight

    def even(_: Pair) -> float:
        return 1.0

    natural = [pair for pair in pairs if pair.weight]
    rows = [
        ("natural pairs, weighted", natural, weighted),
        ("  first half", [pair for pair in natural if pair.half == 0], weighted),
        ("  second half", [pair for pair in natural if pair.half == 1], weighted),
        ("all pairs, unweighted", pairs, even),
    ]
    out = [f"{'':26}{'pairs':>6}  strict P / R / F1      lenient P / R / F1"]
    for name, chosen, weight in rows:
        shown = [figures(chosen, strict=strict, weight=weight) for strict in (True, False)]
        texts = ["{:.3f} / {:.3f} / {:.3f}".format(*each) for each in shown]
        out.append(f"{name:26}{len(chosen):>6}  {texts[0]}  {texts[1]}")
    return "\n".join(out) + "\n"


if __name__ == "__main__":
    folder = os.environ.get("KHABAR_DATA")
    if not folder:
        sys.exit("point KHABAR_DATA to the folder of the data set")
    sys.stdout.write(table(read_pairs(Path(folder))))
