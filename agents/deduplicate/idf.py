"""How rare each Arabic stem is: a frozen, versioned table, so that no result depends on what was seen before.

The table is built by `python -m agents.deduplicate.idf_build` from the ANT corpus (Apache-2.0; 17,565 articles of five
outlets, 2018). A live table would make every score depend on the order of arrival and gained nothing (research/dedup).
"""

import gzip
import re
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import NamedTuple

__all__ = ["SCALE", "TABLE", "TF", "Idf", "fold", "load", "stem"]

TABLE = "ar-1"
# idf and tf are integers in units of 1/256: sums of integers do not depend on their order, nor on a platform's libm.
SCALE = 256
# 1 + ln(count); counts past 64 say no more about an article.
TF = [0, *(round((1 + Decimal(k).ln()) * SCALE) for k in range(1, 65))]

_PREFIXES = ("وال", "بال", "كال", "فال", "ال", "لل")
_SUFFIXES = ("ها", "ان", "ات", "ون", "ين", "يه", "ه", "ي")
_MARKS = re.compile("[\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed\u0640\u200b-\u200f]")
_VARIANTS = "أإآٱىةؤئکی"
_FOLD = str.maketrans(_VARIANTS, "اااايهويكي")
_UNFOLDED = re.compile(f"{_MARKS.pattern}|[{_VARIANTS}]")


class Idf(NamedTuple):
    """`of` maps a stem to its idf, `unknown` is the idf of any other, `common` the idf below which a stem is no key."""

    of: dict[str, int]
    unknown: int
    common: int


def fold(text: str) -> str:
    """Arabic without vowel signs, variants of a letter as one; clean text stays as it is."""
    return text if _UNFOLDED.search(text) is None else _MARKS.sub("", text).translate(_FOLD)


def stem(word: str) -> str:
    """Light10 (Larkey, Ballesteros, Connell 2002) of a folded word."""
    if len(word) > 3 and word[0] == "و":
        word = word[1:]
    if word.startswith(_PREFIXES):
        for prefix in _PREFIXES:
            if word.startswith(prefix) and len(word) - len(prefix) >= 2:
                word = word[len(prefix) :]
                break
    if word.endswith(_SUFFIXES):
        for suffix in _SUFFIXES:
            if word.endswith(suffix) and len(word) - len(suffix) >= 2:
                word = word[: -len(suffix)]
    return word


@cache
def load() -> Idf:
    """The table that ships: a head line `unknown common`, then lines `stem idf`."""
    packed = files("agents.deduplicate").joinpath("data", f"idf-{TABLE}.txt.gz").read_bytes()
    head, *lines = gzip.decompress(packed).decode().splitlines()
    unknown, common = map(int, head.split())
    return Idf({name: int(value) for name, value in (line.split(" ") for line in lines)}, unknown, common)
