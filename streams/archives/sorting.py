"""Records in the order of their places, in bounded memory: sorted runs in one temporary file, merged while read."""

from __future__ import annotations

import errno
import heapq
import os
import tempfile
from collections.abc import Iterator
from typing import TypeVar

import msgspec

from schemas import Misconfigured
from streams.archives.placing import Placed, Unplaced

__all__ = ["MEMORY", "Sorter"]

# Bytes of records that are sorted at a time. An archive of 10 GB makes 160 runs of that size, which are merged through
# 160 blocks. Twice as much halves the runs; the process takes about twice this while it sorts.
MEMORY = 64 * 1024 * 1024
_BLOCK = 256 * 1024  # bytes of records read back at a time from each run
_OBJECT = 250  # bytes that the objects of a record take in memory beside its value

R = TypeVar("R", Placed, Unplaced)


Run = list[tuple[int, int]]  # offset and bytes of each block


class Sorter:
    """Takes records in any order; gives back those without a place as they came, the others by place.

    The file has no name, so that a process that is killed leaves nothing behind. Raises Misconfigured where the disk is
    full.
    """

    def __init__(self, memory: int = MEMORY) -> None:
        self._memory = memory
        self._held: list[Placed] = []
        self._bytes = 0
        self._unplaced: list[Unplaced] = []
        self._unplaced_bytes = 0
        self._runs: list[Run] = []
        self._aside: list[Run] = []
        self._file = tempfile.TemporaryFile(prefix="khabar-", buffering=0)  # noqa: SIM115 - closed in __exit__
        self._end = 0
        self.placed_count = 0
        self.unplaced_count = 0

    def __enter__(self) -> Sorter:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, record: Placed | Unplaced) -> None:
        """Take one more record."""
        size = len(record.value) + _OBJECT
        if isinstance(record, Placed):
            self._held.append(record)
            self._bytes += size
            self.placed_count += 1
            if self._bytes >= self._memory:
                self._held.sort()
                self._runs.append(self._write(self._held))
                self._held, self._bytes = [], 0
            return
        self._unplaced.append(record)
        self._unplaced_bytes += size
        self.unplaced_count += 1
        if self._unplaced_bytes >= self._memory // 4:
            self._aside.append(self._write(self._unplaced))
            self._unplaced, self._unplaced_bytes = [], 0

    def unplaced(self) -> Iterator[Unplaced]:
        """Every record without a place, in the order in which they were added."""
        for run in self._aside:
            yield from self._read(run, Unplaced)
        yield from self._unplaced

    def placed(self) -> Iterator[Placed]:
        """Every record with a place, by place; those of one place are equal but for where they came from."""
        self._held.sort()
        return heapq.merge(*(self._read(run, Placed) for run in self._runs), self._held)

    def _write(self, records: list[Placed] | list[Unplaced]) -> Run:
        try:
            blocks, block, size = Run(), list[Placed | Unplaced](), 0
            for record in records:
                block.append(record)
                size += len(record.value) + _OBJECT
                if size >= _BLOCK:
                    blocks.append(self._append(block))
                    block, size = [], 0
            if block:
                blocks.append(self._append(block))
        except OSError as failed:
            if failed.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise
            raise Misconfigured(
                f"{tempfile.gettempdir()} is full after {self._end:,} bytes of records to sort; the archive takes "
                "about its unpacked size there: set TMPDIR to a folder with room"
            ) from None
        return blocks

    def _append(self, block: list[Placed | Unplaced]) -> tuple[int, int]:
        packed = msgspec.msgpack.encode(block)
        view = memoryview(packed)
        while view:
            view = view[self._file.write(view) :]
        at, self._end = self._end, self._end + len(packed)
        return at, len(packed)

    def _read(self, run: Run, kind: type[R]) -> Iterator[R]:
        decoder = msgspec.msgpack.Decoder(list[kind])  # type: ignore[valid-type]
        for at, size in run:
            yield from decoder.decode(os.pread(self._file.fileno(), size, at))
