"""The promise on which all rests: what a replay through Kafka leaves is what the chained cores say, byte for byte.

Whatever the order of the input, whichever workers are slow, and whoever is killed meanwhile.
"""

import asyncio
import gzip
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
import pytest

from deploy.broker import Broker
from schemas import LAST, Unavailable
from streams import lanes
from streams.letters import read_letters
from streams.read import read_topic, without_repeats
from streams.settings import Settings

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(900)]

DATES = ["--from", "1990-01-01", "--to", "2027-01-01"]
ANT = ["source=src", "source_id=id", "section=cat", "published_at=time", "lead=abstract", "body=text"]
SAUDI = ["body=content", "published_at=date_extracted"]

# A normalizer that needs 20 ms for an article; a replay that marks and waits often, so that it can be caught midway.
SLOW = "import time; from agents.normalize import Normalizer as N; n = N.normalize; "
SLOW += "N.normalize = lambda *given: (time.sleep(0.02), n(*given))[1]; "
TIMID = "from streams import replay; replay.AHEAD = 60; replay.MARK_EVERY = 20; "


def khabar(*words: str, before: str = "") -> list[str]:
    """The command line, with something done to the code before."""
    return [
        sys.executable,
        "-c",
        f"{before}import sys; sys.argv[0] = 'khabar'; from deploy.cli import main; main()",
        *words,
    ]


TOWNS = ["المرفأ", "الوادي", "السهل الأخضر", "عين الرمان", "تل الزيتون", "رأس النخيل"]
PEOPLE = ["سامي الدالي", "ليان القاسم", "هيثم بركات", "نورا العطار", "فادي المصري", "رنا الشامي"]
BODIES = ["هيئة الموانئ", "المجلس البلدي", "جامعة السهل", "شركة النقل العام", "وزارة الري", "جمعية المزارعين"]
WORKS = ["افتتاح الجسر الجديد", "ترميم السوق القديم", "توسيع محطة المياه", "تشغيل خط القطار", "بناء مستشفى للأطفال"]
OUTLETS = ["manbar.example", "nidaa.example", "sahel.example", "akhbar-tal.example"]
SENTENCES = [
    "أعلنت {body} في {town} اليوم {work} بعد انتظار دام {number} أشهر.",
    "وقال {person} إن المشروع كلف {number} ملايين دينار ووفر مئات فرص العمل.",
    "وحضر الحفل {person} وعدد كبير من سكان {town} والقرى المجاورة.",
    "وأوضح تقرير صادر عن {body} أن نسبة الإنجاز بلغت {number} في المئة.",
    "من جهتها طالبت {person} بضمان السلامة في الطرق المؤدية إلى {town}.",
    "ويأتي {work} ضمن خطة تشمل {number} مدن وتمتد حتى نهاية العام.",
    "وشكر الأهالي {body} على الجهود، ودعوا إلى مشاريع مماثلة في {town}.",
]


@pytest.fixture(scope="module")
def news(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four hundred records of invented outlets, from five days: events told once and again, copied, cut, revised,
    canceled; other languages; dates in several forms, some of them equal; and lines that are refused."""
    chance = random.Random(5)

    def event() -> dict[str, object]:
        choice = {"town": TOWNS, "person": PEOPLE, "body": BODIES, "work": WORKS}
        return {name: chance.choice(of) for name, of in choice.items()} | {"number": chance.randrange(2, 90)}

    def when() -> object:
        moment = 1_777_600_000 + chance.randrange(5 * 86_400) // 600 * 600
        return chance.choice([moment, str(moment), time.strftime("%Y-%m-%d %H:%M", time.gmtime(moment))])

    texts: list[tuple[str, str]] = []
    records: list[dict[str, object]] = []
    for number in range(360):
        if texts and chance.random() < 0.45:
            title, body = chance.choice(texts)
            sentences = body.split("\n")
            how = chance.randrange(4)
            if how == 1:
                body = "\n".join(sentences[: max(1, len(sentences) // 2)])
            elif how == 2:
                sentences.insert(chance.randrange(len(sentences)), chance.choice(SENTENCES).format(**event()))
                body = "\n".join(sentences)
            elif how == 3:
                title, body = title.replace("أ", "ا"), body.replace("ة", "ه")
        else:
            about = event()
            told = chance.sample(SENTENCES, chance.randrange(3, 7))
            title, body = "{work} في {town}".format(**about), "\n".join(each.format(**about) for each in told)
            texts.append((title, body))
        record = {"source": chance.choice(OUTLETS), "source_id": f"n{number}", "title": title, "body": body}
        if chance.random() < 0.1 and records:
            record |= {key: chance.choice(records)[key] for key in ("source", "source_id")}  # one of the two is revised
        records.append(record | {"published_at": when()} | ({"seen_at": when()} if chance.random() < 0.2 else {}))
    for gone in chance.sample(records, 12):
        records.append({key: gone[key] for key in ("source", "source_id", "published_at")} | {"status": "canceled"})
    records += [
        {
            "url": f"https://parsi.example/{n}",
            "title": "پل تازه شهر گشوده شد",
            "body": f"گزارش {n}",
            "published_at": when(),
        }
        for n in range(8)
    ]
    lines = [orjson.dumps(record) for record in records]
    lines += [b"not json", b'{"title":', b"[1]", b'{"title":"x","published_at":"soon"}', b'{"title":"x"}'] * 2
    lines += [orjson.dumps({"source": "manbar.example", "title": " ", "published_at": when()}) for _ in range(3)]
    file = tmp_path_factory.mktemp("news") / "news.jsonl"
    file.write_bytes(b"\n".join(lines))
    return file


class Processes:
    """Commands by name; `again` starts what has failed or was killed once more, as whoever runs it would."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self._said = log.open("ab")
        self._words: dict[str, list[str]] = {}
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, words: list[str]) -> None:
        self._words[name] = words
        environment = os.environ | {"KHABAR_METRICS_PORT": "0"}
        self._running[name] = subprocess.Popen(words, env=environment, stdout=self._said, stderr=self._said)

    def kill(self, name: str) -> None:
        self._running[name].send_signal(signal.SIGKILL)

    def again(self) -> None:
        for name, process in self._running.items():
            if process.poll() not in (None, 0):
                self.start(name, self._words[name])

    def wait(self, name: str) -> None:
        assert self._running[name].wait(60) == 0, self.last_words()

    def wait_until(self, done: Callable[[], bool], seconds: float) -> None:
        until = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < until, self.last_words()
            self.again()
            time.sleep(0.2)

    def last_words(self) -> str:
        return self.log.read_text("utf-8", "replace")[-5000:]

    def stop(self) -> None:
        for process in self._running.values():
            process.kill()
        for process in self._running.values():
            process.wait()
        self._said.close()


@contextmanager
def replaying(settings: Settings, words: list[str], folder: Path) -> Iterator[Processes]:
    """A replay, and as soon as its lane is there two normalizers, of which one is slow, a tagger and a deduplicate."""
    processes = Processes(folder / "log")
    try:
        processes.start("replay", words)
        processes.wait_until(lambda: asyncio.run(lanes.find(settings)) is not None, 120)
        for name in ("normalize-1", "normalize-2", "tag", "deduplicate"):
            stage = ["worker", name.split("-")[0], "--lane", settings.lane, "--broker", settings.broker]
            processes.start(name, khabar(*stage, before=SLOW if name == "normalize-1" else ""))
        yield processes
    finally:
        processes.stop()


def shuffled(file: Path, folder: Path) -> Path:
    """The same records in another order, and one in ten of them twice, anywhere; packed."""
    lines = file.read_bytes().splitlines()
    chance = random.Random(file.name)
    lines += chance.sample(lines, len(lines) // 10)
    chance.shuffle(lines)
    other = folder / "shuffled.jsonl.gz"
    other.write_bytes(gzip.compress(b"\n".join(lines), 1))
    return other


def replay_words(settings: Settings, file: Path, pairs: list[str]) -> list[str]:
    maps = [word for pair in pairs for word in ("--map", pair)]
    return ["replay", str(file), "--lane", settings.lane, "--broker", settings.broker, *maps, *DATES]


def drained(settings: Settings) -> bool:
    try:
        progress = asyncio.run(lanes.progress(settings))
    except Unavailable:
        return False
    return progress is not None and progress.passed == LAST


async def _topic(settings: Settings, name: str) -> list[bytes]:
    return [record.value async for record in without_repeats(read_topic(settings, name)) if record.value]


def _between(ours: bytes, theirs: bytes) -> dict[str, tuple[object, object]]:
    here, there = orjson.loads(ours), orjson.loads(theirs)
    return {each: (here[each], there[each]) for each in here if here[each] != there[each]}


def assert_equal(settings: Settings, chain: Callable[[], dict[str, list[bytes]]]) -> None:
    """Every line of both, and with that the newest of each id: no line is compacted away this soon. And the same
    records refused, for the same causes, however often each was."""
    wanted = chain()
    for name in ("enriched", "stories"):
        found, expected = asyncio.run(_topic(settings, name)), wanted[name]
        for number, (ours, theirs) in enumerate(zip(found, expected, strict=False)):
            assert ours == theirs, (
                f"{name} differ at {number} of {len(found)} and {len(expected)}: {_between(ours, theirs)}"
            )
        assert len(found) == len(expected) > 0, name
    refused = {(each["cause"], each["value"].encode()) for each in map(orjson.loads, wanted["letters"])}
    assert asyncio.run(_letters(settings)) == refused


async def _letters(settings: Settings) -> set[tuple[str, bytes | None]]:
    """Cause and bytes of each dead letter; a record that was sent again is refused again."""
    return {(each.note.cause, each.value) async for each in read_letters(settings)}


@contextmanager
def chained(file: Path, pairs: list[str], folder: Path) -> Iterator[Callable[[], dict[str, list[bytes]]]]:
    """`khabar process` over the file, beside whatever else goes on; what it has written once it has ended."""
    outputs = {name: folder / f"{name}.jsonl" for name in ("enriched", "stories", "letters")}
    maps = [word for pair in pairs for word in ("--map", pair)]
    words = ["process", str(file), *maps, *DATES, "-o", str(outputs["enriched"])]
    words += ["--stories", str(outputs["stories"]), "--letters", str(outputs["letters"])]
    with subprocess.Popen(khabar(*words), stderr=subprocess.PIPE) as process:

        def outcome() -> dict[str, list[bytes]]:
            _, said = process.communicate()
            assert process.returncode == 0, said.decode()
            return {name: output.read_bytes().splitlines() for name, output in outputs.items()}

        try:
            yield outcome
        finally:
            process.kill()


def test_the_order_the_load_and_repeats_change_nothing(kafka: str, lane: str, news: Path, tmp_path: Path) -> None:
    settings = Settings(broker=kafka, lane=lane)
    words = khabar(*replay_words(settings, shuffled(news, tmp_path), []), before=TIMID)
    with chained(news, [], tmp_path) as chain, replaying(settings, words, tmp_path) as processes:
        processes.wait_until(lambda: drained(settings), 240)
        processes.wait("replay")
        assert_equal(settings, chain)


def test_deaths_change_nothing(broker: Broker, lane: str, news: Path, tmp_path: Path) -> None:
    """The replay dies three times, workers ten times, the broker once, at random moments."""
    settings = Settings(broker=broker.bootstrap, lane=lane)
    words = khabar(*replay_words(settings, news, []), before=TIMID)
    with chained(news, [], tmp_path) as chain:
        die_often(settings, broker, words, tmp_path, seconds=240)
        assert_equal(settings, chain)


def die_often(settings: Settings, broker: Broker, words: list[str], folder: Path, seconds: float) -> None:
    """Replay until the lane is drained, with deaths over the first of its time."""
    chance = random.Random(11)
    deaths = ["normalize-1", "normalize-2", "tag", "deduplicate"] * 2 + ["normalize-1", "deduplicate", "broker"]
    deaths += ["replay"] * 3
    chance.shuffle(deaths)
    with replaying(settings, words, folder) as processes:
        while deaths and not drained(settings):
            time.sleep(chance.uniform(0.2, 2.5))
            victim = deaths.pop()
            if victim == "broker":
                broker.kill()
                broker.start()
            else:
                processes.kill(victim)
            processes.again()
        assert not deaths, f"the lane was drained before these deaths: {deaths}"
        processes.wait_until(lambda: drained(settings), seconds)
        processes.wait("replay")


def ant(data: Path) -> list[bytes]:
    with gzip.open(data / "news" / "ant-2018-02-05.jsonl.gz") as lines:
        return list(lines)


def saudi(data: Path) -> list[bytes]:
    """A dense week: longer than the window, so that stories outlive it."""
    with gzip.open(data / "news" / "saudinewsnet-2015.jsonl.gz") as lines:
        return [line for line in lines if "2015-07-27" <= orjson.loads(line)["date_extracted"] < "2015-08-03"]


ARCHIVES = pytest.mark.parametrize(("archive", "pairs"), [(ant, ANT), (saudi, SAUDI)], ids=["ant", "saudi"])


def written(lines: list[bytes], folder: Path) -> Path:
    file = folder / "news.jsonl"
    file.write_bytes(b"\n".join(line.rstrip(b"\n") for line in lines))
    return file


@ARCHIVES
def test_news_of_years_ago_come_out_equal(
    data: Path, kafka: str, lane: str, tmp_path: Path, archive: Callable[[Path], list[bytes]], pairs: list[str]
) -> None:
    """Two thousand of them, out of order and some twice, past a slow normalizer."""
    lines, settings = archive(data), Settings(broker=kafka, lane=lane)
    file = written(lines[:: len(lines) // 2000], tmp_path)
    words = khabar(*replay_words(settings, shuffled(file, tmp_path), pairs))
    with chained(file, pairs, tmp_path) as chain, replaying(settings, words, tmp_path) as processes:
        processes.wait_until(lambda: drained(settings), 600)
        processes.wait("replay")
        assert_equal(settings, chain)


@pytest.mark.full
@pytest.mark.timeout(7200)
@ARCHIVES
def test_all_news_of_years_ago_come_out_equal(
    data: Path, broker: Broker, lane: str, tmp_path: Path, archive: Callable[[Path], list[bytes]], pairs: list[str]
) -> None:
    """All of them, in the same way, while replay, workers and broker die."""
    settings = Settings(broker=broker.bootstrap, lane=lane)
    file = written(archive(data), tmp_path)
    words = khabar(*replay_words(settings, shuffled(file, tmp_path), pairs))
    with chained(file, pairs, tmp_path) as chain:
        die_often(settings, broker, words, tmp_path, seconds=3600)
        assert_equal(settings, chain)
