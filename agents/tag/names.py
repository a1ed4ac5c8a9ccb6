"""From a name as it stands in a text to the one thing that it names: the same id for every spelling.

What the tables know gets its id there (`iso:`, `geo:`, `wd:`); everything else gets `kh:` and a hash of a key in
which the usual ways to spell a foreign name are one. Within an article a name in part joins the fuller one. The result
depends on the mentions of the article and how often each is made, not on their order.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from xxhash import xxh3_64_hexdigest

from agents.tag.gazetteer import clitic_forms
from agents.tag.tables import Tables, Thing, place_key
from schemas.events import Label

__all__ = ["Known", "Linker", "Named", "unknown_id"]

# Sounds that Arabic writes in several ways, as one letter: سيرغي and سيرجي, بوطين and بوتين.
_SOUNDS = str.maketrans({"غ": "ج", "ق": "ك", "ط": "ت", "ص": "س", "ض": "د", "ظ": "ز", "ذ": "د", "ث": "ت"})
_VOWELS = str.maketrans("", "", "اويهء")
_PARTICLES = frozenset({"بن", "ابن", "بنت", "ال", "ول"})
_PREFIXES = frozenset({"عبد", "ابو", "ام", "ابي", "ابا"})
_KINDS_OF_PLACE = ("مدينه ", "دوله ", "العاصمه ")


class Named(NamedTuple):
    """A mention as the tagger found it: its label, its folded words, and the text as sent."""

    label: Label
    words: tuple[str, ...]
    text: str


class Known(NamedTuple):
    """Which thing a mention names, and its usual name."""

    id: str
    name: str


def unknown_id(kind: str, key: str) -> str:
    """The id of what no table knows; `kind` is "person" or "thing"."""
    return "kh:" + xxh3_64_hexdigest(f"{kind} {key}".encode())


class Linker:
    """Links the mentions of one article; remembers nothing between articles that changes a result."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._people_known: dict[tuple[str, ...], Thing] = {}
        self._person_key = lru_cache(maxsize=20_000)(self._key_of_person)
        self._clitic_by_tables = lru_cache(maxsize=20_000)(self._known_clitic)
        for phrase, thing in tables.people():
            self._people_known.setdefault(self._person_key(tuple(phrase.split(" "))), thing)

    def clitics(self, mentions: Sequence[tuple[Label, tuple[str, ...]]]) -> list[int]:
        """How many letters of the first word of each mention are proclitics: 1 in بسوريا, 2 in وبسوريا and للرياض.

        They are if what is left is a name that the tables know and the whole is none, or stands bare in the same
        article, or is a frequent word with its article (والكونغرس).
        """
        bare = {words for _, words in mentions}
        found: list[int] = []
        for label, words in mentions:
            taken = self._clitic_by_tables(label, words)
            if taken < 0:
                rest = words[1:]
                taken = next((n for form, n in clitic_forms(words[0])[1:] if (form, *rest) in bare), 0)
            found.append(taken)
        return found

    def _known_clitic(self, label: Label, words: tuple[str, ...]) -> int:
        """The letters to take off by the tables alone; -1 if they cannot tell."""
        tables, rest = self._tables, words[1:]
        whole, *others = clitic_forms(words[0])
        if not others:
            return 0
        for form, taken in (whole, *others):
            if tables.knows(" ".join((form, *rest))):
                return taken
        for form, taken in (whole, *others):
            if label == "PERS" and tables.is_name(form):
                return taken
        for form, taken in others:
            if form.startswith("ال") and len(form) >= 5 and tables.is_word(form):
                return taken
        if label in ("PERS", "LOC") and not rest:
            for form, taken in others:
                if len(form) >= 4 and tables.is_more_frequent(form, whole[0]):
                    return taken
        return -1

    def link(self, mentions: Sequence[Named]) -> list[Known]:
        """The thing that each mention names. The words of a mention come without proclitics."""
        people = self._people([m for m in mentions if m.label == "PERS"])
        things = self._things([m for m in mentions if m.label != "PERS"])
        return [people[m.words] if m.label == "PERS" else things[m.label, m.words] for m in mentions]

    def _things(self, mentions: Sequence[Named]) -> dict[tuple[Label, tuple[str, ...]], Known]:
        texts: dict[str, Counter[str]] = defaultdict(Counter)
        linked: dict[tuple[Label, tuple[str, ...]], Known | str] = {}
        for mention in mentions:
            phrase = " ".join(mention.words)
            thing = self._thing(phrase, mention.label)
            if thing is not None:
                linked[mention.label, mention.words] = Known(thing.id, thing.name)
            else:
                key = place_key(phrase)
                linked[mention.label, mention.words] = key
                texts[key][_one_line(mention.text)] += 1
        return {
            mention: Known(unknown_id("thing", to), _usual(texts[to])) if isinstance(to, str) else to
            for mention, to in linked.items()
        }

    def _thing(self, phrase: str, label: Label) -> Thing | None:
        found = self._tables.thing(phrase, label)
        if found is None and label == "LOC":
            kind = next((kind for kind in _KINDS_OF_PLACE if phrase.startswith(kind)), None)
            return self._tables.thing(phrase.removeprefix(kind), label) if kind else None
        return found

    def _people(self, mentions: Sequence[Named]) -> dict[tuple[str, ...], Known]:
        count: Counter[tuple[str, ...]] = Counter()
        texts: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
        keys: dict[tuple[str, ...], tuple[str, ...]] = {}
        for mention in mentions:
            key = keys.setdefault(mention.words, self._person_key(mention.words))
            count[key] += 1
            texts[key][_one_line(mention.text)] += 1
        fuller = {key: self._fuller(key, count) for key in count}
        known: dict[tuple[str, ...], Known] = {}
        for words, key in keys.items():
            while (longer := fuller[key]) is not None:
                key = longer
            thing = self._people_known.get(key)
            known[words] = (
                Known(unknown_id("person", " ".join(key)), _usual(texts[key]))
                if thing is None
                else Known(thing.id, thing.name)
            )
        return known

    def _fuller(self, key: tuple[str, ...], count: Counter[tuple[str, ...]]) -> tuple[str, ...] | None:
        """The fuller name that this one is a part of: its last part, or else its first. Where several could be
        meant, the one named most often; none if two are named equally often."""
        longer = [other for other in count if len(other) > len(key)]
        for ends in (True, False):
            found = [k for k in longer if (k[-len(key) :] if ends else k[: len(key)]) == key]
            if found:
                found.sort(key=lambda k: (-count[k], -len(k), k))
                tie = len(found) > 1 and count[found[0]] == count[found[1]] and len(found[0]) == len(found[1])
                return None if tie else found[0]
        return None

    def _key_of_person(self, words: tuple[str, ...]) -> tuple[str, ...]:
        """The parts of a name, each in a form that its spellings share: Arabic names have one, foreign ones many."""
        parts: list[str] = []
        prefix = ""
        for word in words:
            if word in _PARTICLES:
                continue
            if word in _PREFIXES and not prefix:
                prefix = word
                continue
            parts.append(prefix + word if prefix else self._part(word))
            prefix = ""
        if prefix:
            parts.append(prefix)
        return tuple(parts) or words

    def _part(self, word: str) -> str:
        bare = word[2:] if word.startswith("ال") and len(word) > 4 else word
        if self._tables.is_arabic_name(word) or self._tables.is_arabic_name(bare):
            return bare
        skeleton = bare[:1].translate(_SOUNDS) + bare[1:].translate(_SOUNDS).translate(_VOWELS)
        single = "".join(c for i, c in enumerate(skeleton) if i == 0 or c != skeleton[i - 1])
        return single if len(single) > 1 else bare


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _usual(texts: Counter[str]) -> str:
    """The spelling used most often, of those the longest, of those the first by code points."""
    return min(texts, key=lambda text: (-texts[text], -len(text), text))
