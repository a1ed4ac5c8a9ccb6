"""Replays on a real Kafka: the order, the marks, what a killed one leaves, and what a second one makes of it."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest
from aiokafka import TopicPartition

from deploy.replaying import replay_archive
from schemas import LAST, Misconfigured, ProgressMark, decode, decode_raw
from streams import delivery, lanes, replay
from streams.archives import Archive, Bounds, FieldMap, Placing, Standing
from streams.delivery import Delivery, Output
from streams.kafka import make_consumer, running
from streams.lag import Lag
from streams.read import Record, header, read_topic
from streams.replay import send, sent_up_to
from streams.settings import Settings
from streams.topics import Topics
from streams.turn import CAUSE, MARK, PLACE, REFUSED

pytestmark = pytest.mark.kafka

BOUNDS = Bounds.parse("2015-01-01", "2015-12-31", UTC, datetime(2026, 5, 4, tzinfo=UTC))
VERSIONS = {"normalize": "1", "tag": "1", "deduplicate": "1"}


@pytest.fixture
def settings(kafka: str, lane: str) -> Settings:
    return Settings(broker=kafka, lane=lane, partitions=3)


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Archive]:
    """Makes an archive of so many articles, in an order that is not theirs, and of broken lines."""

    def archive(count: int, broken: int = 0, name: str = "a.jsonl") -> Archive:
        lines = [
            orjson.dumps(
                {"source": "مرفأ", "source_id": f"{n}", "title": f"خبر رقم {n}", "published_at": 1437436292 + n // 3}
            )
            for n in ((7919 * each) % count for each in range(count))
        ]
        lines += [f"سطر مكسور {n}".encode() for n in range(broken)]
        (tmp_path / name).write_bytes(b"\n".join(lines))
        return Archive([tmp_path / name], FieldMap({}), Placing(BOUNDS))

    return archive


async def sent_in(settings: Settings) -> dict[int, list[Record]]:
    """All records of each raw partition, in order."""
    found: dict[int, list[Record]] = defaultdict(list)
    async for record in read_topic(settings, "raw"):
        found[record.partition].append(record)
    return found


def assert_marks_hold(sent: dict[int, list[Record]]) -> None:
    """Every mark is followed, in no partition, by a first sending of what it covers."""
    for records in sent.values():
        passed, seen = "", set[str]()
        for record in records:
            if mark := header(record, MARK):
                passed = max(passed, mark.decode())
            elif place := header(record, PLACE):
                assert place.decode() > passed or place.decode() in seen
                seen.add(place.decode())


async def committed(settings: Settings, stage: str, topic: str) -> None:
    """Have the group of a stage stand at the end of what it reads, as if workers had done all of it."""
    names = Topics(settings.prefix, settings.lane)
    async with running(make_consumer(settings, group_id=names.group(stage)), settings) as consumer:
        partitions = [TopicPartition(names.name(topic), each) for each in range(3)]
        consumer.assign(partitions)
        await consumer.commit(await consumer.end_offsets(partitions))


async def unfollowed(settings: Settings, archive: Archive, versions: dict[str, str] = VERSIONS) -> list[Standing]:
    """Replay, and leave as soon as the stages would be followed."""
    told: list[Standing] = []

    class Sent(Exception):
        pass

    def report(standing: Standing) -> None:
        told.append(standing)
        if standing.phase == "following":
            raise Sent

    with pytest.raises(Sent):
        await replay_archive(settings, archive, versions, report)
    return told


async def test_articles_go_out_in_order_and_marks_speak_the_truth(
    settings: Settings, make: Callable[..., Archive], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "MARK_EVERY", 50)
    archive = make(400, broken=7)
    await unfollowed(settings, archive)
    sent = await sent_in(settings)
    assert sorted(sent) == [0, 1, 2]
    assert_marks_hold(sent)
    with archive.sorted() as sorter:
        wanted = sorted((record.value, record.place) for record in sorter.placed())
        broken = sorted(record.value for record in sorter.unplaced())
    placed = [
        (record.value, place.decode()) for each in sent.values() for record in each if (place := header(record, PLACE))
    ]
    assert sorted(placed) == wanted
    assert {decode_raw(value).published_at for value, _ in placed} >= {"2015-07-20T23:51:32Z"}
    refused = [record for each in sent.values() for record in each if header(record, REFUSED)]
    assert sorted(record.value for record in refused) == broken
    assert {header(record, CAUSE) for record in refused} == {b"not-json"}
    assert all((header(record, REFUSED) or b"").startswith(b"a.jsonl:40") for record in refused)
    for records in sent.values():
        kinds = [
            "refused" if header(each, REFUSED) else "mark" if header(each, MARK) else "article" for each in records
        ]
        assert kinds == sorted(kinds, key=lambda kind: kind != "refused")
        places = [header(each, PLACE) for each in records if header(each, PLACE)]
        assert places == sorted(places)
        marks = [decode(ProgressMark, each.value).place for each in records if header(each, MARK)]
        assert marks == sorted(marks)
        assert marks[-1] == LAST
        assert len(marks) == 400 / 50 + 1


async def test_equal_articles_meet_in_one_partition(settings: Settings, make: Callable[..., Archive]) -> None:
    archive = make(60)
    twice = Archive([*archive.files, *archive.files], archive.map, archive.placing)
    await unfollowed(settings, twice)
    where = defaultdict(set)
    for partition, records in (await sent_in(settings)).items():
        for record in records:
            if header(record, PLACE):
                where[record.value].add(partition)
    assert len(where) == 60
    assert all(len(partitions) == 1 for partitions in where.values())


async def test_a_replay_that_dies_anywhere_goes_on_from_its_marks(
    settings: Settings, make: Callable[..., Archive], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process dies within a sending, with some partitions served and others not, again and again."""
    monkeypatch.setattr(replay, "MARK_EVERY", 20)
    monkeypatch.setattr(replay, "AHEAD", 10_000)
    archive = make(300, broken=2)
    whole = Delivery.send

    class Died(Exception):
        pass

    left = 0

    async def mortal(self: Delivery, outputs: list[Output]) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            served = [each for each in outputs if each.partition < len(outputs) % 3]
            await whole(self, served)
            raise Died
        await whole(self, outputs)

    monkeypatch.setattr(delivery.Delivery, "send", mortal)
    runs, resumed = 0, set[str]()
    while True:
        left = (4, 2, 7, 1)[runs % 4]
        runs += 1
        try:
            await unfollowed(settings, archive)
            break
        except Died:
            resumed.add(await sent_up_to(settings))
    assert runs > 4
    assert len(resumed) > 3
    sent = await sent_in(settings)
    assert_marks_hold(sent)
    with archive.sorted() as sorter:
        assert {record.value for each in sent.values() for record in each if header(record, PLACE)} == {
            record.value for record in sorter.placed()
        }
    assert await sent_up_to(settings) == LAST


async def test_an_archive_that_is_assumed_to_be_sorted_goes_on_where_it_died_and_ends_where_it_is_not(
    settings: Settings, make: Callable[..., Archive], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "MARK_EVERY", 20)
    archive = make(90, broken=2)
    lines = archive.files[0].read_bytes().splitlines()
    lines.sort(key=lambda line: orjson.loads(line)["published_at"] if line.startswith(b"{") else 1437436292 + 10)
    archive.files[0].write_bytes(b"\n".join(lines))
    sorted_one = Archive(archive.files, archive.map, archive.placing, assume_sorted=True)
    whole = replay._Sender._mark

    class Died(Exception):
        pass

    async def mortal(self: replay._Sender, place: str) -> None:
        await whole(self, place)
        if self._standing.done > 40 and place != LAST:
            raise Died

    monkeypatch.setattr(replay._Sender, "_mark", mortal)
    with pytest.raises(Died):
        await unfollowed(settings, sorted_one)
    monkeypatch.setattr(replay._Sender, "_mark", whole)
    await unfollowed(settings, sorted_one)
    sent = await sent_in(settings)
    assert_marks_hold(sent)
    records = [record for each in sent.values() for record in each]
    assert len({record.value for record in records if header(record, PLACE)}) == 90
    assert len({record.value for record in records if header(record, REFUSED)}) == 2
    archive.files[0].write_bytes(b"\n".join([*lines[50:], *lines[:50]]))
    with pytest.raises(Misconfigured, match=r"the archive is not sorted: a\.jsonl:\d+ is dated"):
        await unfollowed(settings.on(f"{settings.lane}-b"), sorted_one)


async def test_a_replay_that_is_complete_sends_nothing_again(settings: Settings, make: Callable[..., Archive]) -> None:
    archive = make(50)
    await unfollowed(settings, archive)
    before = await sent_in(settings)
    (told,) = await unfollowed(settings, archive)
    assert (told.phase, told.total) == ("following", 0)  # raw positions are those of marks, too, and count nothing
    assert {each: len(records) for each, records in (await sent_in(settings)).items()} == {
        each: len(records) for each, records in before.items()
    }


async def test_a_lane_made_of_something_else_is_refused_with_what_differs(
    settings: Settings, make: Callable[..., Archive]
) -> None:
    archive = make(20)
    await unfollowed(settings, archive)
    other = make(21, name="b.jsonl")
    others = {
        r"file a\.jsonl is \d+ bytes, sha256 \w+, and is not given now; file b\.jsonl is": other,
        r"--map is not given, not body=text": Archive(archive.files, FieldMap({"body": "text"}), archive.placing),
        r"--to is 2015-12-31T23:59:59\.999999Z, not": Archive(
            archive.files, archive.map, Placing(Bounds(BOUNDS.since, BOUNDS.until - 1))
        ),
    }
    for what, each in others.items():
        with pytest.raises(Misconfigured, match=what):
            await replay_archive(settings, each, VERSIONS, lambda _: None)
    with pytest.raises(Misconfigured, match="version of tag is 1, not 2"):
        await replay_archive(settings, archive, VERSIONS | {"tag": "2"}, lambda _: None)


async def test_a_wrong_map_leaves_no_lane_behind(settings: Settings, make: Callable[..., Archive]) -> None:
    wrong = Archive(make(20).files, FieldMap({"body": "text"}), Placing(BOUNDS))
    with pytest.raises(Misconfigured, match="no text in the input"):
        await replay_archive(settings, wrong, VERSIONS, lambda _: None)
    assert await lanes.find(settings) is None


@pytest.mark.parametrize("assume_sorted", [False, True])
async def test_an_archive_without_a_record_leaves_no_lane_behind(
    settings: Settings, tmp_path: Path, assume_sorted: bool
) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"\n")
    nothing = Archive([tmp_path / "a.jsonl"], FieldMap({}), Placing(BOUNDS), assume_sorted=assume_sorted)
    with pytest.raises(Misconfigured, match=r"there is no record in .*a\.jsonl"):
        await replay_archive(settings, nothing, VERSIONS, lambda _: None)
    assert await lanes.find(settings) is None


async def test_a_replay_waits_for_normalize_and_tag_and_never_for_deduplicate(
    settings: Settings, make: Callable[..., Archive], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "MARK_EVERY", 30)
    monkeypatch.setattr(replay, "AHEAD", 40)
    monkeypatch.setattr(replay, "_ALONE_S", 0.5)
    archive, told, alone = make(300), list[tuple[int, str, tuple[str, ...]]](), asyncio.Event()

    def report(standing: Standing) -> None:
        told.append((standing.done, standing.waiting, standing.unserved))
        if standing.unserved:
            alone.set()

    async def run() -> None:
        await lanes.create(settings, lanes.LIVE)
        with archive.sorted() as sorter:
            assert await send(settings, sorter, "", report) == 300

    task = asyncio.create_task(run())
    try:
        async with asyncio.timeout(60):
            await alone.wait()
        done, waiting, unserved = told[-1]
        assert done < 300
        assert waiting.startswith("normalize is ")
        assert unserved == ("normalize", "tag", "deduplicate")
        at_wait = [[bool(header(each, MARK)) for each in records][-1] for records in (await sent_in(settings)).values()]
        assert at_wait == [True, True, True]  # marks went out before the wait
        async with asyncio.timeout(60):
            while not task.done():
                await committed(settings, "normalize", "raw")
                await asyncio.sleep(0.05)
        await task
        async with Lag(settings) as lag:
            assert (await lag.worst(["normalize"])).records <= 3 * 50
    finally:
        task.cancel()


async def test_what_is_too_far_behind_is_the_worst_partition(settings: Settings, make: Callable[..., Archive]) -> None:
    await unfollowed(settings, make(90))
    ends = {each: len(records) for each, records in (await sent_in(settings)).items()}
    async with Lag(settings) as lag:
        assert await lag.of("normalize") == ends
        worst = await lag.worst()
        assert (worst.stage, worst.records) == ("normalize", max(ends.values()))
        await committed(settings, "normalize", "raw")
        assert (await lag.worst()).records == 0


@pytest.fixture
def command(kafka: str, lane: str, make: Callable[..., Archive]) -> list[str]:
    files = [str(each) for each in make(8_000).files]
    return [sys.executable, "-m", "deploy", "replay", *files, "--lane", lane, "--broker", kafka, "--from", "2015-01-01"]


def test_the_command_that_was_killed_goes_on_when_it_is_given_again(settings: Settings, command: list[str]) -> None:
    """Without workers it sends as far as it may, and waits there: killed at that point, and resumed with workers."""
    environment = os.environ | {"KHABAR_PARTITIONS": "3"}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as first:
        assert first.stderr
        said = []
        for line in first.stderr:
            said.append(line)
            if '"phase": "waiting"' in line:
                break
        else:
            pytest.fail("".join(said))
        first.send_signal(signal.SIGKILL)
    reached = asyncio.run(sent_up_to(settings))
    assert "" < reached < LAST
    with subprocess.Popen([*command, "--work"], stderr=subprocess.PIPE, text=True, env=environment) as stopped:
        assert stopped.stderr
        next(line for line in stopped.stderr if '"phase": "sending"' in line)
        stopped.send_signal(signal.SIGINT)
        assert f"records were sent to lane {settings.lane} up to 2015-07-2" in (last := stopped.stderr.read())
        assert "the same command goes on from there" in last
    assert stopped.returncode == 130
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as second:
        started = time.monotonic()
        while asyncio.run(sent_up_to(settings)) != LAST:
            asyncio.run(committed(settings, "normalize", "raw"))
            assert time.monotonic() - started < 60
        second.send_signal(signal.SIGINT)
        assert second.stderr
        rest = second.stderr.read()
        assert f"lane {settings.lane} has a part of it: going on from there" in rest
        assert f"everything was sent to lane {settings.lane}: 8,000 records, " in rest
        followed = [orjson.loads(line)["total"] for line in rest.splitlines() if '"phase": "following"' in line]
        assert set(followed) <= {0, 8_000}  # 0 before it has asked
    assert second.returncode in (130, 0)  # 0 where it had seen by then that nobody works on the lane
    sent = asyncio.run(sent_in(settings))
    assert_marks_hold(sent)
    assert len({record.value for each in sent.values() for record in each if header(record, PLACE)}) == 8_000


def test_a_replay_that_works_itself_ends_when_the_lane_is_done(
    kafka: str, lane: str, make: Callable[..., Archive]
) -> None:
    (file,) = make(30, broken=1).files
    words = ["replay", str(file), "--lane", lane, "--broker", kafka, "--from", "2015-01-01", "--work"]
    done = subprocess.run(
        [sys.executable, "-m", "deploy", *words],
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | {"KHABAR_TAGGER": "off", "KHABAR_METRICS_PORT": "0"},
    )
    assert done.returncode == 0, done.stderr
    assert f"everything was sent to lane {lane}: 31 records, 1 of them only for dead letters" in done.stderr
    assert f"lane {lane} is done" in done.stderr
    told = [orjson.loads(line) for line in done.stderr.splitlines()]
    last = [each for each in told if "phase" in each][-1]
    assert (last["phase"], last["done"], last["total"]) == ("drained", 31, 31)
    said = [each["message"] for each in told if "message" in each]
    assert f"lane {lane} is done: 30 decisions, 1 refused (not-json 1)" in said
    assert f"what was refused, and why: khabar letters list --lane {lane} --broker {kafka}" in said
    progress = asyncio.run(lanes.progress(Settings(broker=kafka, lane=lane)))
    assert progress is not None
    assert (progress.passed, progress.line) == (LAST, 29)
