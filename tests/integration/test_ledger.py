"""The ledger on a real broker: each raw position in its place, and what was lost is named."""

import asyncio
from collections.abc import Iterable

import orjson
import pytest
from aiokafka import TopicPartition
from typer.testing import CliRunner

from deploy.cli import app
from schemas import LAST, Lane, Misconfigured, Progress, encode
from streams import lanes
from streams.delivery import Delivery, Output
from streams.kafka import make_consumer, running
from streams.ledger import Ledger, Lost, read_ledger
from streams.memory import LOG
from streams.settings import Settings
from streams.topics import Header, Topics
from streams.turn import MARK, PLACE, RAW

pytestmark = pytest.mark.kafka


class Book:
    """A lane whose topics a test writes as the stages would."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self.names = settings, Topics(settings.prefix, settings.lane)

    async def write(
        self, topic: str, records: Iterable[tuple[bytes | None, dict[str, str]]], partition: int = 0
    ) -> None:
        delivery = Delivery(self.settings)
        outputs = []
        for value, headers in records:
            listed: list[Header] = [(name, content.encode()) for name, content in headers.items()]
            outputs.append(Output(self.names.name(topic), partition, b"k", value, listed))
        await delivery.send(outputs)
        await delivery.close()

    async def acknowledge(self, stage: str, topic: str, offsets: dict[int, int]) -> None:
        group = self.names.group(stage)
        async with running(make_consumer(self.settings, group_id=group), self.settings) as consumer:
            at = {TopicPartition(self.names.name(topic), each): offset for each, offset in offsets.items()}
            consumer.assign(list(at))
            await consumer.commit(at)

    def letter(self, topic: str, offset: int, cause: str, **more: str) -> tuple[bytes, dict[str, str]]:
        headers = {"khabar-stage": "s", "khabar-cause": cause, "khabar-topic": self.names.name(topic)}
        return b"{}", headers | {"khabar-partition": "0", "khabar-offset": str(offset)} | more


def enriched(*lines: int) -> bytes:
    return orjson.dumps({"lines": [{"line": line, "version": "v"} for line in lines]})


@pytest.fixture
async def live(kafka: str, lane: str) -> Book:
    settings = Settings(broker=kafka, lane=lane, partitions=2)
    await lanes.create(settings, lanes.LIVE)
    return Book(settings)


async def told(book: Book) -> Ledger:
    return await read_ledger(book.settings)


async def test_a_lane_in_which_nothing_has_happened_owes_nothing(live: Book) -> None:
    assert await told(live) == Ledger()


async def test_what_no_stage_has_acknowledged_is_on_its_way(live: Book) -> None:
    await live.write("raw", [(b"{}", {})] * 3)
    await live.write("raw", [(b"{}", {})] * 2, partition=1)
    assert await told(live) == Ledger(pending=5)
    await live.write("normalized", [(b"{}", {RAW: "0:0"}), (b"{}", {RAW: "0:1"})])
    await live.acknowledge("normalize", "raw", {0: 2, 1: 0})
    assert await told(live) == Ledger(pending=5)
    await live.write("tagged", [(b"{}", {RAW: "0:0"})])
    assert await told(live) == Ledger(pending=5)


async def test_each_position_of_a_live_lane_is_what_its_stages_made_of_it(live: Book) -> None:
    raw = [(b"{}", {})] * 6
    await live.write("raw", [*raw, (None, {})])
    await live.write("normalized", [(b"{}", {RAW: f"0:{each}"}) for each in (0, 1, 3, 4, 1)])
    log = [(b"{}", {RAW: f"0:{each}"}) for each in (0, 1, 3, 1)]  # position 1 twice, as after a kill
    await live.write("tagged", log)
    # Of the two decisions on one article, compaction has left the second.
    await live.write("enriched", [(enriched(0, 1), {RAW: "0:1"})])
    letters = [live.letter("raw", 2, "not-json"), live.letter("raw", 2, "not-json")]
    letters.append(live.letter("normalized", 3, "bug", **{RAW: "0:4"}))
    await live.write("letters", letters)
    await live.acknowledge("normalize", "raw", {0: 5})
    await live.acknowledge("tag", "normalized", {0: 5})
    await live.acknowledge("deduplicate", "tagged", {0: 4})
    wanted = Ledger(enriched=2, repeats=1, letters=2, pending=1, tombstones=1, causes={"not-json": 1, "bug": 1})
    assert await told(live) == wanted
    assert wanted.records == 6


async def test_what_was_acknowledged_and_left_nothing_is_lost_and_named(live: Book) -> None:
    await live.write("raw", [(b"{}", {})] * 4)
    await live.write("normalized", [(b"{}", {RAW: "0:0"}), (b"{}", {RAW: "0:2"}), (b"{}", {RAW: "0:3"})])
    await live.acknowledge("normalize", "raw", {0: 4})
    await live.acknowledge("tag", "normalized", {0: 2})
    found = await told(live)
    assert (found.lost, found.pending, found.records) == (3, 1, 4)
    assert found.examples == [Lost(0, 0, "tag"), Lost(0, 1, "normalize"), Lost(0, 2, "tag")]


async def test_a_letter_that_was_cut_is_known_by_the_record_it_came_from(live: Book) -> None:
    await live.write("raw", [(b"{}", {})] * 2)
    await live.write("normalized", [(b"{}", {RAW: "0:0"}), (b"{}", {RAW: "0:1"})])
    await live.write("tagged", [(b"{}", {RAW: "0:1"})])
    await live.write("letters", [live.letter("normalized", 0, "too-large"), live.letter("tagged", 0, "late")])
    await live.acknowledge("normalize", "raw", {0: 2})
    await live.acknowledge("tag", "normalized", {0: 2})
    await live.acknowledge("deduplicate", "tagged", {0: 1})
    assert await told(live) == Ledger(letters=2, causes={"too-large": 1, "late": 1})


async def test_a_replay_lane_holds_back_what_its_marks_have_not_passed(kafka: str, lane: str) -> None:
    settings = Settings(broker=kafka, lane=lane, partitions=1)
    await lanes.create(settings, Lane(kind="replay", since=None, until=None, versions={}))
    book = Book(settings)
    places = ["1a", "2b", "3c", "2b"]
    await book.write("raw", [*((b"{}", {PLACE: each}) for each in places), (b"{}", {MARK: "2z"})])
    log = [(b"{}", {RAW: f"0:{n}", PLACE: each}) for n, each in enumerate(places)]
    await book.write("tagged", [*log, (b"{}", {RAW: "0:4", MARK: "2z"})])
    progress = Progress(line=1, raw={"0": 4}, passed="2z")
    await book.write("enriched", [(b"{}", {RAW: "0:0", LOG: "0"}), (b"{}", {RAW: "0:1", LOG: "1"})])
    await book.write("progress", [(encode(progress), {})])
    assert (await told(book)).pending == 2, "the last key of progress is not its own"
    await _progress(book, progress)
    assert await told(book) == Ledger(enriched=2, repeats=1, pending=1, marks=1)
    await _progress(book, Progress(line=2, raw={"0": 4}, passed=LAST))
    assert await told(book) == Ledger(enriched=2, repeats=2, marks=1)


async def _progress(book: Book, progress: Progress) -> None:
    delivery = Delivery(book.settings)
    topic = book.names.name(Progress)
    await delivery.send([Output(topic, 0, lanes.PROGRESS_KEY, encode(progress), [])])
    await delivery.close()


async def test_a_lane_that_is_not_there_is_said_to_be_so(kafka: str, lane: str) -> None:
    with pytest.raises(Misconfigured, match=f"there is no lane {lane}"):
        await read_ledger(Settings(broker=kafka, lane=lane))


def test_the_command_ends_with_1_where_something_is_lost(kafka: str, lane: str) -> None:
    settings = Settings(broker=kafka, lane=lane, partitions=1)

    def khabar() -> tuple[int, str, str]:
        done = CliRunner().invoke(app, ["ledger", lane, "--broker", kafka])
        return done.exit_code, done.stdout, done.stderr

    asyncio.run(lanes.create(settings, lanes.LIVE))
    book = Book(settings)
    asyncio.run(book.write("raw", [(b"{}", {})] * 2))
    assert khabar()[:2] == (0, "enriched\t0\t\non their way\t2\t\nlost\t0\t\nrecords\t2\t\n")
    asyncio.run(book.acknowledge("normalize", "raw", {0: 1}))
    code, out, err = khabar()
    assert (code, out) == (1, "enriched\t0\t\non their way\t1\t\nlost\t1\t\nrecords\t2\t\n")
    assert "lost: articles.raw/0@0: normalize acknowledged it, and nothing came of it" in err
