"""Stages that end come back, and all end together; the stages here are scripts of a few lines."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from deploy.supervisor import Supervisor
from schemas.errors import Misconfigured

ROOT = Path(__file__).parents[2]
FOREVER = "import time\nprint('up', flush=True)\ntime.sleep(60)"
POLITE = "import signal\nsignal.signal(15, lambda *_: exit(print('bye')))\nprint('up', flush=True)\nsignal.pause()"
DEAF = "import signal\nsignal.signal(15, signal.SIG_IGN)\nprint('up', flush=True)\nwhile True: signal.pause()"


class Words:
    """What the supervisor says, and a way to wait for some of it."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, line: str) -> None:
        self.lines.append(line)

    async def wait(self, wanted: Callable[[list[str]], object]) -> None:
        async with asyncio.timeout(30):
            while not wanted(self.lines):
                await asyncio.sleep(0.02)


@pytest.fixture
def words() -> Words:
    return Words()


def supervise(words: Words, scripts: dict[str, str], **times: float) -> Supervisor:
    commands = {stage: [sys.executable, "-c", script] for stage, script in scripts.items()}
    return Supervisor(commands, os.environ, words, **{"first_delay": 0.05, "grace": 10.0, **times})


def processes(marker: str) -> list[psutil.Process]:
    """The processes whose command line holds the marker."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        if marker in " ".join(process.info["cmdline"] or ()) and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process)
    return found


async def test_a_stage_that_is_killed_comes_back_and_the_others_go_on(words: Words, lane: str) -> None:
    running = asyncio.create_task(
        supervise(words, {"normalize": f"{FOREVER} # {lane}-n", "tag": f"{FOREVER} # {lane}-t"}).run()
    )
    await words.wait(lambda lines: len(lines) == 2)
    (killed,), (other,) = processes(f"{lane}-n"), processes(f"{lane}-t")
    killed.kill()
    await words.wait(lambda lines: lines.count("normalize | up") == 2)
    assert "normalize ended by SIGKILL; it starts again in 0.05 s" in words.lines
    assert processes(f"{lane}-t") == [other]
    assert processes(f"{lane}-n") != [killed]
    os.kill(os.getpid(), signal.SIGTERM)
    await running
    assert not processes(lane)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_stops_all_and_lets_each_finish(words: Words, number: signal.Signals) -> None:
    running = asyncio.create_task(supervise(words, {"normalize": POLITE, "tag": POLITE}).run())
    await words.wait(lambda lines: len(lines) == 2)
    os.kill(os.getpid(), number)
    await running
    assert sorted(words.lines[2:]) == ["normalize | bye", "tag       | bye"]


async def test_a_stage_that_does_not_stop_is_killed_after_the_grace(words: Words, lane: str) -> None:
    running = asyncio.create_task(supervise(words, {"tag": f"{DEAF} # {lane}"}, grace=0.2).run())
    await words.wait(lambda lines: lines == ["tag | up"])
    os.kill(os.getpid(), signal.SIGTERM)
    await running
    assert "tag did not stop within 0.2 s and is killed; it loses nothing by it" in words.lines
    assert not processes(lane)


async def test_a_second_signal_does_not_wait(words: Words) -> None:
    running = asyncio.create_task(supervise(words, {"tag": DEAF}, grace=60.0).run())
    await words.wait(lambda lines: lines == ["tag | up"])
    os.kill(os.getpid(), signal.SIGINT)
    await asyncio.sleep(0.1)
    os.kill(os.getpid(), signal.SIGINT)
    await asyncio.wait_for(running, 20)


async def test_what_only_the_operator_can_mend_ends_all_with_its_words(words: Words, lane: str) -> None:
    bad = "import sys\nsys.exit(print('khabar worker tag: no lane x\\nmake one') or 2)"
    with pytest.raises(Misconfigured, match=r"^stage tag: no lane x\nmake one$"):
        await supervise(words, {"normalize": f"{FOREVER} # {lane}", "tag": bad}).run()
    assert not processes(lane)
    assert not [line for line in words.lines if "starts again" in line]


async def test_each_start_waits_twice_as_long_up_to_the_longest(words: Words) -> None:
    supervisor = supervise(words, {"tag": "raise SystemExit(1)"}, first_delay=0.01, longest_delay=0.04)
    running = asyncio.create_task(supervisor.run())
    await words.wait(lambda lines: len(lines) == 4)
    os.kill(os.getpid(), signal.SIGTERM)
    await running
    assert [line.split(" in ")[1] for line in words.lines[:4]] == ["0.01 s", "0.02 s", "0.04 s", "0.04 s"]


async def test_a_stage_that_ran_well_starts_again_as_soon_as_at_first(words: Words) -> None:
    supervisor = supervise(words, {"tag": "raise SystemExit(1)"}, first_delay=0.01, steady=0.0)
    running = asyncio.create_task(supervisor.run())
    await words.wait(lambda lines: len(lines) == 3)
    os.kill(os.getpid(), signal.SIGTERM)
    await running
    assert {line.split(" in ")[1] for line in words.lines} == {"0.01 s"}


async def test_a_line_longer_than_any_buffer_is_passed_on(words: Words) -> None:
    running = asyncio.create_task(supervise(words, {"tag": f"print('long' * 500_000)\n{FOREVER}"}).run())
    await words.wait(lambda lines: "tag | up" in lines)
    os.kill(os.getpid(), signal.SIGTERM)
    await running
    assert "".join(line.removeprefix("tag | ") for line in words.lines) == "long" * 500_000 + "up"


def test_no_stage_outlives_a_supervisor_that_is_killed() -> None:
    stage = "import sys, time; from deploy.worker import die_with; die_with(int(sys.argv[1])); time.sleep(99)"
    script = f"""
import asyncio, os, sys
from deploy.supervisor import Supervisor
command = [sys.executable, "-c", {stage!r}, str(os.getpid())]
asyncio.run(Supervisor({{"normalize": command, "tag": command}}, os.environ, print).run())
"""
    with subprocess.Popen([sys.executable, "-c", script], cwd=ROOT) as supervisor:
        children = wait_for(lambda: psutil.Process(supervisor.pid).children(), 2)
        supervisor.kill()
    _, alive = psutil.wait_procs(children, timeout=20)
    assert not [child for child in alive if child.status() != psutil.STATUS_ZOMBIE]


def wait_for(find: Callable[[], list[psutil.Process]], count: int) -> list[psutil.Process]:
    deadline = time.monotonic() + 30
    while len(found := find()) < count:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found
