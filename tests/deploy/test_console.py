"""How commands end, and what they say on the way."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deploy.console import downloading, say_errors
from schemas.errors import KhabarError, Misconfigured, Unavailable

ROOT = Path(__file__).parents[2]


def start(script: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script], cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


@pytest.mark.parametrize(("error", "code"), [(Misconfigured("no such lane"), 2), (Unavailable("no such lane"), 1)])
def test_an_error_of_ours_is_one_line_and_its_exit_code(
    error: KhabarError, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended, say_errors():
        raise error
    assert ended.value.code == code
    assert capsys.readouterr() == ("", "khabar: no such lane\n")


def test_a_bug_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError), say_errors():
        raise ZeroDivisionError


def test_ctrl_c_ends_a_command_without_a_word() -> None:
    script = (
        "import time\nfrom deploy.console import say_errors\nwith say_errors():\n print(1, flush=True); time.sleep(60)"
    )
    with start(script) as command:
        assert command.stdout
        assert command.stdout.readline() == "1\n"
        command.send_signal(signal.SIGINT)
        out, errors = command.communicate(timeout=30)
    assert (command.returncode, out, errors) == (130, "", "")


def test_a_reader_that_has_seen_enough_ends_a_command_without_a_word() -> None:
    with start("from deploy.console import say_errors\nwith say_errors():\n while True: print('line')") as command:
        assert command.stdout
        assert command.stderr
        command.stdout.readline()
        command.stdout.close()
        assert command.stderr.read() == ""
    assert command.returncode == 0


def test_a_download_that_nobody_watches_is_told_in_a_few_plain_lines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(float(second) for second in range(100, 111))
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    with downloading("Downloading") as update:
        for there in range(0, 11_000_000, 1_000_000):
            update(there, 10_000_000)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "Downloading: 0 of 10 MB"
    assert lines[-1] == "Downloading: 10 of 10 MB"
    assert len(lines) == 6


def test_a_download_that_was_not_needed_is_not_mentioned(capsys: pytest.CaptureFixture[str]) -> None:
    with downloading("Downloading"):
        pass
    assert capsys.readouterr() == ("", "")
