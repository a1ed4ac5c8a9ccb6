"""The tables that ship with the tagger: clusters of words, names of people and places, and what they are called.

data/README.md says where each comes from and under which licence; agents.tag.harvest makes them.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from importlib.resources.abc import Traversable

from agents.tag.gazetteer import Gazetteer

__all__ = ["Tables", "Thing", "place_key"]

_FINAL = re.compile(r"[هءا]\b")


@dataclass(frozen=True, slots=True)
class Thing:
    """Something in the world that the tables know."""

    id: str  # iso:XX, geo:NUMBER or wd:QNUMBER
    label: str
    name: str


def place_key(phrase: str) -> str:
    """A folded name of a place or a party, so that سورية and سوريا are one: a final ه or ء counts as ا."""
    return _FINAL.sub("ا", phrase)


class Tables:
    """Read once, then only looked at."""

    def __init__(
        self,
        clusters: Mapping[str, str],
        names: Mapping[str, str],
        people: Iterable[str],
        things: Iterable[tuple[str, Thing]],
    ) -> None:
        """`clusters`: word -> cluster numbers, frequent words first; `names`: word -> the lists that it is on, a letter
        each; `people`: full names; `things`: every folded phrase that something is known by."""
        self._clusters = clusters
        self._rank = {word: rank for rank, word in enumerate(clusters)}
        self._names = names
        self._people = frozenset(people)
        self._things: dict[str, tuple[Thing, ...]] = {}
        for phrase, thing in things:
            self._things[phrase] = (*self._things.get(phrase, ()), thing)

    @classmethod
    def shipped(cls) -> Tables:
        """The tables of agents/tag/data."""
        return cls.read(files("agents.tag") / "data")

    @classmethod
    def read(cls, data: Traversable) -> Tables:
        """The tables in a folder."""
        return cls(
            dict(_pairs(data / "clusters.tsv.gz")),
            dict(_pairs(data / "names.tsv.gz")),
            _lines(data / "people.txt.gz"),
            _things(data / "things.tsv.gz"),
        )

    @cached_property
    def gazetteer(self) -> Gazetteer:
        """Everything that the tables have a name for, with the label it usually has; ISO's states apart."""
        known = ((p, "STATE" if t.id[:4] == "iso:" else t.label) for p, each in self._things.items() for t in each)
        people = ((phrase, "PERS") for phrase in sorted(self._people))
        return Gazetteer([*known, *people])

    @cached_property
    def _by_key(self) -> dict[str, tuple[Thing, ...]]:
        keys: dict[str, tuple[Thing, ...]] = {}
        for phrase, things in self._things.items():
            key = place_key(phrase)
            keys[key] = (*keys.get(key, ()), *things)
        return keys

    def clusters_of(self, word: str, stem: str) -> list[str]:
        """The clusters of a word, or else of its stem, as attributes."""
        found = self._clusters.get(word) or self._clusters.get(stem)
        if not found:
            return []
        small, middle, large = found.split(" ")
        return [f"k{small}", f"m{middle}", f"c{large}"]

    def name_lists(self, word: str, stem: str) -> list[str]:
        """The name lists that a word or its stem is on, as attributes."""
        on, stem_on = self._names.get(word, ""), self._names.get(stem, "")
        return [f"N{each}" for each in on] + [f"S{each}" for each in stem_on if each not in on]

    def is_name(self, word: str) -> bool:
        """Whether a word is on one of the lists of given names and surnames."""
        return word in self._names

    def is_arabic_name(self, word: str) -> bool:
        """Whether a word is a name that is usual in the Arab world, where it has one spelling."""
        return "a" in self._names.get(word, "")

    def is_word(self, word: str) -> bool:
        """Whether the news that the clusters were made of has the word five times or more."""
        return word in self._rank

    def is_more_frequent(self, word: str, other: str, times: float) -> bool:
        """Whether the other word stands so many times further down the list of words by frequency, or not on it."""
        rank = self._rank.get(word)
        return rank is not None and times * rank < self._rank.get(other, len(self._rank))

    def people(self) -> Iterator[tuple[str, Thing]]:
        """Every folded phrase that a person among the things is known by."""
        return ((phrase, thing) for phrase, each in self._things.items() for thing in each if thing.label == "PERS")

    def has_id(self, number: str) -> bool:
        """Whether something has this id."""
        return any(thing.id == number for each in self._things.values() for thing in each)

    def thing(self, phrase: str, label: str) -> Thing | None:
        """What is known by this folded phrase, whatever its final ه, ء or ا: of this label where there is one, else of
        another. A person is never meant where the label is another, nor the reverse."""
        known = self._things.get(phrase) or self._by_key.get(place_key(phrase), ())
        found = [thing for thing in known if (thing.label == "PERS") == (label == "PERS")]
        return next((thing for thing in found if thing.label == label), found[0] if found else None)

    def knows(self, phrase: str, label: str) -> bool:
        """Whether the phrase is a whole name of somebody (PERS), or of something (any other label)."""
        return (label == "PERS" and phrase in self._people) or self.thing(phrase, label) is not None


def _lines(path: Traversable) -> Iterator[str]:
    return iter(gzip.decompress(path.read_bytes()).decode().splitlines())


def _pairs(path: Traversable) -> Iterator[tuple[str, str]]:
    for line in _lines(path):
        word, _, value = line.partition("\t")
        yield word, value


def _things(path: Traversable) -> Iterator[tuple[str, Thing]]:
    """Lines of id, label, name, and then every folded phrase; what comes first holds a phrase that two things claim."""
    for line in _lines(path):
        number, label, name, *phrases = line.split("\t")
        thing = Thing(number, label, name)
        for phrase in phrases:
            yield phrase, thing
