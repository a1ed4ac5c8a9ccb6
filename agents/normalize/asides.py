"""What stands in an article beside its news: who reports from where, scripture, and the outlet's own lines.

It stays in the text and stays out of the fingerprint: two outlets that print one report sign it each in their own way,
and two reports from Riyadh are not alike for that. All of it is found in clean text, by its usual form and place.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

from agents.normalize.cleaning import Cleaner
from agents.normalize.notices import notices

__all__ = ["Aside", "Asides", "merged"]


class Aside(NamedTuple):
    """A stretch of a clean text; `name` is the agency's usual one."""

    start: int
    end: int
    kind: Literal["dateline", "byline", "agency", "quran", "boilerplate"]
    name: str | None = None


# A dateline ends within so many code points of the beginning, a signature begins within so many of the end. Further in,
# the same words are news: a report about an agency, a city between two dashes.
_HEAD = 160
_SOON = 48  # the first part of a dateline, or a signature that is all of a line, is no longer
_BREAK = re.compile(r"(?<!\S)[-:,/|(]|\n")
# A source named at the end of the last sentence; what follows must be a medium, for «نقلا عن» begins news as well.
_SOURCE = re.compile(
    r"(?<!\S)(?:(?:المصدر|المصادر|مصدر الخبر) : [^\n]{2,60}"
    r"|نقلا عن (?:وكال|صحيف|جريد|موقع|قنا|شبك|مجل|اذاع|تلفزيون|التلفزيون|الوكال|رويترز|فرانس|ا ف ب|بي بي سي|سي ان ان)"
    r"[^.\n]{0,50}(?: \.)?)$"
)

_SEP = "[-:,/|]"
_WRITERS = "كتب|كتبت|كتبه|كتبها|بقلم|تقرير|تحقيق|حوار|متابعه|متابعات|تغطيه|اعداد|ترجمه|مراسل|مراسلنا|مراسلتنا|خاص|تصوير"
# Up to four words that are no beginning of a sentence.
_TELLS = (
    "قال|قالت|اعلن|اعلنت|اكد|اكدت|كشف|كشفت|ذكر|ذكرت|افاد|افادت|وصل|وصلت|بحث|بحثت|التقي|استقبل|صرح|صرحت|دعا|دعت|نفي|نفت|طالب"
    "|طالبت|شدد|اوضح|اضاف|بدا|بدات|ان|في|من|علي|الي|عن|قتل|اصيب|رفض|وقع|وقعت|حذر|حذرت|اعرب|ادان|ادانت|اعتقلت|ارتفع|تراجع"
)
_NAME = rf"(?:(?!(?:{_TELLS}) )[^\W\d]{{2,}}(?: (?=[^-:|\n]{{0,40}} ?[-:|\n])(?!(?:{_TELLS}) )[^\W\d]{{2,}}){{0,3}})"
_MONTHS = (
    "يناير|فبراير|مارس|ابريل|مايو|يونيو|يونيه|يوليو|يوليه|اغسطس|سبتمبر|اكتوبر|نوفمبر|ديسمبر|كانون|شباط|اذار|نيسان|ايار"
    "|حزيران|تموز|اب|ايلول|تشرين|جانفي|فيفري|افريل|ماي|جوان|جويليه|اوت|محرم|صفر|ربيع|جمادي|رجب|شعبان|رمضان|شوال|ذو|ذي"
)
_DATE = (
    rf"\d{{1,2}} (?:{_MONTHS})(?: (?:الاول|الثاني|الاخر|الاخره|القعده|الحجه))?"
    rf"(?: [-/] (?:{_MONTHS}))?(?: \d{{4}})?(?: [مه])?"
    r"|\d{1,4}[-/]\d{1,2}[-/]\d{1,4}"
)
# God's word, between its own brackets, or quoted after one of the phrases that lead to it.
_QURAN = re.compile(
    r"﴿[^﴾\n]{2,900}﴾|(?:تعالي|عز وجل|الايه الكريمه|كتابه الكريم|الكتاب العزيز|محكم التنزيل) (?:: |- |, )?"
    r'(?P<quote>"[^"\n]{8,600}"|\{[^}\n]{8,600}\}|\( [^)\n]{8,600}\))'
)
_QURAN_SIGNS = ("﴿", "تعالي", "عز وجل", "الكريم", "العزيز", "التنزيل")


class Asides:
    """Finds asides, with the tables of agencies and of places that datelines begin with."""

    def __init__(self, agencies: str, cities: str) -> None:
        """`agencies`: lines of a usual name and every way of writing it, tabs between; `cities`: one a line."""
        cleaner = Cleaner("arabic")
        self._names: dict[str, str] = {}
        for line in _lines(agencies):
            name, *written = line.split("\t")
            self._names.update((cleaner.clean(way)[0], name) for way in written)
        agency = rf"(?:{_any_of(self._names)})(?: بالعربيه)?"
        agencies = rf"(?:خاص {_SEP} )?{agency}(?: (?:{_SEP}|و) {agency})*"
        city = _any_of({cleaner.clean(city)[0] for city in _lines(cities)})
        place = rf"(?:{city})(?: , {_NAME}(?= [-(:|]))?"
        part = rf'(?:(?:[("\[] )?{agencies}(?: [)"\]])?|{place}|{_DATE})(?!\S)'
        self._agency = re.compile(rf"(?<!\S){agency}(?!\S)")
        self._dateline = re.compile(
            rf'(?:" )?(?:{_NAME} {_SEP} )?{part}(?:(?: {_SEP})? {part}| {_SEP} {_NAME}(?= [-:|)]|\n))*'
            r'(?:(?: [-":/|)](?!\S))+(?=\s)|(?<=\))(?= )|(?=\n))'
        )
        # By form alone, where no table knows who reports: in brackets after a place, then a dash (or a colon, if the
        # place is known or a date stands by it); or on a line of its own, a dash between the two. A line like it must
        # not follow: that is a list of matches.
        reporter = rf"\( (?:(?!(?:{_TELLS}) )[\w.]+ ){{1,4}}\)"
        self._unknown = re.compile(
            rf"(?:(?:{city})|{_NAME}(?: ,| {_SEP})? (?:{_DATE})(?: ,| {_SEP})?) {reporter}(?: [-:])+(?=\s)"
            rf"|{_NAME} {reporter}(?: -)+(?=\s)|{_NAME} - {_NAME}(?: :)?(?=\n)(?!\n[^\n]{{0,{_SOON}}} - )"
            r"|(?:\( )?(?:متابعات|متابعه|خاص)(?: \))?(?:(?: [-:/|])+(?=\s)|(?<=\))(?= )|(?=\n))"
        )
        self._byline = re.compile(rf"(?:{_WRITERS})(?: [-:/])? {_NAME}(?:(?: [-:])+(?=\s)|(?=\n))")
        self._signature = re.compile(rf"(?:المصدر |نقلا عن )?(?:: )?(?:[-(\[] )*{agencies}(?: [)\]-])*(?: \.)?")

    def find(self, text: str) -> list[Aside]:
        """The asides of the clean text of a lead or a body, in order; an agency may lie inside a dateline."""
        found = [Aside(start, end, "boilerplate") for start, end in notices(text)]
        found += self._head(text)
        found += self._tail(text)
        if any(sign in text for sign in _QURAN_SIGNS):
            for match in _QURAN.finditer(text):
                found.append(Aside(*match.span("quote" if match["quote"] else 0), "quran"))
        return sorted(found)

    def _head(self, text: str) -> Iterator[Aside]:
        at = 0
        for _ in range(2):  # a byline and a dateline, in either order
            if _BREAK.search(text, at, at + _SOON) is None:
                return
            kind: Literal["dateline", "byline"] = "dateline"
            match = self._dateline.match(text, at, at + _HEAD)
            if match is None and (match := self._byline.match(text, at, at + _HEAD)) is not None:
                kind = "byline"
            if match is None:
                match = self._unknown.match(text, at, at + _HEAD)
            if match is None or match.end() >= len(text) - 1:
                return
            yield Aside(at, match.end(), kind)
            yield from self._agencies(text, at, match.end())
            at = match.end() + 1

    def _tail(self, text: str) -> Iterator[Aside]:
        """A signature: a last line, a last pair of brackets, or what follows «نقلا عن» in the last sentence."""
        last = text.rfind("\n") + 1
        starts = [last] if len(text) - last <= _SOON else []
        if text.endswith((")", "]", ") .", "] .")):
            starts.append(max(text.rfind(" ( "), text.rfind(" [ ")) + 1)
        for start in starts:
            if start and self._signature.fullmatch(text, start) is not None:
                yield from self._signed(text, start)
                return
        quoted = _SOURCE.search(text, max(last, len(text) - _HEAD))
        if quoted is not None and quoted.start() > 0:
            yield from self._signed(text, quoted.start())

    def _signed(self, text: str, start: int) -> Iterator[Aside]:
        named = next(self._agencies(text, start, len(text)), None)
        yield Aside(start, len(text), "agency", named.name if named else None)

    def _agencies(self, text: str, start: int, end: int) -> Iterator[Aside]:
        for match in self._agency.finditer(text, start, end):
            yield Aside(*match.span(), "agency", self._names[match.group().removesuffix(" بالعربيه")])


def merged(asides: Iterable[Aside]) -> list[int]:
    """Flat start, end of what asides in order cover together."""
    flat: list[int] = []
    for aside in asides:
        if flat and aside.start <= flat[-1]:
            flat[-1] = max(flat[-1], aside.end)
        else:
            flat += (aside.start, aside.end)
    return flat


def _any_of(words: Iterable[str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=lambda word: (-len(word), word)))


def _lines(table: str) -> list[str]:
    return [line for line in table.splitlines() if line and not line.startswith("#")]
