"""Builds the frozen idf table from the ANT corpus: `python -m agents.deduplicate.idf_build ant.jsonl.gz`.

Counts in how many articles each light10 stem occurs. Nothing but these counts of single stems is shipped. Stems of one
article only are left out: they weigh what an unknown stem weighs.
"""

import gzip
import math
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import orjson

from agents.deduplicate.idf import SCALE, TABLE, fold, stem
from agents.normalize import Normalizer
from schemas import RawArticle, Received

# A stem in more than 2 % of the articles finds candidates without telling them apart: research/dedup measured 4 % of
# the edges lost, and the time to find candidates cut to a quarter at 60,000 live articles.
COMMON_SHARE = 0.02


def words(lines: Iterable[bytes]) -> Iterator[list[str]]:
    """The words of each article of the corpus, as they are after normalizing."""
    normalizer = Normalizer.shipped()
    for line in lines:
        found = orjson.loads(line)
        raw = RawArticle(url=found["url"], title=found["title"], body=found["text"])
        clean = normalizer.normalize(raw, Received(value=line, seen_us=0)).clean
        yield [word for text in clean for word in text.text.split() if any(map(str.isalnum, word))]


def build(articles: Iterable[list[str]]) -> str:
    """The table as `idf.load` reads it."""
    counts: Counter[str] = Counter()
    total = 0
    for article in articles:
        total += 1
        counts.update({stem(fold(word)) for word in article})

    def idf(count: float) -> int:
        return round(SCALE * math.log((total + 1) / (count + 1)))

    lines = [f"{idf(0)} {idf(COMMON_SHARE * total)}"]
    lines += [f"{name} {idf(count)}" for name, count in sorted(counts.items()) if count > 1]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    with gzip.open(sys.argv[1]) as corpus:
        table = build(words(corpus))
    target = Path(__file__).parent / "data" / f"idf-{TABLE}.txt.gz"
    target.write_bytes(gzip.compress(table.encode(), 9, mtime=0))
    sys.stderr.write(f"{target.name}: {table.count(chr(10)) - 1:,} stems, {target.stat().st_size:,} bytes\n")
