"""Archives: files of articles, read line by line, mapped to our fields, dated, and put in the order of a replay.

`Archive.sorted` is the surface. `lines` reads files, `mapping` renames fields, `placing` dates a record and gives it
its place, `sorting` orders what does not fit into memory. A new kind of file is one more function in `lines`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from schemas import FIRST
from streams.archives.lines import STDIN, check_files, digest, printable, read_lines
from streams.archives.mapping import FieldMap
from streams.archives.placing import Bounds, Placed, Placing, Unplaced
from streams.archives.sorting import MEMORY, Sorter
from streams.archives.standing import Phase, Report, Standing

__all__ = [
    "STDIN", "Archive", "Bounds", "FieldMap", "Phase", "Placed", "Placing", "Report", "Sorter", "Standing", "Unplaced",
    "check_files",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Archive:
    """Files and how they are to be read.

    Reading raises Misconfigured for a file that is not there, is broken, or has not a field that was mapped.
    """

    files: Sequence[Path]
    map: FieldMap
    placing: Placing

    def records(self) -> Iterator[Placed | Unplaced]:
        """Every line of every file, in the order of the files: placed, or with the reason why it has no place."""
        check = self.map.check()
        for line in read_lines(self.files):
            yield self.placing.place(line, self.map, check)
        check.finish()

    @contextmanager
    def sorted(self, *, after: str = FIRST, memory: int = MEMORY, report: Report = lambda _: None) -> Iterator[Sorter]:
        """Everything read and put in order, only places past `after`; `memory` in bytes."""
        with Sorter(memory) as sorter:
            standing = Standing("reading")
            for record in self.records():
                if isinstance(record, Unplaced) or record.place > after:
                    sorter.add(record)
                standing.done += 1
                report(standing)
            yield sorter

    def inputs(self) -> dict[str, str]:
        """What tells this archive from another: each file's size and content, in no order, and how they are read."""
        named: dict[str, str] = {}
        for name, found in sorted((printable(file.name), digest(file)) for file in self.files):
            key, copies = f"file {name}", 1
            while key in named:
                copies += 1
                key = f"file {name} ({copies})"
            named[key] = found
        return {
            **named,
            "map": str(self.map),
            "timezone": str(self.placing.zone),
            "published_at": self.placing.published_at or "",
        }
