"""From a name as it stands in a text to the one thing that it names: the same id for every spelling.

What the tables know gets its id there (`iso:`, `geo:`, `wd:`); everything else gets `kh:` and a hash of a key in
which the usual ways to spell a foreign name are one. Within an article a name in part joins the fuller one. The result
depends on the mentions of the article and how often each is made, not on their order.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence, Set
from functools import lru_cache
from typing import NamedTuple

from camel_tools.utils.normalize import normalize_unicode
from xxhash import xxh3_64_hexdigest

from agents.tag.gazetteer import clitic_forms
from agents.tag.tables import Tables, Thing, place_key
from schemas.events import Label

__all__ = ["Known", "Linker", "Named", "unknown_id"]

# How much further down the list of words by frequency a word stands that is taken for another one with a clitic; lower
# takes the first letter off names.
_RARER = 3

# Sounds that Arabic writes in several ways, as one letter: سيرغي and سيرجي, بوطين and بوتين.
_SOUNDS = str.maketrans({"غ": "ج", "ق": "ك", "ط": "ت", "ص": "س", "ض": "د", "ظ": "ز", "ذ": "د", "ث": "ت"})
_VOWELS = str.maketrans("", "", "اويهء")
# The vowel signs are those of camel-tools' dediac_ar, whose import looks at all of Unicode: 0.4 s and 38 MB a process.
_UNSEEN = re.compile("[\u0640\u064b-\u0652\u0670\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_PARTICLES = frozenset({"بن", "ابن", "بنت", "ال", "ول"})
_PREFIXES = frozenset({"عبد", "ابو", "ام", "ابي", "ابا"})
_KINDS_OF_PLACE = ("مدينه ", "دوله ", "العاصمه ")
# Without vowel signs Oman and Amman are one word: what else the article names tells which is meant.
_OMAN, _AMMAN = "عمان", "العاصمه عمان"
_OF_JORDAN = re.compile(r"\b[وف]?[بلك]?(?:ال|ل)?اردن(?:ي|يه|يين|يون|يات)?\b")
_OF_OMAN = re.compile(r"\b[وف]?[بلك]?(?:ال|ل)?عماني(?:ه|ين|ون|ات)?\b|سلطنه عمان|\b[وف]?[بل]?مسقط\b")


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
        article, or is a frequent word with its article (والكونغرس). ك before a person has to stand bare elsewhere.
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
        others = clitic_forms(words[0])[1:]
        if not others:
            return 0
        if tables.knows(" ".join(words), label):
            return 0
        # Of a word and what is left of it, the name is the more frequent one: وكيل is no Kiel.
        others = [
            (form, taken) for form, taken in others if rest or not tables.is_more_frequent(words[0], form, times=1)
        ]
        # ك before a person («كمحمد») is rare, and frequent at the head of foreign names: كيارا is not يارا.
        if label == "PERS":
            others = [(form, taken) for form, taken in others if "ك" not in words[0][:taken]]
        for form, taken in others:
            if tables.knows(" ".join((form, *rest)), label):
                return taken
        if label == "PERS":
            if tables.is_name(words[0]):
                return 0
            for form, taken in others:
                if tables.is_name(form):
                    return taken
        for form, taken in others:
            if form.startswith("ال") and len(form) >= 5 and tables.is_word(form):
                return taken
        if label in ("PERS", "LOC") and not rest:
            for form, taken in others:
                if len(form) >= 4 and form[0] not in "وف" and tables.is_more_frequent(form, words[0], times=_RARER):
                    return taken
        return -1

    def verbs(self, mentions: Sequence[tuple[Label, tuple[str, ...]]]) -> list[bool]:
        """Whether the first word of each mention is a verb before a name («فعقب لافروف»): it is no name, is a more
        frequent word with و or ف before it, and the rest is named by itself in the same article."""
        alone = {words for label, words in mentions if label == "PERS"}
        tables = self._tables
        return [
            label == "PERS"
            and words[1:] in alone
            and words[0][0] in "وف"
            and not (tables.is_name(words[0]) or tables.is_name(words[0][1:]))
            and tables.is_more_frequent(words[0][1:], words[0], times=1)
            for label, words in mentions
        ]

    def link(self, mentions: Sequence[Named], texts: Sequence[str] = ()) -> list[Known]:
        """The thing that each mention names. The words of a mention come without proclitics; `texts` is the clean text
        of their article."""
        people = self._people([m for m in mentions if m.label == "PERS"])
        things = self._things([m for m in mentions if m.label != "PERS"])
        if ("LOC", (_OMAN,)) in things:
            told = [sum(len(of.findall(text)) for text in texts) for of in (_OF_JORDAN, _OF_OMAN)]
            if told[0] > told[1] and (amman := self._thing(_AMMAN, "LOC")) is not None:
                things["LOC", (_OMAN,)] = Known(amman.id, amman.name)
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
        shorter = {key: _shorter(key, count) for key in count}
        begins_as_name = {key for words, key in keys.items() if self._tables.is_name(words[0])}
        longer = _longer({key: n for key, n in count.items() if shorter[key] is None}, begins_as_name)
        known: dict[tuple[str, ...], Known] = {}
        for words, key in keys.items():
            key = shorter[key] or key
            while (fuller := longer.get(key)) is not None:
                key = fuller
            thing = self._people_known.get(key)
            known[words] = (
                Known(unknown_id("person", " ".join(key)), _usual(texts[key]))
                if thing is None
                else Known(thing.id, thing.name)
            )
        return known

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


def _shorter(key: tuple[str, ...], count: Mapping[tuple[str, ...], int]) -> tuple[str, ...] | None:
    """The shortest name of two parts or more in the article that this one only adds to: an office, a grandfather."""
    return next((key[:size] for size in range(2, len(key)) if key[:size] in count), None)


def _longer(
    count: Mapping[tuple[str, ...], int], begins_as_name: Set[tuple[str, ...]]
) -> dict[tuple[str, ...], tuple[str, ...]]:
    """The fuller name that the last parts of a name, or else its first part, stand for. Where several could be meant,
    the one named most often, then the one that begins with a known name (another began with a verb); none if two do."""
    ends: dict[tuple[str, ...], list[tuple[str, ...]]] = defaultdict(list)
    begins: dict[tuple[str, ...], list[tuple[str, ...]]] = defaultdict(list)
    for key in count:
        for cut in range(1, len(key)):
            ends[key[cut:]].append(key)
        if len(key) > 1:
            begins[key[:1]].append(key)
    found: dict[tuple[str, ...], tuple[str, ...]] = {}
    for part, meant in (begins | ends).items():
        most = max(count[key] for key in meant)
        best = [key for key in meant if count[key] == most]
        if len(best) > 1:
            best = [key for key in best if key in begins_as_name]
        if len(best) == 1:
            found[part] = best[0]
    return found


def _one_line(text: str) -> str:
    """The spelling without vowel signs, invisible characters, other forms of a letter, or what a hashtag left in it."""
    plain = normalize_unicode(text.replace("_", " ").replace("#", " "))
    return " ".join(_UNSEEN.sub("", plain).split())


def _usual(texts: Counter[str]) -> str:
    """The spelling used most often, of those the longest, of those the first by code points."""
    return min(texts, key=lambda text: (-texts[text], -len(text), text))
