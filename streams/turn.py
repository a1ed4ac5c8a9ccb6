"""What becomes of each record of a batch: an event of the next topic, a mark passed on, a dead letter, or nothing."""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple, TypeVar

from schemas import Article, DeadLetter, Event, Lane, Refused, TaggedArticle, date_of, encode, to_rfc3339
from streams import letters
from streams.delivery import Output
from streams.read import Record
from streams.topics import Header, Topics, by_name, size_of

__all__ = [
    "CAUSE", "MARK", "PLACE", "RAW", "REFUSED", "TOGETHER", "TRACE",
    "Arrival", "Finish", "Think", "Turn", "Turned", "cloud_headers", "refusal", "together",
]  # fmt: skip

RAW = "khabar-raw"  # "<partition>:<offset>" of the raw record
PLACE = "khabar-place"  # replay: the record's place in line
MARK = "khabar-mark"  # replay: the place that a progress mark names; its record is no article
REFUSED = "khabar-refused"  # replay: why the sender could not place the raw record
CAUSE = "khabar-cause"  # replay: the class of that reason, as in schemas.Refused
TRACE = "traceparent"

# Bytes that deduplicate may add to a tagged article (evidence with 20 passages, 2,000 decisions on its id): an enriched
# one has the same limit, and no stage can refuse it once it is decided.
_TO_COME = 128 * 1024


class Arrival(NamedTuple):
    """A record as a core's caller sees it: its bytes, and when the article was seen (microseconds since 1970)."""

    value: bytes
    seen_us: int


Think = Callable[[Arrival], Article]
Finish = Callable[[Sequence[Any]], Sequence[Event]]

G = TypeVar("G")
C = TypeVar("C")

# Records that are finished together: more save nothing, and all of their articles are in memory at once.
TOGETHER = 64


def together(finish: Callable[[Sequence[G]], Sequence[C]], given: Sequence[G]) -> list[C | Exception]:
    """What comes of each; if all of them at once fail, what comes of each alone, so that one harms only itself."""
    found = _tried(finish, given)
    if not isinstance(found, Exception):
        return [*found]
    return [found] if len(given) == 1 else [one for each in given for one in together(finish, [each])]


@dataclass(slots=True)
class Turned:
    """A batch after its turn: what to send, in order, and how many records came to which outcome."""

    outputs: list[Output] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)


def cloud_headers(group: str, event: type[Event]) -> list[Header]:
    """The headers of CloudEvents' binary mode that all events of a type from one stage share; `ce_id` is missing."""
    return [
        ("ce_specversion", b"1.0"),
        ("ce_type", f"khabar.{event.topic}.v1".encode()),
        ("ce_source", f"/{group}".encode()),
        ("content-type", b"application/json"),
    ]


def refusal(stage: str, topics: Topics, record: Record, error: Exception) -> Output:
    """The dead letter for a record: what it held, untouched, and why it got no further."""
    refused = isinstance(error, Refused)
    note = DeadLetter(
        stage=stage,
        cause=error.cause if isinstance(error, Refused) else "bug",
        reason=str(error) if refused else f"{type(error).__name__}: {error}",
        from_topic=record.topic,
        from_partition=record.partition,
        from_offset=record.offset,
        at=to_rfc3339(record.timestamp * 1000),
        trace=None if refused else "".join(traceback.format_exception(error)),
    )
    letter = letters.write(note, record.key, record.value, record.headers)
    return Output(topics.name(DeadLetter), 0, letter.key, letter.value, letter.headers)


class _Asked(NamedTuple):
    """A record that was read: what is known of it so far, and what its event will carry."""

    event: Event
    partition: int
    headers: list[Header]


class Turn:
    """Runs a core over batches of records; `writes` is the type of what comes of an article.

    A core thinks of one record at a time. What costs less for many at once it does in `finish`, which is given all that
    was thought.
    """

    def __init__(
        self,
        stage: str,
        topics: Topics,
        lane: Lane,
        writes: type[Event],
        think: Think,
        finish: Finish | None = None,
    ) -> None:
        self._stage, self._topics, self._think, self._finish = stage, topics, think, finish
        self._replay = lane.kind == "replay"
        self._raw_topic, self._raw_largest = topics.name("raw"), by_name("raw").largest
        self._writes = topics.name(writes)
        self._split = not by_name(writes.topic).single
        self._largest = by_name(writes.topic).largest - (_TO_COME if writes is TaggedArticle else 0)
        self._headers = cloud_headers(topics.group(stage), writes)

    def run(self, records: Iterable[Record]) -> Turned:
        """At most one output a record, in order; never raises for what a record holds."""
        turned = Turned()
        waiting = iter(records)
        while some := list(islice(waiting, TOGETHER)):
            self._run(some, turned)
        return turned

    def _run(self, records: Sequence[Record], turned: Turned) -> None:
        found = [_tried(self._ask, record) for record in records]
        asked = [each.event for each in found if isinstance(each, _Asked)]
        answers = iter(asked if self._finish is None else together(self._finish, asked))
        for record, each in zip(records, found, strict=True):
            if each is None:  # a tombstone: neither an article nor a dead letter
                turned.outcomes["tombstone"] += 1
                continue
            outcome = "mark"
            if isinstance(each, _Asked):
                outcome, each = "out", _tried(self._answer, each, next(answers))
            if isinstance(each, Exception):
                outcome = "refused" if isinstance(each, Refused) else "bug"
                each = refusal(self._stage, self._topics, record, each)
            turned.outputs.append(each)
            turned.outcomes[outcome] += 1

    def _ask(self, record: Record) -> _Asked | Output | None:
        value = record.value
        if value is None:
            return None
        headers = dict(record.headers)
        raw = self._raw(record, value, headers)
        partition = record.partition if self._split else 0
        if MARK in headers:
            if not self._replay:
                raise Refused(f"the record is a progress mark ({MARK}), and lane {self._topics.lane} is live")
            own = [(name, content) for name, content in record.headers if name != RAW]
            return Output(self._writes, partition, record.key, value, [*own, (RAW, raw)])
        if REFUSED in headers:
            raise Refused(headers[REFUSED].decode("utf-8", "replace"), cause=headers.get(CAUSE, b"undated").decode())
        place = headers.get(PLACE) if self._replay else None
        if place is None and self._replay:
            raise Refused(f"the record has no header {PLACE}: only `khabar replay` sends to a replay lane")
        seen_us = record.timestamp * 1000 if place is None else date_of(place.decode())
        event = self._think(Arrival(value, seen_us))
        made = [("ce_id", raw), *self._headers, (RAW, raw)]
        if place is not None:
            made.append((PLACE, place))
        if TRACE in headers:
            made.append((TRACE, headers[TRACE]))
        return _Asked(event, partition, made)

    def _answer(self, asked: _Asked, event: Any) -> Output:
        if isinstance(event, Exception):
            raise event
        key, content = event.id.encode(), encode(event)
        if (size := size_of(key, content, asked.headers)) > self._largest:
            found = f"{event.topic} would be {size:,} bytes; at most {self._largest:,} are kept"
            raise Refused(found, cause="too-large")
        return Output(self._writes, asked.partition, key, content, asked.headers)

    def _raw(self, record: Record, value: bytes, headers: Mapping[str, bytes]) -> bytes:
        """The raw position that the record carries on, or has itself."""
        if record.topic == self._raw_topic:
            size = len(value) + len(record.key or b"")  # the broker's own limit has room for what the wire adds
            if size > self._raw_largest:
                raise Refused(
                    f"the record is {size:,} bytes; at most {self._raw_largest:,} are kept", cause="too-large"
                )
            return f"{record.partition}:{record.offset}".encode()
        if RAW not in headers:
            raise Refused(f"the record has no header {RAW}: no stage of ours wrote it")
        return headers[RAW]


def _tried(does: Callable[..., C], *given: Any) -> C | Exception:
    try:
        return does(*given)
    except MemoryError:
        raise  # the process's own trouble, not the record's
    except Exception as error:
        return error
