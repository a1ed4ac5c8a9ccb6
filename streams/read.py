"""Reads a topic as every reader must: committed records only, each once, up to its end or for ever."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from tempfile import SpooledTemporaryFile
from typing import Literal

from aiokafka import ConsumerRecord

from schemas import Event, Misconfigured
from streams import cluster
from streams.kafka import errors, make_consumer, running
from streams.settings import Settings
from streams.topics import Topics

__all__ = [
    "LINE_HEADER", "Record", "first_since", "header", "latest_values", "line_of", "newest", "read_topic",
    "without_repeats",
]  # fmt: skip

Record = ConsumerRecord[bytes, bytes]  # topic, partition, offset, timestamp (ms), key, value, headers

LINE_HEADER = "khabar-line"
_POLL_MS = 500
_SPOOLED = 64 * 1024 * 1024  # bytes of values held in memory before they go to disk
_TAIL = 64  # records that a first look at the end of a topic takes in


def header(record: Record, name: str) -> bytes | None:
    """The first header of that name."""
    return next((value for key, value in record.headers if key == name), None)


def line_of(record: Record) -> int | None:
    """The number in the line that the record carries, on enriched and stories."""
    value = header(record, LINE_HEADER)
    return None if value is None else int(value)


async def read_topic(
    settings: Settings,
    name: str | type[Event],
    *,
    follow: bool = False,
    start: dict[int, int] | None = None,
) -> AsyncGenerator[Record, None]:
    """Yield the committed records of the lane's topic, from the beginning or from the offset of each partition in
    `start`, up to the last stable offset of now; for ever if `follow`.

    `name` is that of the table, short or whole. Within a partition in order, across partitions in no order.
    Raises Misconfigured if there is no such topic, or a position in `start` is no longer in the log.
    """
    topic = Topics(settings.prefix, settings.lane).name(name)
    partitions = await cluster.partitions(settings, topic)
    async with running(make_consumer(settings), settings) as consumer:
        with errors(settings):
            consumer.assign(partitions)
            first = await consumer.beginning_offsets(partitions)
            ends = await consumer.end_offsets(partitions)
            for partition in partitions:
                offset = (start or {}).get(partition.partition, first[partition])
                if offset < first[partition]:
                    raise Misconfigured(
                        f"{topic}: partition {partition.partition} begins at offset {first[partition]}; "
                        f"{offset} is gone"
                    )
                consumer.seek(partition, offset)
        open_ones = {
            each for each in partitions if follow or (start or {}).get(each.partition, first[each]) < ends[each]
        }
        while open_ones:
            with errors(settings):
                fetched = await consumer.getmany(*open_ones, timeout_ms=_POLL_MS)
            for partition, records in fetched.items():
                for record in records:
                    if follow or record.offset < ends[partition]:
                        yield record
            if not follow:
                with errors(settings):
                    open_ones = {each for each in open_ones if await consumer.position(each) < ends[each]}


async def without_repeats(records: AsyncIterator[Record]) -> AsyncIterator[Record]:
    """Drop what is not higher in line than the last of its topic; what carries no line number passes."""
    last = -1
    async for record in records:
        line = line_of(record)
        if line is not None:
            if line <= last:
                continue
            last = line
        yield record


async def latest_values(
    records: AsyncIterator[Record], *, by: Literal["key", "line"] = "key"
) -> tuple[Iterator[bytes], int]:
    """The newest value of each key, in the order of the keys or of the topic, and the number of records without a key.

    Values wait on disk, keys in memory: a topic may be larger than that. A key whose newest value is None is removed.
    """
    spool: SpooledTemporaryFile[bytes] = SpooledTemporaryFile(max_size=_SPOOLED)  # noqa: SIM115 - `values` closes it
    places: dict[bytes, tuple[int, int]] = {}
    keyless = end = 0
    async for record in records:
        if record.key is None:
            keyless += 1
        elif record.value is None:
            places.pop(record.key, None)
        else:
            places[record.key] = (end, len(record.value))
            end += spool.write(record.value)

    def values() -> Iterator[bytes]:
        with spool:
            for offset, size in sorted(places.values()) if by == "line" else map(places.__getitem__, sorted(places)):
                spool.seek(offset)
                yield spool.read(size)

    return values(), keyless


async def first_since(settings: Settings, name: str | type[Event], us: int) -> int | None:
    """The offset of the first record that a topic of one partition got at or after that time, None if there is none."""
    (partition,) = await cluster.partitions(settings, Topics(settings.prefix, settings.lane).name(name))
    async with running(make_consumer(settings), settings) as consumer:
        with errors(settings):
            found = (await consumer.offsets_for_times({partition: max(0, us // 1000)}))[partition]
    return None if found is None else int(found.offset)


async def newest(
    settings: Settings, name: str | type[Event], key: bytes | None = None, *, before: int | None = None
) -> Record | None:
    """The last committed record of a topic of one partition, with that key and before that offset where given.

    Looks from the end backwards.
    """
    topic = Topics(settings.prefix, settings.lane).name(name)
    (partition,) = await cluster.partitions(settings, topic)
    async with running(make_consumer(settings), settings) as consumer:
        with errors(settings):
            consumer.assign([partition])
            first = (await consumer.beginning_offsets([partition]))[partition]
            end = (await consumer.end_offsets([partition]))[partition]
            found: Record | None = None
            if before is not None:
                end = min(end, before)
            tail, until = _TAIL, end
            while found is None and until > first:
                begin = max(first, end - tail)
                consumer.seek(partition, begin)
                while await consumer.position(partition) < until:
                    for record in (await consumer.getmany(timeout_ms=_POLL_MS)).get(partition, []):
                        if key in (None, record.key) and record.offset < until:
                            found = record
                until, tail = begin, tail * 16
    return found
