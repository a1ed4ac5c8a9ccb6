"""`khabar demo` on a real Kafka: what it prints, what it leaves behind, and how it ends when something fails."""

import io
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import orjson
import psutil
import pytest
from rich.console import Console

from deploy import demo
from deploy.demo import Screen
from schemas import Misconfigured, Unavailable
from streams import cluster
from streams.kafka import make_admin, running
from streams.settings import Settings

pytestmark = pytest.mark.kafka

PATIENCE_S = demo.LIMIT_S + 30


@pytest.fixture
def settings(kafka: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("KHABAR_BROKER", kafka)
    monkeypatch.setenv("KHABAR_PREFIX", "demo-test")
    return Settings()


@pytest.fixture
def sigterm() -> Iterator[None]:
    """The demo takes SIGTERM for itself; the test run wants it back."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@contextmanager
def khabar(*arguments: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    out, err = (folder / "out").open("wb"), (folder / "err").open("wb")
    with out, err:
        process = subprocess.Popen([sys.executable, "-m", "deploy", *arguments], stdout=out, stderr=err)
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def until(true: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline, f"waited {PATIENCE_S} s for {what}"
        time.sleep(0.1)


async def lanes_of(settings: Settings) -> set[str]:
    async with running(make_admin(settings), settings) as admin:
        topics = await admin.list_topics()
    found = (re.match(r"demo-test\.(demo-[a-z0-9-]+)\.", topic) for topic in topics)
    return {lane[1] for lane in found if lane}


def asked(url: str) -> list[dict[str, Any]]:
    with urlopen(url, timeout=30) as answer:  # noqa: S310 - our own
        items: list[dict[str, Any]] = orjson.loads(answer.read())["items"]
        return items


async def test_the_demo_tells_the_stories_goes_on_until_interrupted_and_removes_the_one_before(
    settings: Settings, tmp_path: Path
) -> None:
    older = settings.on("demo-0101-000000")
    await cluster.create(older, "replay")
    with khabar("demo", folder=tmp_path) as process:
        until(lambda: process.poll() is not None or b"to see it" in (tmp_path / "err").read_bytes(), "the feeds")
        said = (tmp_path / "err").read_text("utf-8")
        assert process.poll() is None, said
        children = psutil.Process(process.pid).children(recursive=True)
        assert len(children) >= 3
        lanes = await lanes_of(settings)
        assert older.lane not in lanes
        replayed, live = sorted(lanes)
        assert f"khabar read stories --lane {replayed} --broker {settings.broker}" in said
        assert f"khabar read enriched --lane {live} --broker {settings.broker} --follow" in said
        page = re.search(r"http://127.0.0.1:\d+/", said)
        assert page
        assert said.index(page[0]) < said.index("sent 106")
        assert f"{page[0]}?lane={live} " in said
        assert len(asked(f"{page[0]}v1/stories")) > 15
        assert [each["name"] for each in asked(f"{page[0]}v1/trends") if each["score"] >= 1] == ["سراب 3"]
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0, (tmp_path / "err").read_text("utf-8")
        assert psutil.wait_procs(children, 0)[1] == []
    found = (tmp_path / "out").read_text("utf-8")
    assert "26 of 106 records were refused" in found
    assert "لم نخف خلافاتنا عن أحد" in found
    assert "⟦" in found
    assert "\x1b" not in found
    assert "sent 106, normalize 80, tag 80, deduplicate 78, refused 26" in said


def test_the_demo_once_ends_with_zero_when_the_lane_is_drained(settings: Settings, tmp_path: Path) -> None:
    with khabar("demo", "--once", folder=tmp_path) as process:
        assert process.wait(PATIENCE_S) == 0, (tmp_path / "err").read_text("utf-8")
    found = (tmp_path / "out").read_text("utf-8")
    assert "told by several articles" in found
    lines = found[found.index("Live: ") :].splitlines()
    assert len(lines[1::2]) == len(lines[2::2]) == 6
    assert any("revised 1 time" in line for line in lines)
    assert any("same-story" in line for line in lines)
    assert "--lane demo-" in (tmp_path / "err").read_text("utf-8")


@pytest.mark.usefixtures("sigterm")
def test_a_demo_that_is_not_drained_in_time_says_how_far_it_came(settings: Settings) -> None:
    consoles = Console(file=io.StringIO()), Console(file=io.StringIO())
    with pytest.raises(
        Unavailable,
        match=r"lane demo-\S+ (is not drained after 0 s: sent \d+, normalize|did not get what is on the feeds)",
    ):
        demo.run(settings, Screen(*consoles), once=True, limit_s=0.3)
    assert workers() == []


@pytest.mark.usefixtures("sigterm")
def test_a_demo_whose_workers_cannot_work_says_why(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "_versions", lambda *_: {"normalize": "of last year"})
    consoles = Console(file=io.StringIO()), Console(file=io.StringIO())
    with pytest.raises(Misconfigured, match=r"normalize: .*is pinned to version of last year"):
        demo.run(settings, Screen(*consoles), once=True)
    assert workers() == []


def workers() -> list[psutil.Process]:
    return [each for each in psutil.Process().children(recursive=True) if "worker" in each.cmdline()]
