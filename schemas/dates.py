"""Dates as producers write them, read once and written one way: microseconds since 1970, and RFC 3339 in UTC."""

import re
from datetime import UTC, datetime, timedelta, tzinfo
from email.utils import parsedate_to_datetime
from typing import Literal, NamedTuple

from schemas.errors import Refused

__all__ = ["Instant", "Precision", "from_rfc3339", "parse_date", "to_rfc3339"]

Precision = Literal["second", "minute", "day"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# Epoch numbers at or past this are milliseconds: as seconds it is the year 5138, as milliseconds March 1973.
_MILLISECONDS_FROM = 1e11
_ZONE = re.compile(r"[Zz+-]")
_ACCEPTED = "give RFC 3339, RFC 822, ISO 8601 or epoch seconds"


class Instant(NamedTuple):
    """A moment in microseconds since 1970-01-01T00:00Z, and how precisely the producer named it."""

    us: int
    precision: Precision


def parse_date(value: str | int | float, field: str, zone: tzinfo = UTC) -> Instant:
    """Read RFC 3339, RFC 822, ISO 8601 (without a zone: in `zone`), or epoch seconds or milliseconds.

    Raises Refused, which names `field` and the value, for anything else.
    """
    if isinstance(value, str):
        text = value.strip()
        try:
            if text.replace(".", "", 1).removeprefix("-").isdecimal() and len(text) > 8:
                return _from_epoch(float(text))
            return _from_text(text, zone)
        except (ValueError, OverflowError, IndexError, TypeError):
            raise Refused(f"{field} is {_short(value)}; {_ACCEPTED}", cause="undated") from None
    try:
        return _from_epoch(value)
    except (ValueError, OverflowError):
        raise Refused(f"{field} is {value}; {_ACCEPTED}", cause="undated") from None


def _short(value: str) -> str:
    return f'"{value}"' if len(value) <= 60 else f'"{value[:60]}…"'


def _from_epoch(number: float) -> Instant:
    seconds = number / 1000 if abs(number) >= _MILLISECONDS_FROM else number
    moment = _EPOCH + timedelta(seconds=seconds)
    return Instant((moment - _EPOCH) // _MICROSECOND, "second")


def _from_text(text: str, zone: tzinfo) -> Instant:
    precision: Precision
    if text[:1].isalpha() or " " in text[1:3]:  # Thu, 11 Oct 2012 …, or 11 Oct 2012 …
        moment, precision = parsedate_to_datetime(text), "second"
    else:
        moment = datetime.fromisoformat(text)
        clock = _ZONE.split(text[10:])[0]
        precision = "day" if not clock else "minute" if sum(map(str.isdecimal, clock)) <= 4 else "second"
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    return Instant((moment - _EPOCH) // _MICROSECOND, precision)


def to_rfc3339(us: int) -> str:
    """2026-05-01T09:30:00Z; a fraction only where there is one."""
    return (_EPOCH + us * _MICROSECOND).isoformat().replace("+00:00", "Z")


def from_rfc3339(text: str) -> int:
    """The microseconds of what `to_rfc3339` wrote."""
    return (datetime.fromisoformat(text) - _EPOCH) // _MICROSECOND
