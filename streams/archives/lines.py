"""JSON lines, one bounded line at a time; and what a record of any kind of file is before it is mapped."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, NamedTuple

from streams.archives.opening import BLOCK

__all__ = ["LINE_LIMIT", "Line", "read_lines"]

# Bytes of one line that are held in memory. A raw record has at most 1 MiB; written with \uXXXX escapes Arabic takes
# three times the bytes, markup more. What is longer is refused with its beginning; a larger limit only costs memory.
LINE_LIMIT = 8 * 1024 * 1024
_BOM = b"\xef\xbb\xbf"


class Line(NamedTuple):
    """One record as JSON; `length` is that of the whole record, `value` at most LINE_LIMIT bytes of it.

    `problem` says what keeps it from being read; then `value` is whatever bytes there are.
    """

    where: str  # file:line, or what counts as lines there, from 1
    value: bytes
    length: int
    problem: str = ""


def read_lines(source: IO[bytes], name: str) -> Iterator[Line]:
    """Yield the lines of a file; blank ones are counted and left out."""
    for number, (value, length) in enumerate(_bounded(source), 1):
        if value and not value.isspace():
            yield Line(f"{name}:{number}", value, length)


def _bounded(source: IO[bytes]) -> Iterator[tuple[bytes, int]]:
    """Yield each line without its end, cut at LINE_LIMIT bytes, and its whole length."""
    start = _BOM
    while value := source.readline(LINE_LIMIT + len(_BOM) + 2):  # room for a mark at the start and \r\n at the end
        rest, beyond = value, 0
        while not rest.endswith(b"\n") and (rest := source.readline(BLOCK)):
            beyond += len(rest.removesuffix(b"\n"))
        value = value.removeprefix(start).removesuffix(b"\n").removesuffix(b"\r")
        start = b""
        yield value[:LINE_LIMIT], len(value) + beyond
