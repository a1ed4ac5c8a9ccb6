"""What a replay would send, without sending it: `khabar replay --dry-run`."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import orjson

from deploy.archives import no_record
from schemas import FIRST, date_of, to_rfc3339
from streams.archives import Archive, Checked, Placed, Report, Standing

__all__ = ["Rehearsal", "rehearse"]

_SHOWN = 3  # records that are shown as they would be sent
_REASONS = 3  # of each cause
# Bytes that a lane's topics take for each byte of articles, on a cluster that keeps one copy: measured as 18.8 MB for
# 2,000 articles of 7.0 MB (ANT). Half of it is the story log, whose fingerprints do not compress.
_DISK = 2.7
_LONG = 120  # code points of a field that is shown


@dataclass(slots=True)
class Rehearsal:
    """The records of an archive by what would become of them; `unsorted` come after a later one."""

    placed: int = 0
    bytes: int = 0  # of the values of those
    first: str = FIRST
    last: str = FIRST
    unsorted: int = 0
    shown: list[dict[str, Any]] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    reasons: dict[str, list[str]] = field(default_factory=dict)  # cause -> the first few

    def lines(self) -> list[str]:
        """For people."""
        said = [orjson.dumps(each, option=orjson.OPT_INDENT_2).decode() for each in self.shown]
        refused = self.refused.total()
        said.append(
            f"{self.placed + refused:,} records: {self.placed:,} would be sent, {refused:,} only for dead letters"
        )
        if self.placed:
            said.append(f"from {to_rfc3339(date_of(self.first))} to {to_rfc3339(date_of(self.last))}")
            unsorted = f"{self.unsorted:,} of them come after a later one, and would be sorted in"
            said.append(unsorted if self.unsorted else "in the order of their dates already")
            said.append(
                f"{_size(self.bytes)} of articles; the lane takes about {_size(self.bytes * _DISK)} of disk a copy"
            )
        for cause, count in self.refused.most_common():
            said.append(f"{cause}: {count:,}")
            said += [f"  {reason}" for reason in self.reasons[cause]]
            said += ["  …"] if count > _REASONS else []
        return said


def rehearse(archive: Archive, report: Report) -> Rehearsal:
    """Read the whole archive as a replay would; raises Misconfigured as that would."""
    found, standing = Rehearsal(), Standing("reading")
    for record in Checked(archive.records()).records() if archive.assume_sorted else archive.records():
        if isinstance(record, Placed):
            found.placed += 1
            found.bytes += len(record.value)
            found.first = min(found.first or record.place, record.place)
            found.unsorted += bool(found.last) and date_of(record.place) < date_of(found.last)
            found.last = max(found.last, record.place)
            if len(found.shown) < _SHOWN:
                found.shown.append(_shorter(orjson.loads(record.value)))
        else:
            found.refused[record.cause] += 1
            reasons = found.reasons.setdefault(record.cause, [])
            if len(reasons) < _REASONS:
                reasons.append(record.reason)
        standing.done += 1
        report(standing)
    if not standing.done:
        raise no_record(archive)
    return found


def _shorter(found: dict[str, Any]) -> dict[str, Any]:
    """The record with its long texts cut."""
    texts = {name: text for name, text in found.items() if isinstance(text, str) and len(text) > _LONG}
    return found | {name: f"{text[:_LONG]}…" for name, text in texts.items()}


def _size(count: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"
