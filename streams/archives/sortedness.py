"""Records of an archive that is said to be sorted: passed on as they are read, and checked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, islice

from schemas import FIRST, Misconfigured, date_of, to_rfc3339
from streams.archives.placing import Placed, Unplaced

__all__ = ["Checked"]


class Checked:
    """Gives what a Sorter gives of the same records, past the place `after`, if their dates never fall.

    Records of one date are held until the next, and put in the order of their places. How many there are is not known
    before the end. A record without a place comes where it stands in the files; resumed, those that stand at the date
    of `after` come once more.
    """

    def __init__(self, records: Iterable[Placed | Unplaced], after: str = FIRST) -> None:
        self._records, self._after = iter(records), after
        self.read_count = 0
        self.placed_count = 0
        self.unplaced_count = 0

    def is_empty(self) -> bool:
        """Whether the archive has no record at all."""
        first = list(islice(self._records, 1))
        self._records = chain(first, self._records)
        return not first

    def records(self) -> Iterator[Placed | Unplaced]:
        """Everything, once; raises Misconfigured at the first record that is dated before one that came before it."""
        held: list[Placed] = []
        since = date_of(self._after) if self._after else None
        for record in self._records:
            self.read_count += 1
            if isinstance(record, Unplaced):
                if since is None or (held and date_of(held[0].place) >= since):
                    self.unplaced_count += 1
                    yield record
                continue
            if held and date_of(record.place) != date_of(held[0].place):
                if record.place < held[0].place:
                    raise _falling(held[-1], record)
                yield from self._released(held)
                held = []
            held.append(record)
        yield from self._released(held)

    def placed(self) -> Iterator[Placed]:
        """Only those with a place."""
        return (record for record in self.records() if isinstance(record, Placed))

    def _released(self, held: list[Placed]) -> Iterator[Placed]:
        for record in sorted(held):
            if record.place > self._after:
                self.placed_count += 1
                yield record


def _falling(before: Placed, record: Placed) -> Misconfigured:
    here, there = (to_rfc3339(date_of(each.place)) for each in (record, before))
    return Misconfigured(
        f"the archive is not sorted: {record.where} is dated {here} and comes after {before.where}, {there}; remove "
        "the lane if it was begun (khabar lanes remove), and replay without --assume-sorted"
    )
