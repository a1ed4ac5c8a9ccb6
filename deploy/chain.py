"""The three cores chained without a broker: what `khabar process` runs, and what a replay through Kafka reproduces."""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

from agents.deduplicate import Deduplicator
from agents.normalize import Normalizer
from agents.tag import Tagger
from schemas import Article, Event, Received, Refused, TaggedArticle, date_of, decode_raw, encode
from streams.archives import Placed, Unplaced
from streams.topics import by_name

__all__ = ["Chain", "Refusal"]

# Bytes of a raw value from which its events are measured against their topics: they are at most some thirty times as
# large, and measuring means encoding them once more.
_LARGE = 128 * 1024


class Refusal(NamedTuple):
    """A record that got no further: what a replay makes a dead letter of."""

    stage: str
    cause: str
    reason: str  # begins with file:line
    value: bytes
    trace: str | None = None  # of a bug


class Chain:
    """Takes records in the order of their places; gives what comes of each, in the order of the line."""

    def __init__(self, normalizer: Normalizer, tagger: Tagger, deduplicator: Deduplicator) -> None:
        self._normalizer, self._tagger, self._deduplicator = normalizer, tagger, deduplicator
        self._line = 0

    @classmethod
    def shipped(cls, tagger: Literal["crf", "off"] = "crf") -> Chain:
        """The cores with the tables and models that come with Khabar; `tagger` is the setting of that name."""
        tags = Tagger.shipped() if tagger == "crf" else Tagger.off()
        return cls(Normalizer.shipped(), tags, Deduplicator.shipped())

    @property
    def versions(self) -> dict[str, str]:
        """Stage -> version of its code, models and tables."""
        return {
            "normalize": self._normalizer.version,
            "tag": self._tagger.version,
            "deduplicate": self._deduplicator.version,
        }

    def run(self, records: Iterable[Placed | Unplaced]) -> Iterator[list[Event] | Refusal]:
        """Yield the events of each decision, none for a repeat, or why a record was refused; never raises for one."""
        for record in records:
            if isinstance(record, Unplaced):
                yield Refusal("normalize", record.cause, record.reason, record.value)
                continue
            stage = "normalize"
            try:
                received = Received(value=record.value, seen_us=date_of(record.place))
                normalized = self._normalizer.normalize(decode_raw(record.value), received)
                _fits(normalized, record.value)
                stage = "tag"
                tagged = self._tagger.tag(normalized)
                _fits(tagged, record.value)
                stage = "deduplicate"
                events = self._decide(tagged)
            except MemoryError:
                raise  # the process's own trouble, not the record's
            except Refused as refused:
                yield Refusal(stage, refused.cause, f"{record.where}: {refused}", record.value)
            except Exception as bug:
                trace = "".join(traceback.format_exception(bug))
                yield Refusal(stage, "bug", f"{record.where}: {type(bug).__name__}: {bug}", record.value, trace)
            else:
                yield events

    def _decide(self, tagged: TaggedArticle) -> list[Event]:
        """The line of a replay counts decisions: a repeat takes no number."""
        events = self._deduplicator.decide(tagged, self._line)
        self._line += bool(events)
        return events


def _fits(event: Article, value: bytes) -> None:
    largest = by_name(event.topic).largest
    if len(value) >= _LARGE and (size := len(encode(event))) > largest:
        raise Refused(f"{event.topic} would be {size:,} bytes; at most {largest:,} are kept", cause="too-large")
