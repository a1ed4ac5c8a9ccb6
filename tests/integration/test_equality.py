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
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import orjson
import pytest

from deploy.broker import Broker
from schemas import LAST, Progress, Unavailable
from streams import lanes
from streams.letters import read_letters
from streams.read import read_topic, without_repeats
from streams.settings import Settings

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(900)]

DATES = ["--from", "1990-01-01", "--to", "2027-01-01"]
ANT = ["source=src", "source_id=id", "section=cat", "published_at=time", "lead=abstract", "body=text"]
SAUDI = ["body=content", "published_at=date_extracted"]
ROOT = Path(__file__).parents[2]
PLAIN = Path(__file__).parent / "stages" / "plain.py"

# A normalizer that needs 10 ms for an article, forty times as long as it does; a replay that marks and waits often, so
# that it can be caught midway, and deduplicate too.
SLOW = "import time; from agents.normalize import Normalizer as N; n = N.normalize; "
SLOW += "N.normalize = lambda *given: (time.sleep(0.01), n(*given))[1]; "
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


def invented(count: int) -> list[bytes]:
    """So many records of invented outlets, from five days: events told once and again, copied, cut, revised; and some
    more: cancellations; other languages; dates in several forms, some of them equal; and lines that are refused."""
    chance = random.Random(5)

    def event() -> dict[str, object]:
        choice = {"town": TOWNS, "person": PEOPLE, "body": BODIES, "work": WORKS}
        return {name: chance.choice(of) for name, of in choice.items()} | {"number": chance.randrange(2, 90)}

    def when() -> object:
        moment = 1_777_600_000 + chance.randrange(5 * 86_400) // 600 * 600
        return chance.choice([moment, str(moment), time.strftime("%Y-%m-%d %H:%M", time.gmtime(moment))])

    texts: list[tuple[str, str]] = []
    records: list[dict[str, object]] = []
    for number in range(count):
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
        record = {"src": chance.choice(OUTLETS), "id": f"n{number}", "cat": "محليات", "title": title, "text": body}
        record["abstract"] = body.split("\n")[0]
        if chance.random() < 0.1 and records:
            record |= {key: chance.choice(records)[key] for key in ("src", "id")}  # one of the two is revised
        records.append(record | {"time": when()} | ({"seen_at": when()} if chance.random() < 0.2 else {}))
    for gone in chance.sample(records, 12):
        records.append({key: gone[key] for key in ("src", "id", "time")} | {"status": "canceled"})
    records += [
        {
            "url": f"https://parsi.example/{n}",
            "title": "پل تازه شهر گشوده شد",
            "text": f"گزارش {n}",
            "time": when(),
        }
        for n in range(8)
    ]
    lines = [orjson.dumps(record) for record in records]
    lines += [b"not json", b'{"title":', b"[1]", b'{"title":"x","time":"soon"}', b'{"title":"x"}'] * 2
    lines += [orjson.dumps({"src": "manbar.example", "title": " ", "time": when()}) for _ in range(3)]
    return lines


class Processes:
    """Commands by name; `again` starts what has failed or was killed once more, as whoever runs it would."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self._said = log.open("ab")
        self._words: dict[str, list[str]] = {}
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self.starts = Counter[str]()

    def start(self, name: str, words: list[str]) -> None:
        self._words[name] = words
        self.starts[name] += 1
        environment = os.environ | {"KHABAR_METRICS_PORT": "0"}
        self._running[name] = subprocess.Popen(words, env=environment, stdout=self._said, stderr=self._said)

    def signal(self, name: str, number: signal.Signals) -> None:
        self._running[name].send_signal(number)

    def kill(self, name: str) -> None:
        """Returns once it is gone, so that `again` sees it."""
        self._running[name].kill()
        self._running[name].wait()

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
def replaying(settings: Settings, words: list[str], folder: Path, *, ending: bool = False) -> Iterator[Processes]:
    """A replay, and as soon as its lane is there two normalizers, of which one is slow, a tagger and a deduplicate:
    if `ending`, one that ends after every batch that moved the committed position."""
    processes = Processes(folder / "log")
    try:
        processes.start("replay", words)
        processes.wait_until(lambda: asyncio.run(lanes.find(settings)) is not None, 120)
        for name in ("normalize-1", "normalize-2", "tag"):
            processes.start(name, worker_words(settings, name))
        processes.start("deduplicate", (ending_words if ending else worker_words)(settings, "deduplicate"))
        yield processes
    finally:
        processes.stop()


def worker_words(settings: Settings, name: str) -> list[str]:
    stage = ["worker", name.split("-")[0], "--lane", settings.lane, "--broker", settings.broker]
    return khabar(*stage, before=SLOW if name == "normalize-1" else "")


def ending_words(settings: Settings, name: str) -> list[str]:
    environment = settings.environment() | {
        "PYTHONPATH": str(ROOT),
        "KHABAR_TEST_ALONE": "1",
        "KHABAR_TEST_BATCHES": "1",
        "KHABAR_TEST_LIMIT": "30",
    }
    return ["env", *map("=".join, environment.items()), sys.executable, str(PLAIN), name]


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


def standing(settings: Settings) -> Progress | None:
    with suppress(Unavailable):  # a broker that was killed
        return asyncio.run(lanes.progress(settings))
    return None


def drained(settings: Settings) -> bool:
    found = standing(settings)
    return found is not None and found.passed == LAST


def decided(settings: Settings) -> int:
    """How many decisions the line has."""
    found = standing(settings)
    return 0 if found is None else found.line + 1


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
    log = folder / "chain.log"  # a pipe that nobody reads meanwhile would fill, and hold it up
    with log.open("wb") as said, subprocess.Popen(khabar(*words), stderr=said) as process:

        def outcome() -> dict[str, list[bytes]]:
            assert process.wait() == 0, log.read_text("utf-8")[-5000:]
            return {name: output.read_bytes().splitlines() for name, output in outputs.items()}

        try:
            yield outcome
        finally:
            process.kill()


def calm(settings: Settings, broker: Broker, words: list[str], folder: Path) -> None:
    """Nothing happens but that one of the normalizers is slow."""
    with replaying(settings, words, folder) as processes:
        finish(processes, settings)


def deaths(settings: Settings, broker: Broker, words: list[str], folder: Path) -> None:
    """Workers die ten times, the broker once, the replay three times, at random moments."""
    chance = random.Random(11)
    victims = ["normalize-1", "normalize-2", "tag", "deduplicate"] * 2 + ["normalize-1", "deduplicate", "broker"]
    victims += ["replay"] * 3
    chance.shuffle(victims)
    with replaying(settings, words, folder) as processes:
        while victims and not drained(settings):
            time.sleep(chance.uniform(0.2, 2.5))
            victim = victims.pop()
            if victim == "broker":
                broker.kill()
                broker.start()
            else:
                processes.kill(victim)
            processes.again()
        assert not victims, f"the lane was drained before these deaths: {victims}"
        assert processes.starts["replay"] > 3, "the replay was over before its deaths"
        finish(processes, settings)


def restarts(settings: Settings, broker: Broker, words: list[str], folder: Path) -> None:
    """Deduplicate is started again after every batch that moved the committed position."""
    with replaying(settings, words, folder, ending=True) as processes:
        finish(processes, settings)
        assert processes.starts["deduplicate"] > 6


def standby(settings: Settings, broker: Broker, words: list[str], folder: Path) -> None:
    """Deduplicate is frozen in the middle, a standby decides on, and the frozen one comes to itself again."""
    with replaying(settings, words, folder) as processes:
        processes.wait_until(lambda: decided(settings) > 0, 120)
        processes.signal("deduplicate", signal.SIGSTOP)
        processes.start("standby", worker_words(settings, "deduplicate"))
        before = decided(settings)
        processes.wait_until(lambda: decided(settings) > before, 120)
        processes.signal("deduplicate", signal.SIGCONT)
        assert not drained(settings), "nothing was left to decide when the frozen one came to itself"
        finish(processes, settings)


def finish(processes: Processes, settings: Settings) -> None:
    processes.wait_until(lambda: drained(settings), 3600)
    processes.wait("replay")


Trouble = Callable[[Settings, Broker, list[str], Path], None]


@pytest.fixture
def check(request: pytest.FixtureRequest, lane: str, tmp_path: Path) -> Callable[..., None]:
    """Replays these records, out of order and one in ten twice, through trouble, and compares with `khabar process`."""

    def check(lines: list[bytes], pairs: list[str], trouble: Trouble, before: str = "") -> None:
        broker: Broker = request.getfixturevalue("broker" if trouble is deaths else "shared_broker")
        settings = Settings(broker=broker.bootstrap, lane=lane)
        file = tmp_path / "news.jsonl"
        file.write_bytes(b"\n".join(line.rstrip(b"\n") for line in lines))
        words = khabar(*replay_words(settings, shuffled(file, tmp_path), pairs), before=before)
        with chained(file, pairs, tmp_path) as chain:
            trouble(settings, broker, words, tmp_path)
            assert_equal(settings, chain)

    return check


def ant(data: Path) -> list[bytes]:
    with gzip.open(data / "news" / "ant-2018-02-05.jsonl.gz") as lines:
        return list(lines)


def saudi(data: Path) -> list[bytes]:
    """A dense week: longer than the window, so that stories outlive it."""
    with gzip.open(data / "news" / "saudinewsnet-2015.jsonl.gz") as lines:
        return [line for line in lines if "2015-07-27" <= orjson.loads(line)["date_extracted"] < "2015-08-03"]


@pytest.mark.parametrize("trouble", [deaths, restarts, standby])
def test_no_trouble_changes_what_comes_out(check: Callable[..., None], trouble: Trouble) -> None:
    """Of what we invented and, where the data set is there, four hundred articles of years ago, of three days.

    As many where it is not: with fewer the lane is drained before all of it has happened.
    """
    folder = os.environ.get("KHABAR_DATA")
    old = ant(Path(folder))[9000:9400] if folder else []
    check(invented(760 - len(old)) + old, ANT, trouble, before=TIMID)


def test_news_of_a_week_come_out_equal(data: Path, check: Callable[..., None]) -> None:
    """Two thousand of them."""
    lines = saudi(data)
    check(lines[:: len(lines) // 2000], SAUDI, calm)


@pytest.mark.full
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("trouble", [deaths, restarts, standby])
@pytest.mark.parametrize(("archive", "pairs"), [(ant, ANT), (saudi, SAUDI)], ids=["ant", "saudi"])
def test_no_trouble_changes_what_comes_out_of_a_whole_archive(
    data: Path, check: Callable[..., None], archive: Callable[[Path], list[bytes]], pairs: list[str], trouble: Trouble
) -> None:
    check(archive(data), pairs, trouble)
