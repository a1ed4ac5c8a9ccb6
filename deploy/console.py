"""What all commands share: words on stderr, progress of something long, and errors that end a command in one line."""

import json
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from schemas.errors import KhabarError, Misconfigured

__all__ = ["downloading", "log_to_stderr", "say", "say_errors", "speak_json"]

PLAIN_EVERY = 2.0  # seconds between the lines of a progress that nobody sees as a bar

Update = Callable[[int, int], None]  # (bytes there, bytes in all)


class _Tongue:
    """How stderr is spoken to: lines of text, or lines of JSON from where a command's progress is such."""

    json = False


def speak_json() -> None:
    """From here on every line on stderr is a JSON object: words are its `message`, why a command ends its `error`."""
    _Tongue.json = True


def say(text: str, kind: str = "message") -> None:
    """Tell the person at the keyboard something; stdout is for data. Goes on where nobody listens any more."""
    if _Tongue.json:
        text = json.dumps({kind: text.strip()}, ensure_ascii=False)
    with suppress(BrokenPipeError):
        print(text, file=sys.stderr, flush=True)  # noqa: T201 - this is the one place that words go through


class _Words(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        return json.dumps({"message": text}, ensure_ascii=False) if _Tongue.json else text


@contextmanager
def say_errors() -> Iterator[None]:
    """End the process with one line and the right exit code where Khabar knows what went wrong.

    2 for what the operator has to mend, 1 for what may work later, 130 and no word for Ctrl-C, and no word either where
    the reader of our output has seen enough (`khabar read articles.enriched | head -1`), which is no failure: 0. A bug
    keeps its traceback.
    """
    _Tongue.json = False
    try:
        yield
        sys.stdout.flush()
    except KhabarError as error:
        say(f"khabar: {error}", "error")
        sys.exit(2 if isinstance(error, Misconfigured) else 1)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # Python flushes stdout once more when it ends, and would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


def log_to_stderr(level: int = logging.WARNING) -> None:
    """Send log records to stderr, one line each; a client that cannot reach its broker is told of by our own errors."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Words("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S"))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    if level > logging.DEBUG:
        logging.getLogger("aiokafka").setLevel(logging.CRITICAL)


@contextmanager
def downloading(what: str) -> Iterator[Update]:
    """Show how far a download is: a bar in a terminal, a line every two seconds elsewhere."""
    with (_bar if sys.stderr.isatty() else _lines)(what) as update:
        yield update


@contextmanager
def _bar(what: str) -> Iterator[Update]:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, visible=False, total=None)
        yield lambda there, total: progress.update(task, completed=there, total=total, visible=True)


@contextmanager
def _lines(what: str) -> Iterator[Update]:
    told = 0.0

    def update(there: int, total: int) -> None:
        nonlocal told
        now = time.monotonic()
        if now - told >= PLAIN_EVERY or there == total:
            told = now
            say(f"{what}: {there // 10**6} of {total // 10**6} MB")

    yield update
