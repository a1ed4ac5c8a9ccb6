"""What the tagger looks at in a word: its letters, its stem, its cluster, and whether it is somebody's name.

A word is clean text (agents.normalize): folded, no diacritics. Templates after the feature set measured in the
literature on Arabic news (Benajiba and Rosso 2008; Abdul-Hamid and Darwish 2010: leading and trailing letters), with
clusters after Turian, Ratinov and Bengio 2010. Everything here depends on one word alone, so that it is computed once
per distinct word; what depends on two words or more is `bigram` and agents.tag.gazetteer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from agents.tag.gazetteer import Start
from agents.tag.tables import Tables

__all__ = ["EDGE", "OFFSETS", "Attributes", "Features", "attribute", "bigram"]

# The attributes of a word by how far they reach: to the words two away, to those beside it, to the word itself.
Attributes = tuple[list[str], list[str], list[str]]

OFFSETS = (0, -1, 1, -2, 2)  # where a word can stand, seen from the word that is being labelled
EDGE: Attributes = (["edge"], [], [])  # stands before the first and after the last word of a sentence

_LONGEST = 40  # letters of a word that are looked at; no Arabic word has more, and a megabyte without a space has
# Distinct words whose gazetteer look-up is remembered; more costs memory, never changes a result.
_REMEMBERED = 50_000

_LATIN = re.compile("[A-Za-z]")
_DIGITS = re.compile(r"\d+")
_MARKS = re.compile(r"\W+")
_ARTICLES = ("وبال", "وال", "فال", "بال", "كال", "ولل", "لل", "ال")
_SUFFIXES = ("هما", "كما", "يات", "ات", "ون", "ين", "ان", "يه", "ها", "هم", "نا", "ه", "ي", "ا")


def stem(word: str) -> str:
    """The word without its article and proclitics, as far as letters alone can tell."""
    for article in _ARTICLES:
        if word.startswith(article) and len(word) - len(article) >= 3:
            return word[len(article) :]
    if len(word) > 4 and word[0] in "وف":
        word = word[1:]
    if len(word) > 4 and word[0] in "بلك":
        word = word[1:]
    return word


def _light_stem(stemmed: str) -> str:
    for suffix in _SUFFIXES:
        if stemmed.endswith(suffix) and len(stemmed) - len(suffix) >= 3:
            return stemmed[: -len(suffix)]
    return stemmed


def _shape(word: str) -> str:
    if _LATIN.search(word):
        return "L"
    if _DIGITS.search(word):
        return "D"
    return "P" if _MARKS.fullmatch(word) else "A"


def attribute(offset: int, name: str) -> str:
    """What a word at `offset` says of the one that is labelled."""
    return f"{offset}{name}"


def bigram(first: str, second: str) -> str:
    """What two words that follow one another say of each other."""
    return f"{first}|{second}"


class Features:
    """The attributes of words, with what the tables know of them."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._gazetteer = tables.gazetteer
        self._starts: dict[str, list[Start]] = {}

    def word(self, word: str) -> Attributes:
        """What a word says by itself, without the offset."""
        shape = _shape(word)
        if shape == "D":
            word = _DIGITS.sub("0", word)
        word = word[:_LONGEST]
        length, stemmed = len(word), stem(word)
        clusters = self._tables.clusters_of(word, stemmed)
        names = self._tables.name_lists(word, stemmed)
        far = [f"w={word}", *clusters]
        near = [f"s={stemmed}", f"h={shape}", f"x2={word[-2:]}", f"p2={word[:2]}", *names]
        own = [f"l={_light_stem(stemmed)}", f"n={min(length, 9)}", f"p1={word[:1]}", f"x1={word[-1:]}"]
        if length > 3:
            own += (f"p3={word[:3]}", f"x3={word[-3:]}")
        if length > 4:
            own += (f"p4={word[:4]}", f"x4={word[-4:]}")
        if len(stemmed) > 3:
            own += (f"q2={stemmed[:2]}", f"y3={stemmed[-3:]}")
        return far, near, own

    def known(self, words: Sequence[str]) -> dict[int, list[str]]:
        """What the gazetteer says of the words of a sentence that are part of a known name."""
        starts = self._starts
        found: list[list[Start]] = []
        for word in words:
            start = starts.get(word)
            if start is None:
                if len(starts) >= _REMEMBERED:
                    starts.clear()
                start = starts[word] = self._gazetteer.starts(word)
            found.append(start)
        return self._gazetteer.matches(words, found)

    def sentence(self, words: Sequence[str]) -> list[list[str]]:
        """All attributes of each word, as crfsuite takes them in training; agents.tag.crf sums the same ones."""
        of = [self.word(word) for word in words]
        known = self.known(words)
        found: list[list[str]] = []
        for i in range(len(words)):
            names: list[str] = []
            for offset in OFFSETS:
                there = of[i + offset] if 0 <= i + offset < len(words) else EDGE
                for part in there[: 3 - abs(offset)]:
                    names += (attribute(offset, name) for name in part)
            for offset in (-1, 0, 1):
                names += (attribute(offset, name) for name in known.get(i + offset, ()))
            if i:
                names.append(attribute(-1, bigram(words[i - 1], words[i])))
            if i + 1 < len(words):
                names.append(attribute(1, bigram(words[i], words[i + 1])))
            found.append(names)
        return found
