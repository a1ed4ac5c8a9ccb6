"""Archives: files of articles, read record by record, mapped to our fields, dated, and put in the order of a replay.

`Archive.sorted` is the surface. `inputs` finds the files and their kinds, `lines`, `tables`, `texts` and `warc` read
them, `mapping` renames fields, `placing` dates a record and gives it its place, `sorting` orders what does not fit into
memory. A new kind of file is one more reader, and a line in `inputs`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from schemas import FIRST
from streams.archives.inputs import check_files, digests, read_files
from streams.archives.mapping import FieldMap
from streams.archives.opening import STDIN
from streams.archives.placing import Bounds, Placed, Placing, Unplaced
from streams.archives.sortedness import Checked
from streams.archives.sorting import MEMORY, Sorter
from streams.archives.standing import Phase, Report, Standing
from streams.archives.texts import DateFrom

__all__ = [
    "STDIN", "Archive", "Bounds", "Checked", "DateFrom", "FieldMap", "Ordered", "Phase", "Placed", "Placing", "Report",
    "Sorter", "Standing", "Unplaced", "check_files",
]  # fmt: skip

Ordered = Sorter | Checked


@dataclass(frozen=True, slots=True)
class Archive:
    """Files and how they are to be read.

    Reading raises Misconfigured for a file that is not there, is broken, or has not a field that was mapped.
    """

    files: Sequence[Path]
    map: FieldMap
    placing: Placing
    date_from: DateFrom | None = None  # of files of text
    assume_sorted: bool = False

    def records(self) -> Iterator[Placed | Unplaced]:
        """Every record of every file, in the order of the files: placed, or with the reason why it has no place."""
        check = self.map.check()
        for line in read_files(self.files, self.date_from):
            yield self.placing.place(line, self.map, check)
        check.finish()

    @contextmanager
    def sorted(self, *, after: str = FIRST, memory: int = MEMORY, report: Report = lambda _: None) -> Iterator[Ordered]:
        """Everything read and put in order, only places past `after`; `memory` in bytes."""
        if self.assume_sorted:
            yield Checked(self.records(), after)
            return
        with Sorter(memory) as sorter:
            standing = Standing("reading")
            for record in self.records():
                if isinstance(record, Unplaced) or record.place > after:
                    sorter.add(record)
                sorter.read_count = standing.done = standing.done + 1
                report(standing)
            yield sorter

    def inputs(self) -> dict[str, str]:
        """What tells this archive from another: each file's size and content, in no order, and how they are read."""
        return {
            **digests(self.files, self.date_from),
            "map": str(self.map),
            "timezone": str(self.placing.zone),
            "published_at": self.placing.published_at or "",
            "date_from": self.date_from or "",
            # What was sent out of order would be missed by a replay that goes on in order.
            "assume_sorted": "yes" if self.assume_sorted else "",
        }
