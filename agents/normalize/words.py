"""Words that people look for: found in every spelling and behind every proclitic, and still told from function words.

    words = Words.shipped()
    query = words.parse('ايران "مجلس الأمن"')
    query.matches(words.text(title, lead, body, language="ar", names=["إيران"]))

All words of a query have to occur, in any order. Text and query are folded as agents.normalize folds articles, so أحمد
and احمد are one; before an Arabic word may stand و ف ب ل ك ال لل. What stands in quotes is looked for as written,
letter by letter and word after word, without clitics; only vowel signs, tatweel and case do not count.

Folding makes some names one with a function word: علي is على then, which is in nine of ten articles of ANT. Such a word
matches as written, alone or after و (of the other clitics more make other words, فعلي, than names), or as part of the
name of something that the article names (`names`), however that is spelled there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from itertools import zip_longest
from unicodedata import normalize, unidata_version

from xxhash import xxh3_64_hexdigest

from agents.normalize.cleaning import Cleaner
from agents.normalize.fused import Splitter
from agents.normalize.letters import Script
from agents.normalize.markup import unmarked
from schemas import Refused

__all__ = ["FoldedText", "Query", "Words"]

# Code points and words of a query: headlines have a dozen words. More is no search, and costs each event time.
LONGEST = 200
MOST = 16

# Raised with every change here or in cleaning that changes terms: an index is bound to it.
_CODE = "2"
# Words whose fold is remembered; some 10 MB.
_KEPT = 50_000

_CONJUNCTIONS = ("", "و", "ف")
_ARABIC_WORD = re.compile("[\u0621-\u064a]+")
_MARKS = re.compile(
    "[\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed\u0640\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]+"
)
_FORMS = re.compile("[\ufb50-\ufdff\ufe70-\ufefc]")  # letters as they were printed: NFKC makes plain ones of them
_WRITTEN = re.compile(r"[^\W_]+")
_QUOTED = re.compile('["«“”„]([^"«»“”„]*)["»“”]')


@dataclass(frozen=True, slots=True)
class FoldedText:
    """A text to be searched, folded once for all queries.

    `folded` holds its terms one space apart, with a space at both ends: folded words; and for a word that folds into a
    function word the word as written, or as a name has it, with "=" behind it.
    """

    folded: str
    sent: tuple[str, ...]

    @property
    def terms(self) -> frozenset[str]:
        """The different terms: what an index of texts holds; none has white space in it."""
        return frozenset(self.folded.split())

    def has(self, group: frozenset[str], end: str) -> bool:
        """Whether it holds one of the terms, all of which end so."""
        folded, past = self.folded, end + " "
        at = folded.find(past)
        while at >= 0:
            if folded[folded.rfind(" ", 0, at) + 1 : at + len(end)] in group:
                return True
            at = folded.find(past, at + 1)
        return False


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for. `terms` says it for an index: of each group a text must hold one term at least.

    That is all there is to a query without `quotes`, which hold the words to find as written, one after another.
    """

    terms: tuple[frozenset[str], ...]
    quotes: tuple[str, ...] = ()
    _ends: tuple[str, ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_ends", tuple(map(_common_end, self.terms)))

    def matches(self, text: FoldedText) -> bool:
        """Whether the text has all of it."""
        for group, end in zip(self.terms, self._ends, strict=True):
            if not text.has(group, end):
                return False
        return not self.quotes or self._as_written(text)

    def _as_written(self, text: FoldedText) -> bool:
        written = [f" {' '.join(_written(each))} " for each in text.sent]
        return all(any(quote in each for each in written) for quote in self.quotes)


class Words:
    """Reads queries and texts; a function of the tables, what it remembers only saves time."""

    def __init__(self, fused: str, function_words: str) -> None:
        """The tables: that of `Splitter`, and function words as they are spelled with care, white space between."""
        parts = (unidata_version, fused, function_words)
        self.version = f"{_CODE}-{xxh3_64_hexdigest(chr(0).join(parts).encode())[:8]}"
        self._cleaners: dict[Script, Cleaner] = {"arabic": Cleaner("arabic"), "other": Cleaner("other")}
        self._splitter = Splitter(fused)
        self._function_words = frozenset(self._fold(word, "arabic") for word in function_words.split())
        self._marked = lru_cache(_KEPT)(self._mark)
        self._in_name = lru_cache(_KEPT)(lambda name: self._function_words.intersection(self._words(name, "arabic")))

    @classmethod
    def shipped(cls) -> Words:
        """With the table that comes with Khabar."""
        data = files("agents.normalize").joinpath("data")
        return cls(*(data.joinpath(name).read_text("utf-8") for name in ("words.txt", "function-words.txt")))

    def text(self, *fields: str | None, language: str | None = None, names: Iterable[str] = ()) -> FoldedText:
        """The fields of an article or a story to be searched together; `names` are those of the things in it.

        `language` is that of the fields, BCP 47; without it, they are taken for Arabic.
        """
        sent = tuple(each for each in fields if each)
        script: Script = "arabic" if language in (None, "ar") else "other"
        marked = {mark for each in sent for word in set(_written(each)) if (mark := self._marked(word))}
        marked.update(f"{word}=" for name in set(names) for word in self._in_name(name))
        terms = [word for each in sent for word in self._words(each, script)]
        return FoldedText(f" {' '.join([*terms, *sorted(marked)])} ", sent)

    def parse(self, text: str) -> Query:
        """The query that somebody typed; raises Refused if there is no word in it, or it is too long."""
        if len(text) > LONGEST:
            raise Refused(f"a query of {len(text)} characters is too long; at most {LONGEST} are taken")
        groups: set[frozenset[str]] = set()
        quotes: set[str] = set()
        for quoted in _QUOTED.findall(text):
            if words := _written(quoted):
                quotes.add(f" {' '.join(words)} ")
                groups.update(self._groups(quoted, as_written=True))
        groups.update(self._groups(_QUOTED.sub(" ", text), as_written=False))
        if not groups:
            raise Refused(f"there is no word to look for in {text!r}")
        if len(groups) > MOST:
            raise Refused(f"a query of {len(groups)} words is too long; at most {MOST} are taken")
        rarest_first = sorted(groups, key=lambda each: (-len(min(each, key=len)), sorted(each)))  # long ones are rare
        return Query(tuple(rarest_first), tuple(sorted(quotes)))

    def _groups(self, text: str, *, as_written: bool) -> Iterator[frozenset[str]]:
        """For each word the terms that it may stand as."""
        for chunk in text.split():
            folded = self._words(chunk, "arabic")
            others = self._words(chunk, "other")
            if len(folded) == 1 and folded[0] in self._function_words:
                yield frozenset((f"{''.join(_written(chunk))}=",))
            else:
                for word, other in zip_longest(folded, others if len(others) == len(folded) else folded):
                    yield frozenset((word, other)) if as_written else _forms(word) | _forms(other)

    def _mark(self, written: str) -> str | None:
        """The term of a word as written, if it folds into a function word, alone or after و."""
        if self._fold(written, "arabic") in self._function_words:
            return f"{written}="
        if written.startswith("و") and self._fold(written[1:], "arabic") in self._function_words:
            return f"{written[1:]}="
        return None

    def _words(self, text: str, script: Script) -> list[str]:
        """The folded words of a text, without its punctuation."""
        return [word for word in self._fold(text, script).split() if word[0].isalnum() or any(map(str.isalnum, word))]

    def _fold(self, text: str, script: Script) -> str:
        folded, _ = self._cleaners[script].clean(text)
        if script == "arabic" and (places := self._splitter.places(folded)):
            parts = zip([0, *places], [*places, len(folded)], strict=True)
            return " ".join(folded[start:end] for start, end in parts)
        return folded


def _forms(word: str) -> frozenset[str]:
    """A folded word with every proclitic that may stand before it; «لل» is ل and the article."""
    if _ARABIC_WORD.fullmatch(word) is None:
        return frozenset((word,))
    bare = word[2:] if word.startswith("ال") and len(word) > 4 else None
    heads = ("", "ب", "ك", "ل", *(() if bare else ("ال", "بال", "كال", "لل")))
    forms = {head + word for head in heads} | ({"لل" + bare} if bare else set())
    return frozenset(conjunction + form for conjunction in _CONJUNCTIONS for form in forms)


def _written(text: str) -> list[str]:
    """The words of a text as written, without vowel signs, tatweel and case."""
    text = _MARKS.sub("", unmarked(text))
    return _WRITTEN.findall((normalize("NFKC", text) if _FORMS.search(text) else text).lower())


def _common_end(group: frozenset[str]) -> str:
    first = min(group, key=len)
    return next(end for at in range(len(first) + 1) if all(each.endswith(end := first[at:]) for each in group))
