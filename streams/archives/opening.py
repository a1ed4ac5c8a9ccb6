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

from schemas import Misconfigured

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
# What people also have, and has files of its own inside: where its name begins, the name, what it is.
_OTHERS = ((0, b"PK\x03\x04", "zip"), (0, b"7z\xbc\xaf", "7z"), (0, b"Rar!", "rar"), (257, b"ustar", "tar"))


@contextmanager
def open_file(file: Path) -> Iterator[io.BufferedReader]:
    """The unpacked bytes. What packed them is told by the first of them: names may be wrong, and stdin has none.

    Raises Misconfigured for what is no packed file but is named like one, and for archives with files of their own.
    """
    with ExitStack() as opened:
        raw = sys.stdin.buffer if file == STDIN else opened.enter_context(file.open("rb", buffering=0))
        source = opened.enter_context(_buffered(raw))
        head = source.peek(6)
        opener = next((each for magic, each in _OPENERS.items() if head.startswith(magic)), None)
        if opener is not None:
            packed = opened.enter_context(opener(source))
            source = opened.enter_context(_buffered(_Unpacked(packed)))
        elif file.name.lower().endswith(PACKED):
            raise Misconfigured(
                f"{printable(file.name)} is named {file.suffix} and is no gzip, zstd, bzip2 or xz file: it begins with "
                f"{head[:8]!r}; get the file again, or give it its right name"
            )
        start = source.peek(512)
        for at, magic, kind in _OTHERS:
            if start[at : at + len(magic)] == magic:
                raise Misconfigured(f"{printable(file.name)} is a {kind} file; unpack it, and give the folder")
        yield source


def _buffered(raw: Any) -> io.BufferedReader:
    return io.BufferedReader(raw, BLOCK)


class _Unpacked(io.RawIOBase):
    """Gives what is unpacked as it comes: a reader that fills whole blocks loses a block where the file is cut."""

    def __init__(self, packed: Any) -> None:
        self._packed = packed

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:  # within the buffer above us, as fastwarc does
        return int(self._packed.seek(offset, whence))

    def readinto(self, into: Any) -> int:
        found = self._packed.read1(len(into))
        into[: len(found)] = found
        return len(found)


def printable(name: str) -> str:
    """A name on disk may hold bytes that are no text; it travels in headers and in the lane's manifest."""
    return name.encode("utf-8", "replace").decode()
