"""Records in the order of their places, in bounded memory: sorted runs in one temporary file, merged while read."""

from __future__ import annotations

import errno
import heapq
import os
import tempfile
from collections.abc import Iterable, Iterator
from typing import TypeVar

import msgspec

from schemas import Misconfigured
from streams.archives.placing import Placed, Unplaced

__all__ = ["MEMORY", "Sorter"]

# Bytes of records that are sorted at a time; the process takes two to three times this. An archive of 10 GB makes 160
# runs of that size, merged through 160 blocks. Half as much makes twice the runs.
MEMORY = 64 * 1024 * 1024
_BLOCK = 256 * 1024  # bytes of records read back at a time from each run
_OBJECT = 350  # bytes that a record takes in memory beside its value

R = TypeVar("R", Placed, Unplaced)
Run = list[tuple[int, int]]  # offset and bytes of each block
Held = tuple[str, str, int, int]  # the first two fields of a record, and where its value lies in the buffer


class _Pile:
    """Records in memory, their values in one buffer: as single objects they take seven times as much (measured)."""

    def __init__(self) -> None:
        self._values = bytearray()
        self._held: list[Held] = []
        self.bytes = 0

    def add(self, first: str, second: str, value: bytes) -> None:
        start = len(self._values)
        self._values += value
        self._held.append((first, second, start, len(self._values)))
        self.bytes += len(value) + _OBJECT

    def sort(self) -> None:
        self._held.sort()

    def records(self, kind: type[R]) -> Iterator[R]:
        for first, second, start, end in self._held:
            yield kind(first, second, bytes(self._values[start:end]))


class Sorter:
    """Takes records in any order; gives back those without a place as they came, the others by place.

    The file has no name, so that a process that is killed leaves nothing behind. Raises Misconfigured where the disk is
    full.
    """

    def __init__(self, memory: int = MEMORY) -> None:
        self._memory = memory
        self._placed, self._unplaced = _Pile(), _Pile()
        self._runs: list[Run] = []
        self._aside: list[Run] = []
        self._file = tempfile.TemporaryFile(prefix="khabar-", buffering=0)  # noqa: SIM115 - closed in __exit__
        self._end = 0
        self.read_count = 0  # those that were sent before, and so are left out here, too
        self.placed_count = 0
        self.unplaced_count = 0

    def __enter__(self) -> Sorter:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def is_empty(self) -> bool:
        """Whether the archive had no record at all."""
        return not self.read_count

    def add(self, record: Placed | Unplaced) -> None:
        """Take one more record."""
        if isinstance(record, Placed):
            self.placed_count += 1
            self._placed.add(*record)
            if self._placed.bytes >= self._memory:
                self._placed.sort()
                self._runs.append(self._write(self._placed.records(Placed)))
                self._placed = _Pile()
        else:
            self.unplaced_count += 1
            self._unplaced.add(*record)
            if self._unplaced.bytes >= self._memory // 4:
                self._aside.append(self._write(self._unplaced.records(Unplaced)))
                self._unplaced = _Pile()

    def records(self) -> Iterator[Placed | Unplaced]:
        """Those without a place, then those with one: the order in which they are sent."""
        yield from self.unplaced()
        yield from self.placed()

    def unplaced(self) -> Iterator[Unplaced]:
        """Every record without a place, in the order in which they were added."""
        for run in self._aside:
            yield from self._read(run, Unplaced)
        yield from self._unplaced.records(Unplaced)

    def placed(self) -> Iterator[Placed]:
        """Every record with a place, by place; those of one place are equal but for where they came from."""
        self._placed.sort()
        return heapq.merge(*(self._read(run, Placed) for run in self._runs), self._placed.records(Placed))

    def _write(self, records: Iterable[Placed] | Iterable[Unplaced]) -> Run:
        run, block, size = Run(), list[Placed | Unplaced](), 0
        for record in records:
            block.append(record)
            size += len(record.value) + _OBJECT
            if size >= _BLOCK:
                run.append(self._append(block))
                block, size = [], 0
        if block:
            run.append(self._append(block))
        return run

    def _append(self, block: list[Placed | Unplaced]) -> tuple[int, int]:
        packed = msgspec.msgpack.encode(block)
        view = memoryview(packed)
        try:
            while view:
                view = view[self._file.write(view) :]
        except OSError as failed:
            if failed.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise
            raise Misconfigured(
                f"{tempfile.gettempdir()} is full after {self._end:,} bytes of records to sort; the archive takes "
                "about its unpacked size there: set TMPDIR to a folder with room"
            ) from None
        at, self._end = self._end, self._end + len(packed)
        return at, len(packed)

    def _read(self, run: Run, kind: type[R]) -> Iterator[R]:
        decoder = msgspec.msgpack.Decoder(list[kind])  # type: ignore[valid-type]
        for at, size in run:
            yield from decoder.decode(os.pread(self._file.fileno(), size, at))
