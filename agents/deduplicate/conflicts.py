"""What speaks against two articles being one story: another name or another number where the rest is the same.

Two items «receives the ambassador» share almost every word and differ in a name and a number; two reports of one press
conference share few words, and each has names and numbers that the other leaves out. So what tells look-alikes apart
is not that each has a name of its own, but that both stand in the same slot: between the same words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from sys import intern
from typing import NamedTuple, cast

import numpy as np
import numpy.typing as npt
from xxhash import xxh32_intdigest

from agents.deduplicate.fingerprint import Array32, Print
from agents.deduplicate.idf import fold
from schemas import Conflict, Entity

__all__ = ["Names", "conflicts", "lookalike", "names_of"]

# Below this share of common shingles the same words around two names are chance (reports of one event, quoting the
# spokesman of one ministry and another); the look-alikes of the tests share more.
FRAME = 0.25
# From this share on one other name is enough to part two articles: where half of the text is the same word for word, a
# name is not replaced by another but in another event.
CLOSE_FRAME = 0.5
# So many other numbers in the same slots, and fewer that are the same, are a form filled in anew: prices, the weather.
# A toll that rises from one report to the next changes one or two.
FORM = 3
# Listed of each kind.
LISTED = 5
NAMES_LIMIT = 24

Bools = npt.NDArray[np.bool_]

_CONTEXT = np.uint64(0x9E3779B97F4A7C15)
_SPACES = re.compile(r"[\s_\-.،]+")


class Names(NamedTuple):
    """The people and countries that an article names: name by id; hashes of the words of each, and whose they are."""

    of: dict[str, str]
    words: Array32
    owners: npt.NDArray[np.uint8]


def names_of(entities: Iterable[Entity]) -> Names:
    """What can stand against another article's: every person, and every country by its code."""
    of: dict[str, str] = {}
    words: dict[int, int] = {}
    for entity in entities:
        if entity.label != "PERS" and not entity.id.startswith("iso:"):
            continue
        if entity.id not in of:
            if len(of) == NAMES_LIMIT:
                continue
            of[intern(entity.id)] = intern(entity.name)
        owner = list(of).index(entity.id)
        for word in _SPACES.split(fold(entity.text)):
            words.setdefault(xxh32_intdigest(word.encode("utf-8", "surrogatepass")), owner)
    return Names(of, np.array(list(words), np.uint32), np.array(list(words.values()), np.uint8))


def lookalike(here: Print, ours: Names, there: Print, theirs: Names, containment: float) -> bool:
    """Whether the articles are two events told in the same words."""
    if containment < FRAME:
        return False
    numbers: set[int] = set()
    names = rare = 0
    own, other = _numbers(here), _numbers(there)
    rare_here, rare_there = here.rare, there.rare
    for i, j in _slots(here.words, there.words):
        a, b = own.get(int(here.words[i])), other.get(int(there.words[j]))
        if a is not None or b is not None:
            if a is not None and b is not None and sorted(_digits(a)) != sorted(_digits(b)):
                numbers.add(i)
        elif _other_name(ours, int(here.words[i]), theirs, int(there.words[j])):
            names += 1
        elif rare_here[i] and rare_there[j]:
            rare += 1
    if len(numbers) >= FORM and len(numbers) > len(own.keys() & other.keys()):
        return True
    return bool((numbers and (names or rare)) or (names and containment >= CLOSE_FRAME))


def conflicts(here: Print, ours: Names, there: Print, theirs: Names) -> list[Conflict]:
    """Numbers, then people, that one article has and the other has not, in order and in pairs; a list for a reader."""
    a, b = here.numbers(), there.numbers()
    pairs = zip([n for n in a if n not in b], [n for n in b if n not in a], strict=False)
    found = [Conflict(kind="number", here=x, there=y) for x, y in pairs][:LISTED]
    named = zip(_foreign(ours, theirs), _foreign(theirs, ours), strict=False)
    return found + [Conflict(kind="name", here=x, there=y) for x, y in named][:LISTED]


def _foreign(ours: Names, theirs: Names) -> list[str]:
    """The names of ours that share no word with a name of theirs."""
    known = set(theirs.words.tolist())
    shared = {int(owner) for word, owner in zip(ours.words.tolist(), ours.owners, strict=True) if word in known}
    return [
        name
        for owner, (each, name) in enumerate(ours.of.items())
        if each not in theirs.of and owner not in shared and not each.startswith("iso:")
    ]


def _slots(a: Array32, b: Array32) -> Iterator[tuple[int, int]]:
    """Positions of words that only one text has, after the same two words or before the same two."""
    only_a, only_b = _missing(a, b), _missing(b, a)
    yield from _after(a, b, only_a, only_b)
    for i, j in _after(a[::-1], b[::-1], only_a[::-1], only_b[::-1]):
        yield len(a) - 1 - i, len(b) - 1 - j


def _missing(ours: Array32, theirs: Array32) -> Bools:
    ordered = np.sort(theirs)
    return cast(Bools, ordered.take(ordered.searchsorted(ours), mode="clip") != ours)


def _after(a: Array32, b: Array32, only_a: Bools, only_b: Bools) -> Iterator[tuple[int, int]]:
    places: dict[int, int] = {}
    for j, context in _contexts(b, only_b):
        places.setdefault(context, j)
    for i, context in _contexts(a, only_a):
        j = places.get(context, -1)
        if j >= 0:
            yield i, j


def _contexts(words: Array32, only: Bools) -> Iterator[tuple[int, int]]:
    """Each word that only this text has, with a hash of the two before it, if both texts have those."""
    at = np.flatnonzero(only[2:] & ~only[:-2] & ~only[1:-1])
    contexts = words[at].astype(np.uint64) * _CONTEXT + words[at + 1]
    yield from zip((at + 2).tolist(), contexts.tolist(), strict=True)


def _other_name(ours: Names, here: int, theirs: Names, there: int) -> bool:
    """Whether these words are of two names, of the same kind, that are not one person or country."""
    a, b = _owner(ours, here), _owner(theirs, there)
    if a is None or b is None or a in theirs.of or b in ours.of:
        return False
    return a.startswith("iso:") == b.startswith("iso:")


def _owner(names: Names, word: int) -> str | None:
    at = np.flatnonzero(names.words == word)
    return list(names.of)[int(names.owners[at[0]])] if len(at) else None


def _numbers(one: Print) -> dict[int, str]:
    return {xxh32_intdigest(number.encode("utf-8", "surrogatepass")): number for number in one.numbers()}


def _digits(number: str) -> list[str]:
    return [sign for sign in number if sign.isdigit()]
