"""A hundred thousand records of random and mutated bytes: each comes out once or is a dead letter, all counted."""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Callable

import orjson
import pytest

from deploy import samples
from schemas import EnrichedArticle, Lane, RawArticle, Unavailable, decode
from streams import lanes
from streams.delivery import Delivery, Output
from streams.lag import Lag
from streams.read import Record, header, read_topic
from streams.settings import Settings
from streams.stage import STAGES
from streams.topics import Topics
from streams.turn import RAW

pytestmark = pytest.mark.kafka

COUNT = 100_000


def mutated(count: int, seed: int) -> list[bytes]:
    """Sample articles, cut short, with bytes changed, doubled, lost or replaced by others, and plain noise."""
    chance = random.Random(seed)
    with samples.paths() as files:
        lines = [line for file in files if file.suffix == ".jsonl" for line in file.read_bytes().splitlines()]
    short = []
    for line in lines:
        with contextlib.suppress(orjson.JSONDecodeError):
            fields = orjson.loads(line)
            if isinstance(fields, dict):
                line = orjson.dumps({name: v[:60] if isinstance(v, str) else v for name, v in fields.items()})
        short.append(line[:1500])

    def one() -> bytes:
        kind = chance.random()
        if kind < 0.2:
            return chance.randbytes(chance.randrange(1, 60))
        value = bytearray(chance.choice(short))
        for _ in range(chance.randrange(4)):
            at, length = chance.randrange(len(value)), chance.randrange(1, 20)
            match chance.randrange(5):
                case 0:
                    value[at : at + length] = chance.randbytes(length)
                case 1:
                    del value[at : at + length]
                case 2:
                    value[at:at] = value[at : at + length]
                case 3:
                    other = chance.choice(short)
                    value[at : at + length] = other[at : at + length]
                case _:
                    del value[at + 1 :]
            if not value:
                return b" "
        return bytes(value)

    return [one() for _ in range(count)]


async def drained(settings: Settings) -> None:
    """Return when every stage has acknowledged all it reads; a fresh broker has no coordinator at first."""
    behind = 1
    async with Lag(settings) as lag:
        while behind:
            await asyncio.sleep(0.5)
            with contextlib.suppress(Unavailable):
                behind = sum([sum((await lag.of(stage)).values()) for stage in STAGES])


def position(record: Record) -> str:
    """The raw position of what a dead letter holds."""
    if header(record, "khabar-stage") != b"normalize":
        return (header(record, RAW) or b"").decode()
    return b":".join(header(record, f"khabar-{each}") or b"" for each in ("partition", "offset")).decode()


async def test_every_one_of_100_000_mutated_records_comes_out_or_is_a_dead_letter(
    kafka: str, lane: str, workers: Callable[[Settings], contextlib.AbstractContextManager[None]]
) -> None:
    settings = Settings(broker=kafka, lane=lane, metrics_port=0)
    await lanes.create(settings, Lane(kind="live", since=None, until=None, versions={}))
    values = mutated(COUNT, seed=7)
    topic = Topics(settings.prefix, lane).name(RawArticle)
    delivery = Delivery(settings)
    await delivery.send(Output(topic, n % settings.partitions, None, value, ()) for n, value in enumerate(values))
    await delivery.close()
    with workers(settings):
        await drained(settings)

    sent = {f"{n % settings.partitions}:{n // settings.partitions}" for n in range(COUNT)}
    tagged = Counter([(header(record, RAW) or b"").decode() async for record in read_topic(settings, "tagged")])
    letters, undecided = Counter[str](), set[str]()
    async for record in read_topic(settings, "letters"):
        partition, _, offset = (where := position(record)).partition(":")
        letters[where] += 1
        assert header(record, "khabar-cause") != b"bug", header(record, "khabar-trace")
        if header(record, "khabar-stage") == b"deduplicate":
            undecided.add(where)
        if header(record, "khabar-stage") == b"normalize":
            assert record.value == values[int(offset) * settings.partitions + int(partition)]
    assert set(letters.values()) == {1}
    decided = [decode(EnrichedArticle, record.value or b"") async for record in read_topic(settings, "enriched")]
    assert len({(each.id, each.version) for each in decided}) == len(decided)
    assert undecided <= tagged.keys()
    assert not (letters.keys() - undecided) & tagged.keys()
    assert tagged.keys() | letters.keys() == sent
    assert set(tagged.values()) == {1}
    assert letters.total() > COUNT // 4
    assert len(decided) > 100
