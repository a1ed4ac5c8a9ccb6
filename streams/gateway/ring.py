"""The newest events of a topic, ready to be sent: what a client that was away for moments has missed is here."""

from __future__ import annotations

import logging
import re
from bisect import bisect_left
from collections.abc import Mapping
from operator import attrgetter
from typing import Any

import orjson

from streams.gateway.filters import Facts, Sources
from streams.gateway.kinds import Kind
from streams.gateway.words import Words
from streams.read import Record, line_of

__all__ = ["Entry", "Repeats", "Ring", "frame"]

log = logging.getLogger(__name__)

# A minute and a half of 100 events of 1.5 KB a second: who comes back later is served from Kafka, some ms slower. The
# facts of entries (ids; with queries about, the folded text, some three times the bytes of the frame) come on top.
MOST_BYTES = 16 << 20
MOST = 10_000
_SHED = 256  # dropped entries that the list is freed of at once

_LINE_END = re.compile(rb"\r\n|\r|\n")


def frame(name: str, data: bytes, following: int) -> bytes:
    """An SSE event; `following` is the offset to go on with after it."""
    if b"\n" in data or b"\r" in data:  # not from us; each line of data has to be marked as such
        data = b"\ndata: ".join(_LINE_END.split(data))
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (following, name.encode(), data)


class Entry:
    """One event of a topic: its offset, what is sent of it, and (once a filter asks) its facts."""

    __slots__ = ("_facts", "frame", "offset")

    def __init__(self, offset: int, sent: bytes) -> None:
        self.offset = offset
        self.frame = sent
        self._facts: Facts | None = None

    def facts(self, kind: Kind, sources: Sources, words: Words) -> Facts:
        """What filters ask of it; what is no event of ours has none, and passes the empty filter only."""
        if self._facts is None:
            value = self.frame.split(b"\ndata: ", 1)[1].replace(b"\ndata: ", b"\n")
            try:
                self._facts = kind.facts(_object(value), sources, words)
            except (orjson.JSONDecodeError, KeyError, TypeError) as bad:
                log.warning("%s: what is at offset %d is none: %r", kind.stream, self.offset, bad)
                self._facts = Facts((), words)
        return self._facts


def _object(value: bytes) -> Mapping[str, Any]:
    found: Mapping[str, Any] = orjson.loads(value)
    return found


class Repeats:
    """Tells repeats by the number in the line: a record is new if it is past the last one, or has none."""

    def __init__(self) -> None:
        self._line = -1

    def is_new(self, record: Record) -> bool:
        """Whether this record, next in its topic, has not been there before."""
        line = line_of(record)
        if line is None:
            return True
        new = line > self._line
        self._line = max(self._line, line)
        return new


class Ring:
    """Entries by rising offset, bounded in count and bytes: the oldest go first."""

    def __init__(self, *, most: int = MOST, most_bytes: int = MOST_BYTES) -> None:
        self.first = 0  # from here on everything is in it
        self.next = 0  # the offset that will be read next
        self._most, self._most_bytes = most, most_bytes
        self._bytes = 0
        self._entries: list[Entry] = []
        self._gone = 0  # entries at the front that are no longer in it

    def __len__(self) -> int:
        return len(self._entries) - self._gone

    def start(self, offset: int) -> None:
        """Hold nothing, and go on at this offset."""
        self._entries.clear()
        self._gone = self._bytes = 0
        self.first = self.next = offset

    def append(self, entry: Entry) -> None:
        """Take the next one in."""
        self._entries.append(entry)
        self._bytes += len(entry.frame)
        self.next = entry.offset + 1
        while len(self) > self._most or (self._bytes > self._most_bytes and len(self) > 1):
            oldest = self._entries[self._gone]
            self._gone += 1
            self._bytes -= len(oldest.frame)
            self.first = oldest.offset + 1
        if self._gone > _SHED:
            del self._entries[: self._gone]
            self._gone = 0

    def since(self, offset: int, most: int) -> list[Entry]:
        """The first so many at or past an offset."""
        place = bisect_left(self._entries, offset, self._gone, key=attrgetter("offset"))
        return self._entries[place : place + most]
