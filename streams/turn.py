"""What becomes of each record of a batch: an event of the next topic, a mark passed on, a dead letter, or nothing."""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from schemas import Article, DeadLetter, Event, Lane, Refused, TaggedArticle, date_of, encode, to_rfc3339
from streams import letters
from streams.delivery import Output
from streams.read import Record
from streams.topics import Header, Topics, by_name, size_of

__all__ = [
    "CAUSE", "MARK", "PLACE", "RAW", "REFUSED", "TRACE",
    "Arrival", "Think", "Turn", "Turned", "cloud_headers", "refusal",
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


class Turn:
    """Runs a core over batches of records; `writes` is the type of what comes of an article."""

    def __init__(self, stage: str, topics: Topics, lane: Lane, writes: type[Event], think: Think) -> None:
        self._stage, self._topics, self._think = stage, topics, think
        self._replay = lane.kind == "replay"
        self._raw_topic, self._raw_largest = topics.name("raw"), by_name("raw").largest
        self._writes = topics.name(writes)
        self._split = not by_name(writes.topic).single
        self._largest = by_name(writes.topic).largest - (_TO_COME if writes is TaggedArticle else 0)
        self._headers = cloud_headers(topics.group(stage), writes)

    def run(self, records: Iterable[Record]) -> Turned:
        """At most one output a record, in order; never raises for what a record holds."""
        turned = Turned()
        for record in records:
            if record.value is None:  # a tombstone: neither an article nor a dead letter
                turned.outcomes["tombstone"] += 1
                continue
            try:
                outcome, output = self._one(record, record.value)
            except MemoryError:
                raise  # the process's own trouble, not the record's
            except Exception as error:
                outcome = "refused" if isinstance(error, Refused) else "bug"
                output = refusal(self._stage, self._topics, record, error)
            turned.outputs.append(output)
            turned.outcomes[outcome] += 1
        return turned

    def _one(self, record: Record, value: bytes) -> tuple[str, Output]:
        headers = dict(record.headers)
        raw = self._raw(record, value, headers)
        partition = record.partition if self._split else 0
        if MARK in headers:
            if not self._replay:
                raise Refused(f"the record is a progress mark ({MARK}), and lane {self._topics.lane} is live")
            own = [(name, content) for name, content in record.headers if name != RAW]
            return "mark", Output(self._writes, partition, record.key, value, [*own, (RAW, raw)])
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
        key, content = event.id.encode(), encode(event)
        if (size := size_of(key, content, made)) > self._largest:
            found = f"{event.topic} would be {size:,} bytes; at most {self._largest:,} are kept"
            raise Refused(found, cause="too-large")
        return "out", Output(self._writes, partition, key, content, made)

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
