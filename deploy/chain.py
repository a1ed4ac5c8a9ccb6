"""The three cores chained without a broker: what `khabar process` runs, and what a replay through Kafka reproduces."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, Literal, NamedTuple, TypeVar

from agents.deduplicate import Deduplicator
from agents.normalize import Normalizer
from agents.tag import Tagger
from schemas import Article, Event, NormalizedArticle, Received, Refused, TaggedArticle, date_of, decode_raw, encode
from streams.archives import Placed, Unplaced
from streams.topics import by_name
from streams.turn import TOGETHER, together

__all__ = ["Chain", "Refusal"]

# Bytes of a raw value from which its events are measured against their topics: they are at most some thirty times as
# large, and measuring means encoding them once more.
_LARGE = 128 * 1024

A = TypeVar("A", bound=Article)
C = TypeVar("C")


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
        waiting = iter(records)
        while some := list(islice(waiting, TOGETHER)):
            begun = [self._begin(each) for each in some]
            articles = [each[1] for each in begun if not isinstance(each, Refusal)]
            answers = iter(together(self._tagger.tag_all, articles))
            for each in begun:
                if isinstance(each, Refusal):
                    yield each
                    continue
                record = each[0]
                tagged = _tried("tag", record, _fitting, next(answers), record.value)
                yield tagged if isinstance(tagged, Refusal) else _tried("deduplicate", record, self._decide, tagged)

    def _begin(self, record: Placed | Unplaced) -> tuple[Placed, NormalizedArticle] | Refusal:
        if isinstance(record, Unplaced):
            return Refusal("normalize", record.cause, record.reason, record.value)
        found = _tried("normalize", record, self._normalize, record)
        return found if isinstance(found, Refusal) else (record, found)

    def _normalize(self, record: Placed) -> NormalizedArticle:
        received = Received(value=record.value, seen_us=date_of(record.place))
        return _fitting(self._normalizer.normalize(decode_raw(record.value), received), record.value)

    def _decide(self, tagged: TaggedArticle) -> list[Event]:
        """The line of a replay counts decisions: a repeat takes no number."""
        events = self._deduplicator.decide(tagged, self._line)
        self._line += bool(events)
        return events


def _fitting(event: A | Exception, value: bytes) -> A:
    """The event that came of the raw value; raises what came instead, or Refused if its topic would not take it."""
    if isinstance(event, Exception):
        raise event
    largest = by_name(event.topic).largest
    if len(value) >= _LARGE and (size := len(encode(event))) > largest:
        raise Refused(f"{event.topic} would be {size:,} bytes; at most {largest:,} are kept", cause="too-large")
    return event


def _tried(stage: str, record: Placed, does: Callable[..., C], *given: Any) -> C | Refusal:
    try:
        return does(*given)
    except MemoryError:
        raise  # the process's own trouble, not the record's
    except Refused as refused:
        return Refusal(stage, refused.cause, f"{record.where}: {refused}", record.value)
    except Exception as bug:
        trace = "".join(traceback.format_exception(bug))
        return Refusal(stage, "bug", f"{record.where}: {type(bug).__name__}: {bug}", record.value, trace)
