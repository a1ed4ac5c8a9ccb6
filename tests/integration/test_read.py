"""`khabar read` and its library side on a real broker: committed records, each once, up to the end and no further."""

import asyncio
import subprocess
import sys

import orjson
import pytest
from aiokafka import TopicPartition
from aiokafka.admin import RecordsToDelete
from typer.testing import CliRunner

from deploy.cli import app
from schemas import Misconfigured
from streams import cluster
from streams.kafka import make_admin, make_producer, running
from streams.read import Record, first_since, newest, read_topic
from streams.settings import Settings
from streams.topics import Topics

pytestmark = pytest.mark.kafka


@pytest.fixture
async def settings(kafka: str, lane: str) -> Settings:
    settings = Settings(broker=kafka, lane=lane)
    await cluster.create(settings, "replay")
    return settings


def name(settings: Settings, short: str) -> str:
    return Topics(settings.prefix, settings.lane).name(short)


async def send(settings: Settings, short: str, records: list[tuple[str, str, int]]) -> None:
    """Key, value and line number of each."""
    async with running(make_producer(settings), settings) as producer:
        for key, value, line in records:
            headers = [("khabar-line", str(line).encode())]
            await producer.send(name(settings, short), value.encode(), key.encode(), partition=0, headers=headers)


async def read(settings: Settings, short: str, **how: object) -> list[Record]:
    return [record async for record in read_topic(settings, short, **how)]  # type: ignore[arg-type]


def khabar(settings: Settings, *words: str) -> list[str]:
    done = CliRunner().invoke(app, ["read", *words, "--lane", settings.lane, "--broker", settings.broker])
    assert done.exit_code == 0, done.output
    return done.stdout.splitlines()


async def test_only_committed_records_are_read_and_an_open_transaction_is_not_waited_for(settings: Settings) -> None:
    topic = name(settings, "enriched")
    async with running(make_producer(settings, transactional_id=f"{settings.lane}.t"), settings) as producer:
        async with producer.transaction():
            await producer.send_and_wait(topic, b"committed", b"k")
        await producer.begin_transaction()
        await producer.send_and_wait(topic, b"aborted", b"k")
        await producer.abort_transaction()
        async with producer.transaction():
            await producer.send_and_wait(topic, b"committed too", b"k")
        await producer.begin_transaction()
        await producer.send_and_wait(topic, b"open", b"k")
        found = await asyncio.wait_for(read(settings, "enriched"), 20)
        await producer.abort_transaction()
    assert [record.value for record in found] == [b"committed", b"committed too"]
    assert await asyncio.wait_for(read(settings, "enriched"), 20) == found


async def test_all_partitions_are_read_with_keys_headers_and_offsets(settings: Settings) -> None:
    async with running(make_producer(settings), settings) as producer:
        for partition in range(4):
            for offset in range(3):
                value = f"{partition}:{offset}".encode()
                await producer.send(name(settings, "raw"), value, b"k", partition=partition, headers=[("h", value)])
    found = await read(settings, "raw")
    assert sorted(f"{r.partition}:{r.offset}".encode() for r in found) == sorted(r.value for r in found)
    assert all(r.headers == (("h", r.value),) and r.key == b"k" for r in found)
    assert len(found) == 12
    tail = await read(settings, "raw", start={0: 2, 1: 3, 2: 3, 3: 3})
    assert [(record.partition, record.offset) for record in tail] == [(0, 2)]


async def test_an_empty_topic_ends_at_once(settings: Settings) -> None:
    assert await asyncio.wait_for(read(settings, "stories"), 10) == []
    assert await newest(settings, "stories", b"k") is None


async def test_the_newest_record_and_the_first_since_a_time_are_found_without_reading_all(settings: Settings) -> None:
    for number in range(3):
        await send(settings, "stories", [(f"k{number % 2}", f"v{number}", number)])
        await asyncio.sleep(0.01)
    found = await read(settings, "stories")
    newest_ones = [await newest(settings, "stories", *how, before=before) for how, before in
                   (((), None), ((), 2), ((b"k0",), 2), ((b"k0",), None), ((), 0))]  # fmt: skip
    assert [record and record.offset for record in newest_ones] == [2, 1, 0, 2, None]
    middle_us = found[1].timestamp * 1000
    assert await first_since(settings, "stories", middle_us) == 1
    assert await first_since(settings, "stories", -1) == 0
    assert await first_since(settings, "stories", (found[2].timestamp + 1) * 1000) is None


async def test_the_newest_before_an_offset_is_found_however_far_back_that_is(settings: Settings) -> None:
    await send(settings, "stories", [("k", str(n), n) for n in range(300)])
    found = {before: await newest(settings, "stories", before=before) for before in (300, 200, 100, 10, 1)}
    assert {before: record and record.offset + 1 for before, record in found.items()} == {n: n for n in found}


async def test_a_position_that_is_no_longer_in_the_log_is_told_and_not_jumped_over(settings: Settings) -> None:
    await send(settings, "tagged", [("k", str(n), n) for n in range(10)])
    where = TopicPartition(name(settings, "tagged"), 0)
    async with running(make_admin(settings), settings) as admin:
        await admin.delete_records({where: RecordsToDelete(before_offset=6)})
    assert [record.offset for record in await read(settings, "tagged")] == [6, 7, 8, 9]
    with pytest.raises(Misconfigured, match=r"tagged.v1: partition 0 begins at offset 6; 4 is gone"):
        await read(settings, "tagged", start={0: 4})


async def test_who_follows_is_given_what_comes(settings: Settings) -> None:
    await send(settings, "stories", [("a", "1", 0)])
    followed = read_topic(settings, "stories", follow=True)
    assert (await asyncio.wait_for(anext(followed), 10)).value == b"1"
    await send(settings, "stories", [("a", "2", 1)])
    assert (await asyncio.wait_for(anext(followed), 10)).value == b"2"
    await followed.aclose()


async def test_a_topic_that_is_not_there_is_told(kafka: str, lane: str) -> None:
    with pytest.raises(Misconfigured, match=rf"there is no topic khabar.{lane}.stories.v1 at"):
        await read(Settings(broker=kafka, lane=lane), "stories")


def test_the_command_prints_each_value_once(kafka: str, lane: str) -> None:
    settings = prepared(
        kafka, lane, "enriched", [("b", '{"n":1}', 0), ("a", '{"n":2}', 1), ("a", '{"n":2}', 1), ("b", '{"n":3}', 2)]
    )
    assert khabar(settings, "enriched") == ['{"n":1}', '{"n":2}', '{"n":3}']
    assert khabar(settings, "articles.enriched", "-n", "2") == ['{"n":1}', '{"n":2}']
    assert khabar(settings, "enriched", "--latest-per-key") == ['{"n":2}', '{"n":3}']


def test_the_command_leaves_every_byte_of_ours_as_it_is(kafka: str, lane: str) -> None:
    settings = prepared(kafka, lane, "stories", [("k", '{"a":  1.0, "ش":"\\u0634"}', 0)])
    assert khabar(settings, "stories", "--latest-per-key") == ['{"a":  1.0, "ش":"\\u0634"}']


def test_the_command_makes_a_line_of_json_of_whatever_a_producer_sent(kafka: str, lane: str) -> None:
    settings = prepared(kafka, lane, "raw", [("k", '{\n  "title": "خبر"\n}', 0), ("k", "no json\n", 1)])
    assert [orjson.loads(line) for line in khabar(settings, "raw")] == [{"title": "خبر"}, "no json\n"]


def test_the_command_is_quiet_when_its_reader_goes_away(kafka: str, lane: str) -> None:
    settings = prepared(kafka, lane, "enriched", [(str(n), "x" * 10_000, n) for n in range(200)])
    command = [sys.executable, "-m", "deploy", "read", "enriched", "--lane", settings.lane, "--broker", settings.broker]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"x" * 10_000 + b"\n"
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(20) in (0, 1)


def prepared(kafka: str, lane: str, short: str, records: list[tuple[str, str, int]]) -> Settings:
    """A lane with these records, made outside of a running loop, as a command needs it."""
    settings = Settings(broker=kafka, lane=lane)
    asyncio.run(cluster.create(settings, "replay"))
    asyncio.run(send(settings, short, records))
    return settings


async def test_following_ends_when_nobody_reads_any_more(settings: Settings) -> None:
    await send(settings, "enriched", [("a", '{"n":1}', 1)])
    words = ["read", "enriched", "--follow", "--lane", settings.lane, "--broker", settings.broker]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "deploy", *words), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert await asyncio.wait_for(process.stdout.readline(), 60) == b'{"n":1}\n'
    process._transport.get_pipe_transport(1).close()  # type: ignore[attr-defined]
    assert await asyncio.wait_for(process.wait(), 20) == 0
    assert process.stderr is not None
    assert await process.stderr.read() == b""


async def test_headers_are_shown_where_they_are_asked_for(settings: Settings) -> None:
    await send(settings, "enriched", [("a", '{"n":1}', 17)])
    (line,) = await asyncio.to_thread(khabar, settings, "enriched", "--headers")
    assert orjson.loads(line) == {
        "partition": 0, "offset": 0, "key": "a", "headers": {"khabar-line": "17"}, "value": {"n": 1}
    }  # fmt: skip
