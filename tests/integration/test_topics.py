"""Topics and lanes on a real broker: made once, checked always, refused where they would lose articles."""

import re
from random import Random

import pytest
from aiokafka.admin import NewTopic
from aiokafka.errors import MessageSizeTooLargeError
from typer.testing import CliRunner

from deploy.cli import app
from schemas import Lane, Misconfigured, Progress, Unavailable, encode
from streams import cluster, lanes
from streams.kafka import make_admin, make_producer, running
from streams.read import read_topic
from streams.settings import Settings
from streams.topics import FRAMING, LARGEST, TABLE, Topics, by_name

pytestmark = pytest.mark.kafka

REPLAY = Lane(kind="replay", since="1990-01-01T00:00:00Z", until=None, versions={"normalize": "1"})


@pytest.fixture
def settings(kafka: str, lane: str) -> Settings:
    return Settings(broker=kafka, lane=lane)


async def made(settings: Settings, name: str, partitions: int = 1, **config: str) -> None:
    """A topic of the lane, as somebody else would have made it."""
    topic = Topics(settings.prefix, settings.lane).name(name)
    configs = {key.replace("_", "."): value for key, value in config.items()}
    async with running(make_admin(settings), settings) as admin:
        await admin.create_topics([NewTopic(topic, partitions, 1, topic_configs=configs)])


async def test_topics_are_made_as_the_table_says_and_making_them_again_does_nothing(settings: Settings) -> None:
    for _ in range(2):
        assert await cluster.create(settings, "replay") == []
    survey = await cluster.survey(settings, "replay")
    assert [(each.topic, each.partitions, each.config) for each in survey.states] == [
        (f"khabar.{settings.lane}.{topic.name}.v1", 1 if topic.single else 4, topic.config("replay", 1))
        for topic in TABLE
    ]


@pytest.mark.parametrize(
    ("name", "partitions", "config", "says"),
    [
        ("tagged", 2, {}, "has 2 partitions; it is one line and must have 1"),
        ("tagged", 1, {"cleanup_policy": "compact"}, "cleanup.policy is compact, not delete"),
        ("enriched", 1, {"cleanup_policy": "delete"}, "cleanup.policy is delete, not compact,delete"),
        ("enriched", 1, {"max_message_bytes": "1048588"}, "max.message.bytes is 1048588, not 8454144"),
        ("raw", 4, {"message_timestamp_type": "CreateTime"}, "message.timestamp.type is CreateTime, not LogAppendTime"),
        ("normalized", 3, {}, "has 3 partitions and .*raw.v1 has 4"),
    ],
)
async def test_a_topic_that_would_lose_or_garble_articles_is_refused(
    settings: Settings, name: str, partitions: int, config: dict[str, str], says: str
) -> None:
    good = {key.replace(".", "_"): value for key, value in TOPICS[name].config("live", 1).items()}
    await made(settings, name, partitions, **(good | config))
    with pytest.raises(Misconfigured, match=rf"would lose or garble articles:\n.*{says}"):
        await cluster.create(settings)


TOPICS = {topic.name.removeprefix("articles."): topic for topic in TABLE}


async def test_what_is_merely_unwise_is_a_warning(settings: Settings) -> None:
    good = {key.replace(".", "_"): value for key, value in TOPICS["raw"].config("live", 1).items()}
    await made(settings, "raw", 6, **(good | {"retention_ms": "3600000", "max_message_bytes": "9999999"}))
    good = {key.replace(".", "_"): value for key, value in TOPICS["normalized"].config("live", 1).items()}
    await made(settings, "normalized", 6, **good)
    warnings = await cluster.create(settings)
    topics = Topics(settings.prefix, settings.lane)
    assert warnings == [
        f"{topics.name('raw')}: has 6 partitions, not 4 as set; its own number counts",
        f"{topics.name('raw')}: max.message.bytes is 9999999, not 1114112",
        f"{topics.name('raw')}: retention.ms is 3600000, not 1209600000",
        f"{topics.name('normalized')}: has 6 partitions, not 4 as set; its own number counts",
    ]


async def test_a_name_that_kafka_takes_for_another_is_refused(kafka: str, lane: str) -> None:
    await made(Settings(broker=kafka, lane=lane, prefix="under_score"), "raw")
    with pytest.raises(
        Misconfigured, match=r"topic under_score\..* exists: under.score\..* differs from it in \. and _"
    ):
        await cluster.create(Settings(broker=kafka, lane=lane, prefix="under.score"))


async def test_a_lane_says_what_it_is_before_anything_else_is_in_it(settings: Settings) -> None:
    assert await lanes.find(settings) is None
    with pytest.raises(Misconfigured, match=f"no lane {settings.lane} .*khabar replay FILE --lane {settings.lane}"):
        await lanes.require(settings)
    await lanes.create(settings, REPLAY)
    await lanes.create(settings, REPLAY)
    assert await lanes.require(settings) == REPLAY
    assert await lanes.ensure(settings) == REPLAY
    assert settings.lane in await cluster.lane_names(settings)


async def test_a_lane_cannot_become_another(settings: Settings) -> None:
    await lanes.create(settings, REPLAY)
    with pytest.raises(Misconfigured, match=rf"lane {settings.lane} exists and is another one .*kind is"):
        await lanes.create(settings, lanes.LIVE)
    assert await lanes.require(settings) == REPLAY


async def test_only_the_live_lane_is_live_without_saying_so(kafka: str, settings: Settings, lane: str) -> None:
    await cluster.create(settings)
    assert await lanes.find(settings) is None
    assert await lanes.find(Settings(broker=kafka, prefix=f"other.{lane}", lane="live")) == lanes.LIVE


async def test_a_lane_is_removed_whole_and_can_be_made_again(settings: Settings) -> None:
    await lanes.create(settings, REPLAY)
    await lanes.remove(settings)
    await lanes.remove(settings)
    assert await lanes.find(settings) is None
    await lanes.create(settings, lanes.LIVE)
    assert await lanes.require(settings) == lanes.LIVE


async def test_progress_is_what_the_last_committed_transaction_says(settings: Settings) -> None:
    await lanes.create(settings, REPLAY)
    topic = Topics(settings.prefix, settings.lane).name(Progress)
    assert await lanes.progress(settings) is None
    async with running(make_producer(settings, transactional_id=f"{settings.lane}.p"), settings) as producer:
        for line in range(70):  # more than a first look at the end takes in
            async with producer.transaction():
                await producer.send(topic, key=lanes.PROGRESS_KEY, value=encode(progress(line)))
        assert await lanes.progress(settings) == progress(69)
        async with producer.transaction():
            for _ in range(70):
                await producer.send(topic, key=b"another", value=b"{}")
        assert await lanes.progress(settings) == progress(69)
        await producer.begin_transaction()
        await producer.send_and_wait(topic, key=lanes.PROGRESS_KEY, value=encode(progress(70)))
        assert await lanes.progress(settings) == progress(69)
        await producer.abort_transaction()
    assert await lanes.progress(settings) == progress(69)
    assert await lanes.require(settings) == REPLAY


def progress(line: int) -> Progress:
    return Progress(line=line, raw={"0": line}, passed="")


async def test_a_broker_that_is_away_is_told_with_what_to_do(unused_port: int, lane: str) -> None:
    with pytest.raises(
        Unavailable, match=rf"no Kafka answers at 127.0.0.1:{unused_port} \(nothing listens.* --port {unused_port} "
    ):
        await cluster.survey(Settings(broker=f"127.0.0.1:{unused_port}", lane=lane))
    with pytest.raises(Misconfigured, match=r"broker names the host 'no.such.host.invalid'"):
        await cluster.survey(Settings(broker="no.such.host.invalid:9092", lane=lane))


@pytest.fixture
def unused_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_the_command_shows_creates_and_prints(kafka: str, lane: str) -> None:
    run = CliRunner().invoke
    where = ["--lane", lane, "--broker", kafka]
    missing = run(app, ["topics", *where])
    assert missing.exit_code == 1
    assert [line.split("\t")[1] for line in missing.stdout.splitlines()] == ["missing"] * len(TABLE)
    made = run(app, ["topics", "--create", *where])
    assert (made.exit_code, made.stderr) == (0, "")
    first = made.stdout.splitlines()[0].split("\t")
    assert first == [f"khabar.{lane}.articles.raw.v1", "ok", "4", "1", "delete", "14 days", "1114112"]
    printed = run(app, ["topics", "--print", "--replay", *where])
    assert re.findall(r"--topic (\S+)", printed.stdout) == list(Topics("khabar", lane).all())
    assert printed.stdout.count("--replication-factor 1 ") == len(TABLE)
    assert printed.stdout.count("retention.ms=-1") == len(TABLE) - 1


@pytest.mark.parametrize("short", ["raw", "normalized"])
async def test_the_largest_record_passes_through_kafka_and_a_larger_one_does_not(
    settings: Settings, short: str
) -> None:
    await cluster.create(settings)
    largest, topic = by_name(short).largest, Topics(settings.prefix, settings.lane).name(short)
    noise = Random(7).randbytes(LARGEST + FRAMING)  # bytes that zstd cannot shrink
    async with running(make_producer(settings), settings) as producer:
        await producer.send_and_wait(topic, noise[:largest])
        with pytest.raises(MessageSizeTooLargeError):
            await producer.send_and_wait(topic, noise[: largest + FRAMING])
    assert [len(record.value) async for record in read_topic(settings, short)] == [largest]
