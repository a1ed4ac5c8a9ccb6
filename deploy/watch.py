"""A lane seen from outside: records counted on every topic, and the newest of each article and story."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable

from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas import (
    LAST,
    DeadLetter,
    EnrichedArticle,
    Event,
    NormalizedArticle,
    Progress,
    RawArticle,
    Story,
    TaggedArticle,
    decode,
)
from streams import cluster
from streams.kafka import errors, make_consumer, running
from streams.lanes import PROGRESS_KEY
from streams.read import Record, header, line_of
from streams.settings import Settings
from streams.topics import Topics
from streams.turn import MARK, RAW

__all__ = ["Watch"]

_POLL_MS = 200
_TOPICS = (RawArticle, NormalizedArticle, TaggedArticle, EnrichedArticle, Story, DeadLetter, Progress)


class Watch:
    """Reads a whole lane from its beginning until its end marks have passed; made to be looked at meanwhile."""

    def __init__(self) -> None:
        self.articles: dict[str, EnrichedArticle] = {}  # the newest of each id
        self.stories: dict[str, Story] = {}
        self.causes: Counter[str] = Counter()  # of the dead letters
        self.drained = False
        self._seen: dict[str, set[Hashable]] = defaultdict(set)

    @property
    def sent(self) -> int:
        """Records in the raw topic, progress marks left out."""
        return len(self._seen[RawArticle.topic])

    def standing(self) -> list[tuple[str, int]]:
        """How many records have come how far, each counted once however often it was delivered."""
        passed: dict[str, type[Event]] = {
            "normalize": NormalizedArticle,
            "tag": TaggedArticle,
            "deduplicate": EnrichedArticle,
        }
        stages = [(stage, len(self._seen[kind.topic])) for stage, kind in passed.items()]
        return [("sent", self.sent), *stages, ("refused", self.causes.total()), ("stories", len(self.stories))]

    async def run(self, settings: Settings) -> None:
        """Read until the lane is drained, and then what was written up to there."""
        names = Topics(settings.prefix, settings.lane)
        kinds = {names.name(kind): kind.topic for kind in _TOPICS}
        partitions = [each for name in kinds for each in await cluster.partitions(settings, name)]
        async with running(make_consumer(settings), settings) as consumer:
            with errors(settings):
                consumer.assign(partitions)
                await consumer.seek_to_beginning(*partitions)
                while not self.drained:
                    await self._poll(consumer, partitions, kinds)
                # What ends a transaction reaches its partitions one after another: on some, what is committed may still
                # end before it. So up to where anything was written.
                async with running(make_consumer(settings, isolation_level="read_uncommitted"), settings) as written:
                    ends = await written.end_offsets(partitions)
                while [each for each in partitions if await consumer.position(each) < ends[each]]:
                    await self._poll(consumer, partitions, kinds)

    async def _poll(self, consumer: AIOKafkaConsumer, partitions: list[TopicPartition], kinds: dict[str, str]) -> None:
        for partition, records in (await consumer.getmany(*partitions, timeout_ms=_POLL_MS)).items():
            for record in records:
                self.take(kinds[partition.topic], record)

    def take(self, topic: str, record: Record) -> None:
        """One record of that topic of the table."""
        if header(record, MARK) is not None or record.value is None:
            return
        seen = self._seen[topic]
        if topic == RawArticle.topic:
            seen.add((record.partition, record.offset))
        elif topic in (NormalizedArticle.topic, TaggedArticle.topic):
            seen.add(header(record, RAW))
        elif topic == EnrichedArticle.topic:
            article = decode(EnrichedArticle, record.value)
            self.articles[article.id] = article
            seen.add(line_of(record))
        elif topic == Story.topic:
            story = decode(Story, record.value)
            self.stories[story.id] = story
            seen.add(story.id)
        elif topic == DeadLetter.topic:
            origin = tuple(header(record, f"khabar-{name}") for name in ("topic", "partition", "offset"))
            if origin not in seen:
                seen.add(origin)
                self.causes[(header(record, "khabar-cause") or b"").decode()] += 1
        elif record.key == PROGRESS_KEY:
            self.drained = decode(Progress, record.value).passed == LAST
