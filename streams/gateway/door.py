"""Whether an article may come in: what the stages would refuse is refused while the producer is still there to hear it.

Pure: values in, values out. What it takes, normalize takes too, but for text that is all markup.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import orjson

from schemas import RAW_FIELDS, RawArticle, Refused, decode_raw, parse_date
from streams.publishing import Record, record_of
from streams.topics import by_name

__all__ = ["Identify", "Refusal", "Taken", "check", "lines"]

# The id of an article as far as it can be told without its clean text; raises Refused if nothing says which it is.
Identify = Callable[[RawArticle], str | None]

_LARGEST = by_name(RawArticle.topic).largest
_FIRST_WORD = re.compile(r"\w+")
_OPENING = re.compile(rb"\s*\{")


@dataclass(frozen=True, slots=True)
class Taken:
    """An article that may come in."""

    record: Record
    id: str | None  # None where it follows from the clean text


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an article may not come in; `pointer` is a JSON pointer to the field, None where it is the whole record."""

    cause: str  # as in dead letters
    detail: str
    pointer: str | None

    @property
    def status(self) -> int:
        """The HTTP status that says the same."""
        return {"not-json": 400, "too-large": 413}.get(self.cause, 422)


def check(value: bytes, source: str, identify: Identify) -> Taken | Refusal:
    """Judge what a producer sent on behalf of `source`.

    A record that names no source gets that one, in front of its other fields; its bytes are otherwise as they came.
    """
    if len(value) > _LARGEST:
        return Refusal("too-large", f"the record is {len(value):,} bytes; at most {_LARGEST:,} are taken", None)
    try:
        article = decode_raw(value)
        if article.source is None:
            value = _with_source(value, source)
            article = decode_raw(value)
        if article.source is None or article.source.strip() != source:
            shown = orjson.dumps(article.source).decode()
            raise Refused(f'source is {shown[:62]}; this token sends for "{source}": name that one, or none')
        id_ = identify(article)
        for field, date in (("published_at", article.published_at), ("seen_at", article.seen_at)):
            if date is not None:
                parse_date(date, field)
        if article.status != "canceled" and (article.status == "usable" or id_ is None) and not _says(article):
            raise Refused("title and body hold no letter or digit; an article needs one of them", cause="empty")
    except Refused as refused:
        return Refusal(refused.cause, str(refused), _pointer(str(refused)))
    record = record_of(article, value)
    if record is None:
        return Refusal("too-large", f"the record with its key is over {_LARGEST:,} bytes, the most that is taken", None)
    return Taken(record, id_)


def lines(body: bytes) -> Iterator[tuple[int, bytes]]:
    """The records of an NDJSON body with the number of their line, from 1; empty lines are none."""
    begin, number = 0, 0
    while begin < len(body):
        end = body.find(b"\n", begin)
        end = len(body) if end < 0 else end
        number += 1
        if line := body[begin:end].strip(b" \t\r"):
            yield number, line
        begin = end + 1


def _with_source(value: bytes, source: str) -> bytes:
    opening = _OPENING.match(value)
    assert opening is not None  # noqa: S101 - it was read as an object
    rest = value[opening.end() :]
    comma = b"" if rest.lstrip().startswith(b"}") else b","
    return value[: opening.end()] + b'"source":' + orjson.dumps(source) + comma + rest


def _says(article: RawArticle) -> bool:
    return any(map(str.isalnum, article.title or "")) or any(map(str.isalnum, article.body or ""))


def _pointer(reason: str) -> str | None:
    """Reasons begin with the field that they are about."""
    first = _FIRST_WORD.match(reason)
    return f"#/{first[0]}" if first is not None and first[0] in RAW_FIELDS else None
