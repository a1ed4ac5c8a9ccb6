"""Dead letters: the record that was refused, its bytes untouched, with headers that say who refused it and why."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from schemas import DeadLetter, Misconfigured
from streams.read import Record, read_topic
from streams.settings import Settings
from streams.topics import Header, by_name, size_of

__all__ = ["HEADERS", "Cause", "Letter", "causes", "find", "read_letters", "write"]

_REASON_LIMIT = 2_000  # bytes; a reason names a field and what was found
_TRACE_LIMIT = 16_000  # bytes; the last frames of a trace tell the most
# Header, field of DeadLetter, in the order in which they are written.
HEADERS = {
    "khabar-stage": "stage",
    "khabar-cause": "cause",
    "khabar-reason": "reason",
    "khabar-topic": "from_topic",
    "khabar-partition": "from_partition",
    "khabar-offset": "from_offset",
    "khabar-at": "at",
    "khabar-trace": "trace",
    "khabar-truncated": "cut_from",
}
_NUMBERS = ("from_partition", "from_offset", "cut_from")


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A record of the dead-letter topic; `number` is its offset there, -1 before it is sent."""

    note: DeadLetter
    key: bytes | None
    value: bytes | None
    headers: Sequence[Header]  # all of them: those that `note` was read from, and the refused record's own
    number: int = -1


def write(note: DeadLetter, key: bytes | None, value: bytes | None, headers: Iterable[Header] = ()) -> Letter:
    """The letter for a refused record: its key, bytes and own headers, and what `note` says.

    Fits its topic: of a record too large for that, the value is cut, and if need be its own headers left out and
    its key cut; `khabar-truncated` gives the size in bytes that the value had.
    """
    own = [(name, content) for name, content in headers if name not in HEADERS]
    largest = by_name(DeadLetter.topic).largest
    written = _headers(note)
    if size_of(key, value, [*own, *written]) <= largest:
        return Letter(note=note, key=key, value=value, headers=[*own, *written])
    note = replace(note, cut_from=len(value or b""))
    written = _headers(note)
    room = largest - size_of(None, None, written)
    if size_of(None, None, own) > room // 2:
        own = []
    room -= size_of(None, None, own)
    key = None if key is None else key[: room // 2]
    value = None if value is None else value[: room - len(key or b"")]
    return Letter(note=note, key=key, value=value, headers=[*own, *written])


async def read_letters(settings: Settings, *, cause: str | None = None) -> AsyncIterator[Letter]:
    """Yield the lane's letters in order, of one cause or of all; the same record refused twice is one letter.

    A stage that was killed refuses again what it had not acknowledged, so a letter may have been written twice.
    """
    seen: set[tuple[str, str, int, int]] = set()
    async with aclosing(read_topic(settings, DeadLetter.topic)) as records:
        async for record in records:
            letter = _read(record)
            note = letter.note
            origin = (note.stage, note.from_topic, note.from_partition, note.from_offset)
            if origin not in seen:
                seen.add(origin)
                if cause is None or note.cause == cause:
                    yield letter


async def find(settings: Settings, number: int) -> Letter:
    """The letter of that number; raises Misconfigured if there is none."""
    async with aclosing(read_topic(settings, DeadLetter.topic, start={0: number})) as records:
        async for record in records:
            if record.offset == number:
                return _read(record)
            break
    raise Misconfigured(
        f"there is no letter {number} in lane {settings.lane}; the numbers stand in: khabar letters list"
    )


@dataclass(slots=True, kw_only=True)
class Cause:
    """All letters of one cause, and the newest of them as an example."""

    cause: str
    count: int
    first: str
    last: str
    example: Letter


async def causes(letters: AsyncIterator[Letter]) -> list[Cause]:
    """Letters by cause, the most frequent first."""
    groups: dict[str, Cause] = {}
    async for letter in letters:
        note = letter.note
        group = groups.get(note.cause)
        if group is None:
            groups[note.cause] = Cause(cause=note.cause, count=1, first=note.at, last=note.at, example=letter)
        else:
            group.count += 1
            group.first, group.last = min(group.first, note.at), max(group.last, note.at)
            group.example = letter
    return sorted(groups.values(), key=lambda group: (-group.count, group.cause))


def _headers(note: DeadLetter) -> list[Header]:
    found = []
    for name, attribute in HEADERS.items():
        content = getattr(note, attribute)
        if content is not None:
            text = str(content).encode("utf-8", "surrogatepass")
            if attribute == "reason":
                text = text[:_REASON_LIMIT]
            elif attribute == "trace":
                text = text[-_TRACE_LIMIT:]
            found.append((name, text))
    return found


def _read(record: Record) -> Letter:
    """A letter that we wrote; one that somebody else wrote gets empty fields rather than no place in the list."""
    fields: dict[str, str | int | None] = dict.fromkeys(HEADERS.values())
    for name, content in record.headers:
        attribute = HEADERS.get(name)
        if attribute is None:
            continue
        text = (content or b"").decode("utf-8", "replace")
        fields[attribute] = _number(text) if attribute in _NUMBERS else text
    for attribute in ("stage", "cause", "reason", "from_topic", "at"):
        fields[attribute] = fields[attribute] or ""
    for attribute in ("from_partition", "from_offset"):
        fields[attribute] = -1 if fields[attribute] is None else fields[attribute]
    note = DeadLetter(**fields)  # type: ignore[arg-type] # by name, as the table above has them
    return Letter(note=note, key=record.key, value=record.value, headers=record.headers, number=record.offset)


def _number(text: str) -> int | None:
    return int(text) if text.removeprefix("-").isdecimal() else None
