"""The one table of topics: their names, what each must be like, and whether a cluster's are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from schemas import Event, Misconfigured

__all__ = ["FRAMING", "LARGEST", "LETTER_ROOM", "TABLE", "Header", "Kind", "Topic", "Topics", "by_name", "size_of"]

Kind = Literal["live", "replay"]
Header = tuple[str, bytes]

_MIB = 1 << 20
_DAY_MS = 86_400_000
# What the wire adds to a record: 61 bytes of batch, up to 35 of record, a few per header, and what zstd adds to
# bytes that cannot be compressed (1/256). Smaller, and a record that we let through is refused by the broker.
FRAMING = 64 * 1024
# Room in a dead letter for the headers that say why, above the largest record that it may have to hold.
LETTER_ROOM = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """A line of the table. `largest` bounds key, value and headers together, in bytes, before compression."""

    name: str
    single: bool  # one partition: one line; otherwise as many as `partitions` says
    key: str
    compacted: bool
    deleted: bool
    largest: int = 8 * _MIB
    later: bool = False  # lanes of earlier versions lack it, and do without
    what: str

    @property
    def max_message_bytes(self) -> int:
        """The broker's limit: on what is on the wire, so above `largest`."""
        return self.largest + FRAMING

    def config(self, kind: Kind, brokers: int) -> dict[str, str]:
        """What the topic must be created with on a cluster of that many brokers."""
        cleanup = [word for word, wanted in (("compact", self.compacted), ("delete", self.deleted)) if wanted]
        config = {
            "cleanup.policy": ",".join(cleanup),
            "message.timestamp.type": "LogAppendTime",  # with event time, retention deletes an archive within minutes
            "max.message.bytes": str(self.max_message_bytes),
            "min.insync.replicas": "2" if brokers >= 3 else "1",
        }
        if self.deleted:
            days = 90 if self.compacted else 14
            config["retention.ms"] = str(days * _DAY_MS) if kind == "live" else "-1"
            config["retention.bytes"] = "-1"
        else:  # read whole by whoever looks for its newest values: kept short
            config |= {"segment.bytes": str(4 * _MIB), "min.cleanable.dirty.ratio": "0.1"}
        return config


TABLE: tuple[Topic, ...] = (
    Topic(name="articles.raw", single=False, key="the producer's", compacted=False, deleted=True, largest=_MIB,
          what="what a producer sent, bytes untouched"),
    Topic(name="articles.normalized", single=False, key="article id", compacted=False, deleted=True,
          what="clean text, language, map back to the original"),
    Topic(name="articles.tagged", single=True, key="article id", compacted=False, deleted=True,
          what="with entities and fingerprint: the story log"),
    Topic(name="articles.enriched", single=True, key="article id", compacted=True, deleted=True,
          what="with relation and story; a later version replaces an earlier one"),
    Topic(name="stories", single=True, key="story id", compacted=True, deleted=True,
          what="headline, members, sources, entities"),
    Topic(name="deduplicate.progress", single=True, key="constant", compacted=True, deleted=False, largest=_MIB,
          what="where the line stands; what the lane is"),
    Topic(name="entities.trends", single=True, key="entity, window", compacted=True, deleted=True, largest=_MIB,
          what="how much a thing is spoken of, and how unusual that is"),
    Topic(name="alerts", single=True, key="alert id", compacted=True, deleted=True, largest=_MIB, later=True,
          what="which story met which rule"),
    Topic(name="feedback", single=True, key="story id", compacted=False, deleted=True, largest=_MIB, later=True,
          what="what readers say of stories"),
    Topic(name="articles.dead-letters", single=True, key="original key", compacted=False, deleted=True,
          largest=8 * _MIB + LETTER_ROOM, what="original bytes; headers say why"),
)  # fmt: skip

_BY_NAME: Mapping[str, Topic] = {topic.name: topic for topic in TABLE}
_SHORT = {
    "raw": "articles.raw",
    "normalized": "articles.normalized",
    "tagged": "articles.tagged",
    "enriched": "articles.enriched",
    "stories": "stories",
    "progress": "deduplicate.progress",
    "trends": "entities.trends",
    "alerts": "alerts",
    "feedback": "feedback",
    "letters": "articles.dead-letters",
}

LARGEST = max(topic.largest for topic in TABLE)


def size_of(key: bytes | None, value: bytes | None, headers: Iterable[Header]) -> int:
    """The bytes of a record that the table's `largest` bounds."""
    size = len(key or b"") + len(value or b"")
    return size + sum(len(name.encode()) + len(content or b"") for name, content in headers)


def by_name(name: str) -> Topic:
    """The line of the table for `articles.enriched`, or for short `enriched`; raises Misconfigured."""
    try:
        return _BY_NAME[_SHORT.get(name, name)]
    except KeyError:
        raise Misconfigured(f"there is no topic {name!r}; there are {', '.join(_SHORT)}") from None


@dataclass(frozen=True, slots=True)
class Topics:
    """The names of one lane: `<prefix>.<lane>.<name>.v1`, groups and transactional ids `<prefix>.<lane>.<stage>`."""

    prefix: str
    lane: str

    def name(self, of: str | type[Event] | Event) -> str:
        """The topic of an event, of its type, or of a name of the table, short or whole."""
        name = by_name(of).name if isinstance(of, str) else of.topic
        return f"{self.prefix}.{self.lane}.{name}.v1"

    def group(self, stage: str) -> str:
        """The consumer group, and the transactional id, of a stage."""
        return f"{self.prefix}.{self.lane}.{stage}"

    def all(self) -> dict[str, Topic]:
        """Every topic of the lane by its full name, in the order of the way."""
        return {self.name(topic.name): topic for topic in TABLE}
