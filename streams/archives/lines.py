"""JSON lines from files, plain or compressed with gzip, one bounded line at a time, each with its file and number."""

from __future__ import annotations

import gzip
import hashlib
import io
import sys
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, NamedTuple, cast

from schemas import Misconfigured

__all__ = ["LINE_LIMIT", "STDIN", "Line", "check_files", "digest", "printable", "read_lines"]

STDIN = Path("-")
# Bytes of one line that are held in memory. A raw record has at most 1 MiB; written with \uXXXX escapes Arabic takes
# three times the bytes, markup more. What is longer is refused with its beginning; a larger limit only costs memory.
LINE_LIMIT = 8 * 1024 * 1024
_BLOCK = 1024 * 1024
_GZIP = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"


class Line(NamedTuple):
    """One line without its line end; `length` is that of the whole line, `value` at most LINE_LIMIT bytes of it."""

    where: str  # file:line, counted from 1
    value: bytes
    length: int


def check_files(files: Sequence[Path]) -> None:
    """Raises Misconfigured for what cannot be read."""
    for file in files:
        if file != STDIN and not file.is_file():
            found = "is a folder" if file.is_dir() else "is not there"
            raise Misconfigured(f"{file} {found}; give files of JSON lines, plain or .gz")


def digest(file: Path) -> str:
    """Size and hash of a file: `13695743 bytes, sha256 1f0c…`."""
    with file.open("rb") as opened:
        hashed = hashlib.file_digest(opened, "sha256")
    return f"{file.stat().st_size} bytes, sha256 {hashed.hexdigest()}"


def read_lines(files: Sequence[Path]) -> Iterator[Line]:
    """Yield the lines of all files; blank ones are counted and left out.

    Raises Misconfigured, which names the file and the line, where a file cannot be opened or its compression is broken.
    """
    for file in files:
        name = "stdin" if file == STDIN else printable(file.name)
        number = 0
        try:
            with _open(file) as source:
                for number, (value, length) in enumerate(_bounded(source), 1):
                    if value and not value.isspace():
                        yield Line(f"{name}:{number}", value, length)
        except (EOFError, zlib.error, gzip.BadGzipFile) as broken:
            raise Misconfigured(
                f"{name}: the compression is broken after line {number} ({broken}); get the file again"
            ) from None
        except OSError as failed:
            raise Misconfigured(f"{name}: cannot be read after line {number}: {failed.strerror or failed}") from None


def printable(name: str) -> str:
    """A name on disk may hold bytes that are no text; it travels in headers and in the lane's manifest."""
    return name.encode("utf-8", "replace").decode()


@contextmanager
def _open(file: Path) -> Iterator[IO[bytes]]:
    """The lines' bytes; gzip is told by its first two bytes, since stdin has no name that could end in .gz."""
    with ExitStack() as opened:
        raw = sys.stdin.buffer if file == STDIN else opened.enter_context(file.open("rb", buffering=0))
        plain = opened.enter_context(io.BufferedReader(cast("io.RawIOBase", raw), _BLOCK))
        if plain.peek(2)[:2] == _GZIP:
            unpacked = opened.enter_context(gzip.GzipFile(fileobj=plain))
            yield opened.enter_context(io.BufferedReader(cast("io.RawIOBase", unpacked), _BLOCK))
        else:
            yield plain


def _bounded(source: IO[bytes]) -> Iterator[tuple[bytes, int]]:
    """Yield each line without its end, cut at LINE_LIMIT bytes, and its whole length."""
    start = _BOM
    while value := source.readline(LINE_LIMIT + len(_BOM) + 2):  # room for a mark at the start and \r\n at the end
        rest, beyond = value, 0
        while not rest.endswith(b"\n") and (rest := source.readline(_BLOCK)):
            beyond += len(rest.removesuffix(b"\n"))
        value = value.removeprefix(start).removesuffix(b"\n").removesuffix(b"\r")
        start = b""
        yield value[:LINE_LIMIT], len(value) + beyond
