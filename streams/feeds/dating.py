"""Dates as Arabic newsrooms write them: three sets of month names, two calendars, digits of two scripts."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo

from hijridate import Hijri

from schemas import Instant, Refused, parse_date

__all__ = ["date_in_url", "read_date"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

# Egypt and the Gulf; the Levant and Iraq; Tunisia and Algeria; Morocco. Written as `_folded` leaves them.
_MONTHS = (
    "يناير|كانون الثاني|جانفي",
    "فبراير|شباط|فيفري",
    "مارس|اذار",
    "ابريل|نيسان|افريل",
    "مايو|ايار|ماي",
    "يونيو|يونيه|حزيران|جوان",
    "يوليو|يوليه|تموز|جويليه|يوليوز",
    "اغسطس|اب|اوت|غشت",
    "سبتمبر|ايلول|شتنبر",
    "اكتوبر|تشرين الاول",
    "نوفمبر|تشرين الثاني|نونبر",
    "ديسمبر|كانون الاول|دجنبر",
)
_HIJRI_MONTHS = (
    "محرم|المحرم",
    "صفر",
    "ربيع الاول",
    "ربيع الاخر|ربيع الثاني",
    "جمادي الاولي|جمادي الاول",
    "جمادي الاخره|جمادي الثانيه|جمادي الاخر",
    "رجب",
    "شعبان",
    "رمضان",
    "شوال",
    "ذو القعده|ذي القعده",
    "ذو الحجه|ذي الحجه",
)


def _numbers(months: tuple[str, ...]) -> dict[str, int]:
    return {name: number for number, names in enumerate(months, start=1) for name in names.split("|")}


_NUMBER = _numbers(_MONTHS)
_HIJRI_NUMBER = _numbers(_HIJRI_MONTHS)


def _any_of(names: dict[str, int]) -> str:
    return "|".join(sorted(names, key=len, reverse=True))  # يوليوز before يوليو


_NAMED = re.compile(
    rf"(?<!\d)(\d{{1,2}})\s*[-/]?\s*({_any_of(_NUMBER)})(?:\s*[/(\-]\s*(?:{_any_of(_NUMBER)})\s*\)?)?\s*[-/,،]?\s*(\d{{4}})(?!\d)"
)
_HIJRI_NAMED = re.compile(rf"(?<!\d)(\d{{1,2}})\s*[-/]?\s*({_any_of(_HIJRI_NUMBER)})\s*[-/,،]?\s*(\d{{4}})(?!\d)")
_YEAR_FIRST = re.compile(r"(?<!\d)(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?!\d)")
_YEAR_LAST = re.compile(r"(?<!\d)(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})(?!\d)")
_CLOCK = re.compile(
    r"(?<![\d:])(\d{1,2}):(\d{2})(?::(\d{2}))?(?:[.]\d+)?\s*(ص\b|صباحا|م\b|مساء|ظهرا|am\b|pm\b)?\s*(z\b|gmt|utc|[+-]\d{2}:?\d{2})?"
)
_AFTERNOON = ("م", "مساء", "ظهرا", "pm")
_HIJRI_YEARS = range(1343, 1501)  # what the Umm al-Qura tables cover: 1924 to 2077
_IN_URL = re.compile(r"/((?:19|20)\d\d)[/-](0?[1-9]|1[0-2])[/-](0?[1-9]|[12]\d|3[01])(?=[/_-]|$)")


def read_date(text: str, zone: tzinfo = UTC) -> Instant | None:
    """The moment that a feed or a page names, without a zone in `zone`; None if it names none.

    RFC 3339, RFC 822 and ISO 8601 first, then day, month and year by name or number, day first where both may be. A
    Hijri date (Umm al-Qura) has the precision of a day; where both calendars are named, the Gregorian one counts.
    """
    try:
        return parse_date(text, "date", zone)
    except Refused:
        pass
    folded = _folded(text)
    try:
        if found := _NAMED.search(folded):
            day = date(int(found[3]), _NUMBER[found[2]], int(found[1]))
        elif found := _HIJRI_NAMED.search(folded):
            return _day(_gregorian(int(found[3]), _HIJRI_NUMBER[found[2]], int(found[1])), zone)
        elif found := _YEAR_FIRST.search(folded):
            year, month, number = int(found[1]), int(found[2]), int(found[3])
            if year in _HIJRI_YEARS:
                return _day(_gregorian(year, month, number), zone)
            day = date(year, month, number)
        elif found := _YEAR_LAST.search(folded):
            year, month, number = int(found[3]), int(found[2]), int(found[1])
            if year in _HIJRI_YEARS:
                return _day(_gregorian(year, month, number), zone)
            day = date(year, month, number) if month <= 12 else date(year, number, month)
        else:
            return None
        clock = _CLOCK.search(folded, found.end()) or _CLOCK.search(folded, 0, found.start())
        return _day(day, zone) if clock is None else _moment(day, clock, zone)
    except (ValueError, OverflowError):  # no such day
        return None


def date_in_url(url: str, zone: tzinfo = UTC) -> Instant | None:
    """The day in an address such as https://example.org/2026/05/01/title."""
    found = _IN_URL.search(url)
    if found is None:
        return None
    try:
        return _day(date(int(found[1]), int(found[2]), int(found[3])), zone)
    except ValueError:
        return None


def _folded(text: str) -> str:
    """Digits in ASCII, no vowel signs, one form of alef, ya and ta marbuta: as the names above are written."""
    kept = []
    for sign in unicodedata.normalize("NFKC", text):
        if sign.isdecimal():
            kept.append(str(unicodedata.decimal(sign)))
        elif unicodedata.category(sign) not in ("Mn", "Cf") and sign != "ـ":
            kept.append({"أ": "ا", "إ": "ا", "آ": "ا", "ٱ": "ا", "ى": "ي", "ة": "ه"}.get(sign, sign.lower()))
    return " ".join("".join(kept).split())


def _gregorian(year: int, month: int, day: int) -> date:
    return Hijri(year, month, day).to_gregorian()


def _day(day: date, zone: tzinfo) -> Instant:
    return Instant(_us(datetime(day.year, day.month, day.day, tzinfo=zone)), "day")


def _moment(day: date, clock: re.Match[str], zone: tzinfo) -> Instant:
    hour, minute, second = int(clock[1]), int(clock[2]), int(clock[3] or 0)
    if clock[4]:
        hour = hour % 12 + (12 if clock[4] in _AFTERNOON else 0) if hour <= 12 else hour
    if clock[5]:
        zone = UTC if clock[5][0] in "zgu" else _offset(clock[5])
    at = datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=zone)
    return Instant(_us(at), "second" if clock[3] else "minute")


def _offset(text: str) -> tzinfo:
    sign = -1 if text[0] == "-" else 1
    return timezone(sign * timedelta(hours=int(text[1:3]), minutes=int(text[-2:])))


def _us(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND
