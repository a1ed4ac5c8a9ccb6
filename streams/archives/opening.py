"""Opens a file of an archive, plain or packed: what packed it is told by its first bytes, not by its name."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from backports import zstd

__all__ = ["BLOCK", "BROKEN", "PACKED", "STDIN", "open_file", "printable"]

STDIN = Path("-")
BLOCK = 1024 * 1024
PACKED = (".gz", ".zst", ".zstd", ".bz2", ".xz")
# What reading a packed file raises where it is cut or rotten; bz2 and gzip also raise OSError without a number.
BROKEN = (EOFError, zlib.error, lzma.LZMAError, zstd.ZstdError)
_OPENERS: dict[bytes, Callable[[io.BufferedReader], Any]] = {
    b"\x1f\x8b": lambda packed: gzip.GzipFile(fileobj=packed),
    b"\x28\xb5\x2f\xfd": zstd.ZstdFile,
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\x00": lzma.LZMAFile,
}


@contextmanager
def open_file(file: Path) -> Iterator[io.BufferedReader]:
    """The unpacked bytes; stdin has no name that could end in .gz, so names count for nothing."""
    with ExitStack() as opened:
        raw = sys.stdin.buffer if file == STDIN else opened.enter_context(file.open("rb", buffering=0))
        plain = opened.enter_context(_buffered(raw))
        head = plain.peek(6)
        opener = next((each for magic, each in _OPENERS.items() if head.startswith(magic)), None)
        if opener is None:
            yield plain
        else:
            unpacked = opened.enter_context(opener(plain))
            yield opened.enter_context(_buffered(unpacked))


def _buffered(raw: Any) -> io.BufferedReader:
    return io.BufferedReader(raw, BLOCK)


def printable(name: str) -> str:
    """A name on disk may hold bytes that are no text; it travels in headers and in the lane's manifest."""
    return name.encode("utf-8", "replace").decode()
