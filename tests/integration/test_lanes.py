"""A lane from its replay to its removal, by its commands: listed, shown, accounted for, exported and replayed again."""

import asyncio
import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner

from deploy.cli import app
from deploy.feeds import state_file
from schemas import LAST, EnrichedArticle, decode
from streams import cluster, lanes
from streams.delivery import Delivery, Output
from streams.feeds import Feed, opened
from streams.settings import Settings
from streams.topics import Topics

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]

Khabar = Callable[..., Any]
TOWNS = ["المرفأ", "الوادي", "عين الرمان", "تل الزيتون"]


@pytest.fixture(autouse=True)
def prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    """Listing looks at every lane of a prefix, and the shared broker has those of a hundred tests."""
    monkeypatch.setenv("KHABAR_PREFIX", "test-lanes")


@pytest.fixture
def khabar(kafka: str) -> Khabar:
    def run(*words: str, code: int = 0) -> Any:
        done = CliRunner().invoke(app, [*words, "--broker", kafka])
        assert done.exit_code == code, done.output + repr(done.exception)
        return done

    return run


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Forty articles, one of them twice, one in two versions, one canceled, and two broken lines."""
    chance = random.Random(3)
    records: list[dict[str, object]] = []
    for number in range(10, 50):
        town = chance.choice(TOWNS)
        body = f"أعلن المجلس البلدي في {town} خطة {number} لترميم السوق. وقال سامي الدالي إنها تكفي {number} عاما."
        record = {"source": "nidaa.example", "source_id": f"n{number}", "title": f"خطة {town} {number}", "body": body}
        records.append(record | {"published_at": f"2026-05-0{1 + number % 5}T0{number % 10}:{number}:00Z"})
    records.append(records[3])
    records.append(records[5] | {"body": "نص جديد كل الجدة عن السوق.", "published_at": "2026-05-06T00:00:00Z"})
    cancel = {key: records[7][key] for key in ("source", "source_id")}
    records.append(cancel | {"status": "canceled", "published_at": "2026-05-06T00:00:00Z"})
    lines = [*map(orjson.dumps, records), b"broken", b'{"title":"x"}']
    chance.shuffle(lines)
    file = tmp_path / "nidaa.jsonl"
    file.write_bytes(b"\n".join(lines))
    return file


def test_a_lane_tells_what_it_was_made_of_and_leaves_a_file_that_is_replayed_to_the_same(
    kafka: str, lane: str, archive: Path, tmp_path: Path, khabar: Khabar,
    workers: Callable[[Settings], AbstractContextManager[None]],
) -> None:  # fmt: skip
    dates = ["--from", "2026-05-01", "--to", "2026-05-31"]
    with workers(Settings(broker=kafka, lane=lane, metrics_port=0)):
        while "has all of it" not in (said := khabar("replay", str(archive), "--lane", lane, *dates).stderr) or (
            "nobody works" in said  # the workers were still starting
        ):
            pass
        (found,) = [each for each in orjson.loads(khabar("lanes", "list", "--json").stdout) if each["name"] == lane]
        assert (found["kind"], found["state"], found["reached"]) == ("replay", "done", None)
        assert found["stages"] == ["normalize", "tag", "deduplicate"]
        assert f"somebody works on lane {lane} (normalize, tag, deduplicate)" in str(
            khabar("lanes", "remove", lane, code=1).exception
        )
    ledger = orjson.loads(khabar("ledger", lane, "--json").stdout)["ledger"]
    counted = {name: ledger[name] for name in ("enriched", "repeats", "letters", "pending", "lost")}
    assert counted == {"enriched": 42, "repeats": 1, "letters": 2, "pending": 0, "lost": 0}
    assert ledger["causes"] == {"not-json": 1, "undated": 1}

    shown = orjson.loads(khabar("lanes", "show", lane, "--json").stdout)
    assert shown["inputs"]["file nidaa.jsonl"].startswith(f"{archive.stat().st_size} bytes, sha256 ")
    assert set(shown["versions"]) == {"normalize", "tag", "deduplicate"}
    assert shown["ledger"] == ledger
    assert "enriched\t42\n" in khabar("lanes", "show", lane).stdout

    out, packed = tmp_path / "lane.jsonl", tmp_path / "lane.csv"
    assert f"40 articles of lane {lane} are in" in khabar("export", lane, "-o", str(out)).stderr
    articles = [decode(EnrichedArticle, line) for line in out.read_bytes().splitlines()]
    lines = [article.lines[-1].line for article in articles]
    assert lines == sorted(lines)
    assert [article.source_id for article in articles if article.status == "canceled"] == ["n17"]
    khabar("export", lane, "-o", str(packed), "--excel")
    assert packed.read_bytes().count(b"\r\n") == 41

    CliRunner().invoke(app, ["process", str(out), "-o", str(tmp_path / "again.jsonl"), *dates])
    again = [decode(EnrichedArticle, line) for line in (tmp_path / "again.jsonl").read_bytes().splitlines()]
    assert list(map(_said, again)) == list(map(_said, articles))
    assert not any(each.extra for each in again)

    assert f"lane {lane} is removed" in khabar("lanes", "remove", lane).stderr
    assert lane not in khabar("lanes", "list").stdout.split()
    assert f"there is no lane {lane}" in str(khabar("lanes", "remove", lane, code=1).exception)


def _said(article: EnrichedArticle) -> tuple[object, ...]:
    version = None if article.status == "canceled" else article.version  # a cancellation's is that of its raw bytes
    return article.id, version, article.title, article.body, article.entities, article.seen_at


@pytest.fixture
def half(kafka: str, lane: str) -> Iterator[Settings]:
    """A lane of which only some topics are left, as after a removal that was killed."""
    settings = Settings(broker=kafka, lane=lane)
    asyncio.run(lanes.create(settings, lanes.LIVE))
    yield settings
    asyncio.run(cluster.delete(settings))


async def _leave(settings: Settings, *left: str) -> None:
    from streams.kafka import make_admin, running

    names = Topics(settings.prefix, settings.lane)
    async with running(make_admin(settings), settings) as admin:
        await admin.delete_topics([name for name in names.all() if name not in {names.name(each) for each in left}])


def test_what_a_removal_cut_short_left_is_listed_and_can_be_removed(half: Settings, khabar: Khabar) -> None:
    assert f"{half.lane}\tlive\tstopped\t\t\n" in khabar("lanes", "list").stdout
    asyncio.run(_leave(half, "raw", "stories"))
    assert f"{half.lane}\t\tbroken\t\t\n" in khabar("lanes", "list").stdout
    khabar("lanes", "remove", half.lane)
    assert half.lane not in khabar("lanes", "list").stdout.split()


def test_a_lane_that_is_followed_stays_and_is_forgotten_once_it_is_removed(
    half: Settings, khabar: Khabar, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    with opened(state_file(half), alone=True) as kept:
        kept.follow([Feed(url="https://nidaa.example/rss")])
        assert "another `khabar follow` works on" in str(khabar("lanes", "remove", half.lane, code=1).exception)
        assert half.lane in khabar("lanes", "list").stdout
    khabar("lanes", "remove", half.lane)
    assert list((tmp_path / "khabar").iterdir()) == []


def test_a_lane_says_how_far_its_line_is(half: Settings, khabar: Khabar) -> None:
    from schemas import Lane, Progress, encode, place_of

    name = half.lane[:-1]
    settings = half.on(name)
    asyncio.run(lanes.create(settings, Lane(kind="replay", since=None, until=None, versions={})))

    async def passed(place: str) -> None:
        delivery = Delivery(settings)
        value = encode(Progress(line=0, raw={}, passed=place))
        topic = Topics(settings.prefix, settings.lane).name(Progress)
        await delivery.send([Output(topic, 0, lanes.PROGRESS_KEY, value, [])])
        await delivery.close()

    asyncio.run(passed(place_of(1_777_600_000_000_000, canceled=False, value=b"")))
    assert f"{name}\treplay\tstopped\t2026-05-01T01:46:40Z\t\n" in khabar("lanes", "list").stdout
    asyncio.run(passed(LAST))
    assert f"{name}\treplay\tdone\t\t\n" in khabar("lanes", "list").stdout
    khabar("lanes", "remove", name)


def test_two_lanes_are_compared_and_1_says_that_they_differ(half: Settings, khabar: Khabar, tmp_path: Path) -> None:
    other = half.on(f"{half.lane}-b")
    asyncio.run(lanes.create(other, lanes.LIVE))
    record = {"source": "nidaa.example", "source_id": "n1", "title": "خطة", "published_at": "2026-05-01"}
    (tmp_path / "a.jsonl").write_bytes(orjson.dumps(record))
    done = CliRunner().invoke(app, ["process", str(tmp_path / "a.jsonl"), "-o", str(tmp_path / "out")])
    assert done.exit_code == 0
    value = (tmp_path / "out").read_bytes().strip()
    article = orjson.loads(value)

    async def write(settings: Settings, *values: bytes) -> None:
        delivery = Delivery(settings)
        topic = Topics(settings.prefix, settings.lane).name(EnrichedArticle)
        await delivery.send([Output(topic, 0, orjson.loads(each)["id"].encode(), each, []) for each in values])
        await delivery.close()

    asyncio.run(write(half, value))
    asyncio.run(write(other, value))
    same = khabar("lanes", "diff", half.lane, other.lane)
    assert same.stdout == "the same articles\t1\nthe same stories\t1\n"
    asyncio.run(write(other, orjson.dumps(article | {"version": "v2"}), orjson.dumps(article | {"id": "b"})))
    differ = khabar("lanes", "diff", half.lane, other.lane, code=1)
    assert {"articles other text\t1", "articles only in the second\t1"} <= set(differ.stdout.splitlines())
    assert orjson.loads(khabar("lanes", "diff", half.lane, other.lane, "--json", code=1).stdout)["articles"] == {
        "other text": 1,
        "only in the second": 1,
    }
    khabar("lanes", "remove", other.lane)
