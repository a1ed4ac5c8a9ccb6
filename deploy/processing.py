"""An archive through the chain, with what comes of it written as JSON lines."""

from __future__ import annotations

from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import IO

import orjson

from deploy.chain import Chain, Refusal
from schemas import EnrichedArticle, encode
from streams.archives import Archive, Placed, Report, Standing, Unplaced

__all__ = ["Outcome", "process_archive"]

_REASONS = 5  # refused records whose reasons are shown; their causes are all counted


@dataclass(slots=True)
class Outcome:
    """What became of the records of an archive: each is a decision, a repeat, or refused."""

    decisions: int = 0
    repeats: int = 0
    refused: Counter[str] = field(default_factory=Counter)  # cause -> records
    reasons: list[str] = field(default_factory=list)  # of the first few

    def __str__(self) -> str:
        """A line of counts, then one for each of the first reasons."""
        refused = self.refused.total()
        counts = f"{self.decisions:,} articles out, {self.repeats:,} repeats, {refused:,} refused"
        if refused:
            counts += f" ({', '.join(f'{cause} {number:,}' for cause, number in self.refused.most_common())})"
        more = [f"  and {refused - _REASONS:,} more"] if refused > _REASONS else []
        return "\n".join([counts, *(f"  {reason}" for reason in self.reasons), *more])


def process_archive(
    archive: Archive,
    make_chain: Callable[[], Chain],
    out: IO[bytes],
    stories: IO[bytes] | None,
    letters: IO[bytes] | None,
    report: Report,
) -> Outcome:
    """Write every enriched article, every state of every story, and every refused record, in the order of the line."""
    outcome = Outcome()
    with archive.sorted(report=report) as sorter:
        standing = Standing("processing", 0, sorter.placed_count + sorter.unplaced_count)
        report(standing)

        def counted() -> Iterator[Placed | Unplaced]:
            for record in sorter.records():
                yield record
                standing.done += 1
                if isinstance(record, Placed):
                    standing.reached = record.place
                report(standing)

        for result in make_chain().run(counted()):
            if isinstance(result, Refusal):
                outcome.refused[result.cause] += 1
                if len(outcome.reasons) < _REASONS:
                    outcome.reasons.append(result.reason)
                if letters is not None:
                    letters.write(orjson.dumps(_letter(result)) + b"\n")
                continue
            if result:
                outcome.decisions += 1
            else:
                outcome.repeats += 1
            for event in result:
                wanted = out if isinstance(event, EnrichedArticle) else stories
                if wanted is not None:
                    wanted.write(encode(event) + b"\n")
    return outcome


def _letter(refusal: Refusal) -> dict[str, str | None]:
    """The field names of `khabar letters show --json`."""
    named: dict[str, str | None] = {"stage": refusal.stage, "cause": refusal.cause, "reason": refusal.reason}
    if refusal.trace is not None:
        named["trace"] = refusal.trace
    try:
        named["value"] = refusal.value.decode()
    except UnicodeDecodeError:
        named["value_base64"] = b64encode(refusal.value).decode()
    return named
