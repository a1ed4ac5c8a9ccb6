"""The demo's parts without a broker: what it starts and stops, what it counts, and how its progress looks."""

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from deploy import demo
from deploy.demo import Screen
from deploy.watch import Watch
from schemas import LAST, DeadLetter, NormalizedArticle, Progress, RawArticle, encode
from streams.lanes import PROGRESS_KEY
from streams.settings import LOCAL_BROKER, Settings
from streams.turn import MARK, RAW


class FakeBroker:
    bootstrap = "127.0.0.1:29092"

    def __init__(self, ran: bool) -> None:
        self.ran, self.events = ran, list[str]()

    def running(self) -> object:
        return self if self.ran else None

    def start(self, progress: Any) -> bool:
        self.events.append("start")
        return True

    def stop(self) -> bool:
        self.events.append("stop")
        return True


@pytest.fixture
def local(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    monkeypatch.delenv("KHABAR_BROKER", raising=False)
    monkeypatch.chdir(tmp_path)
    broker = FakeBroker(ran=False)
    monkeypatch.setattr(demo, "Broker", lambda folder, port, controller_port: broker)
    return broker


def test_a_broker_that_the_demo_started_is_stopped_also_after_a_failure(local: FakeBroker) -> None:
    def fail() -> None:
        with demo._broker(Settings()) as settings:
            raise RuntimeError(settings.broker)

    with pytest.raises(RuntimeError, match=local.bootstrap):
        fail()
    assert local.events == ["start", "stop"]


def test_a_broker_that_ran_before_runs_on(local: FakeBroker) -> None:
    local.ran = True
    with demo._broker(Settings()) as settings:
        assert settings.broker == local.bootstrap
    assert local.events == []


@pytest.mark.parametrize("address", ["kafka.example:9092", LOCAL_BROKER])
def test_where_a_broker_is_configured_none_is_started(
    local: FakeBroker, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("KHABAR_BROKER", address)
    with demo._broker(Settings()) as settings:
        assert settings.broker == address
    assert local.events == []


def record(value: bytes = b"{}", key: bytes | None = None, offset: int = 0, **headers: bytes) -> Any:
    pairs = [("khabar-" + name, content) for name, content in headers.items()]
    return SimpleNamespace(value=value, key=key, partition=0, offset=offset, headers=pairs)


@pytest.fixture
def watch() -> Watch:
    """Two records sent, both normalized, one of them delivered twice; a letter delivered twice; a mark everywhere."""
    watch = Watch()
    for topic in (RawArticle.topic, NormalizedArticle.topic):
        watch.take(topic, record(offset=9, **{MARK.removeprefix("khabar-"): b"~"}))
    for offset in (0, 1):
        watch.take(RawArticle.topic, record(offset=offset))
    for raw in (b"0:0", b"0:1", b"0:1"):
        watch.take(NormalizedArticle.topic, record(**{RAW.removeprefix("khabar-"): raw}))
    for _ in range(2):
        watch.take(DeadLetter.topic, record(cause=b"empty", topic=b"t", partition=b"0"))
    return watch


def test_what_was_delivered_twice_is_counted_once_and_marks_never(watch: Watch) -> None:
    standing = dict(watch.standing())
    assert (standing["sent"], standing["normalize"], standing["refused"]) == (2, 2, 1)
    assert watch.causes == {"empty": 1}


def test_a_lane_is_drained_when_its_end_marks_have_passed(watch: Watch) -> None:
    progress = Progress(line=3, raw={}, passed="0")
    watch.take(Progress.topic, record(encode(progress), PROGRESS_KEY))
    assert not watch.drained
    watch.take(Progress.topic, record(encode(Progress(line=3, raw={}, passed=LAST)), PROGRESS_KEY))
    assert watch.drained


def test_progress_is_a_line_where_it_is_piped_and_a_table_in_a_terminal(
    watch: Watch, capsys: pytest.CaptureFixture[str]
) -> None:
    piped = Screen(Console(file=io.StringIO()), Console(file=io.StringIO()))
    piped.working(watch)
    piped.working(watch)
    piped.over(watch)
    assert capsys.readouterr().err.splitlines() == ["sent 2, normalize 2, tag 0, deduplicate 0, refused 1, stories 0"]
    seen = io.StringIO()
    terminal = Screen(Console(file=io.StringIO()), Console(file=seen, force_terminal=True, width=80))
    terminal.working(watch)
    terminal.over(watch)
    assert "normalize" in seen.getvalue()
    assert "━" in seen.getvalue()
    assert capsys.readouterr().err == ""


def told(capsys: pytest.CaptureFixture[str], broker: str, *, once: bool, local: bool) -> str:
    screen = Screen(Console(file=io.StringIO()), Console(file=io.StringIO()))
    live = Settings(lane="demo-1-live", broker=broker)
    screen.hints(Settings(lane="demo-1", broker=broker), live, once=once, local=local)
    return capsys.readouterr().err


def test_what_to_type_next_names_the_lanes_and_a_broker_that_is_not_the_usual_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = told(capsys, "kafka.example:9092", once=False, local=False)
    assert "khabar read stories --lane demo-1 --broker kafka.example:9092" in said
    assert "khabar read enriched --lane demo-1-live --broker kafka.example:9092 --follow" in said
    assert "Ctrl-C" in said


def test_a_demo_that_ends_says_how_to_look_into_its_lanes(capsys: pytest.CaptureFixture[str]) -> None:
    said = told(capsys, "kafka.example:9092", once=True, local=False)
    assert "khabar read stories --lane demo-1 --broker kafka.example:9092" in said
    assert "--follow" not in said
    assert "broker start" not in said


def test_a_broker_that_stops_with_the_demo_has_to_be_started_first(capsys: pytest.CaptureFixture[str]) -> None:
    said = told(capsys, LOCAL_BROKER, once=True, local=True)
    assert said.index("khabar broker start") < said.index("khabar read stories --lane demo-1 --latest-per-key")
