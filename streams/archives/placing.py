"""A line of an archive as a raw record: mapped, dated, checked and given its place, or the reason why it has none."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, NamedTuple, cast

import orjson

from schemas import (
    RAW_FIELDS,
    EnrichedArticle,
    Instant,
    Misconfigured,
    Refused,
    parse_date,
    place_of,
    raw_from_fields,
    to_rfc3339,
)
from streams.archives.lines import LINE_LIMIT, Line
from streams.archives.mapping import FieldMap, MapCheck, set_aside
from streams.topics import by_name

__all__ = ["VALUE_LIMIT", "Bounds", "Placed", "Placing", "Unplaced"]

# Bytes of a value: what the raw topic takes, less the headers of a replay (file:line and a reason, at most 4 KiB).
VALUE_LIMIT = by_name("articles.raw").largest - 4096
_REASON = 900  # code points, so that the header has at most 3,600 bytes
_OF_ENRICHED = frozenset(field.name for field in fields(EnrichedArticle)) - {"covered_until"}
# What orjson makes of JSON -> JSON's own words.
_TYPES = {list: "an array", str: "text", int: "a number", float: "a number", bool: "true or false", type(None): "null"}
_PRINTED = "; JSON over several lines is no JSON lines: make one line of each record, perhaps with jq -c"
_ARRAY = "; give an array of articles in a file whose name ends in .json"
_DAY = timedelta(days=1)


class Placed(NamedTuple):
    """A record that can be sent: its place (schemas.place_of), file:line, and its value as sent."""

    place: str
    where: str
    value: bytes


class Unplaced(NamedTuple):
    """A line that has no place: its bytes as they are (cut at what a raw record may have), the cause, and why.

    `reason` begins with file:line.
    """

    cause: str
    reason: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Bounds:
    """The dates that are dates, both included, in microseconds since 1970."""

    since: int
    until: int

    @classmethod
    def parse(cls, since: str | None, until: str | None, zone: tzinfo, now: datetime) -> Bounds:
        """Read --from and --to; 1990 to the end of today unless they are given. A day given as --to belongs to it.

        Raises Misconfigured.
        """
        first = _option("--from", since or "1990-01-01", zone)
        end = _option("--to", until or now.astimezone(UTC).strftime("%Y-%m-%dT23:59:59.999999Z"), zone)
        last = end.us + (_DAY // timedelta(microseconds=1) - 1 if end.precision == "day" else 0)
        if first.us > last:
            raise Misconfigured(f"--from {to_rfc3339(first.us)} is after --to {to_rfc3339(last)}; exchange them")
        return cls(first.us, last)

    def __str__(self) -> str:
        return f"{to_rfc3339(self.since)} to {to_rfc3339(self.until)}"


def _option(name: str, value: str, zone: tzinfo) -> Instant:
    try:
        return parse_date(value, name, zone)
    except Refused as refused:
        raise Misconfigured(str(refused)) from None


@dataclass(frozen=True, slots=True)
class Placing:
    """How the records of an archive are dated.

    `zone` is that of dates without one; `published_at` is the date of records that have none within `bounds`.
    """

    bounds: Bounds
    zone: tzinfo = UTC
    published_at: str | None = None
    _given: Instant | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        if self.published_at is not None:
            given = _option("--published-at", self.published_at, self.zone)
            if not self.bounds.since <= given.us <= self.bounds.until:
                raise Misconfigured(f"--published-at {self.published_at} is outside {self.bounds}; see --from and --to")
            object.__setattr__(self, "_given", given)

    def place(self, line: Line, mapping: FieldMap, check: MapCheck) -> Placed | Unplaced:
        """The record of a line; dates in it become RFC 3339 in UTC. Raises Misconfigured where `check` does."""
        try:
            if line.length > LINE_LIMIT:
                raise Refused(
                    f"the record has {line.length:,} bytes; at most {LINE_LIMIT:,} are read", cause="too-large"
                )
            if line.problem:
                raise Refused(line.problem)
            found = _object(line.value)
            if found.keys() >= _OF_ENRICHED:  # a lane of ours, exported: what its stages found is found anew
                found = {name: value for name, value in found.items() if name in RAW_FIELDS}
            check.show(found, line.where)
            fields = mapping.apply(found)
            if type(fields.get("source_id")) is int:  # as many archives have it
                fields["source_id"] = str(fields["source_id"])
            us = self._date(fields)
            article = raw_from_fields(fields)
            value = orjson.dumps(fields)
            if len(value) > VALUE_LIMIT:
                raise Refused(
                    f"the record has {len(value):,} bytes; at most {VALUE_LIMIT:,} are sent", cause="too-large"
                )
        except Refused as refused:
            return _unplaced(line, refused.cause, str(refused))
        except orjson.JSONEncodeError as failed:  # nested deeper than orjson writes
            return _unplaced(line, "invalid", f"the record cannot be sent: {failed}")
        return Placed(place_of(us, canceled=article.status == "canceled", value=value), line.where, value)

    def _date(self, fields: dict[str, Any]) -> int:
        """Write the dates of the record in the one way; the date of its place: seen_at, else published_at."""
        published = self._read(fields, "published_at")
        seen = self._read(fields, "seen_at")
        if seen is not None:
            fields["seen_at"] = to_rfc3339(seen.us)
        elif published is None:
            if self._given is None:
                raise Refused(
                    "published_at is missing; say --map published_at=FIELD, or --published-at DATE for all, "
                    "or --date-from where files of text have it in their names",
                    cause="undated",
                )
            published = self._given
            fields["date_precision"] = published.precision
        if published is not None:
            fields["published_at"] = to_rfc3339(published.us)
            if fields.get("date_precision") is None:
                fields["date_precision"] = published.precision
        return cast("Instant", seen or published).us  # one of the two is there by now

    def _read(self, fields: dict[str, Any], name: str) -> Instant | None:
        """The date in a field; where it is none and --published-at stands in for it, it moves to `extra`."""
        value = fields.get(name)
        if value is None:
            return None
        try:
            return self._within(value, name)
        except Refused:
            if self._given is None:
                raise
            set_aside(fields, {name: fields.pop(name)})
            return None

    def _within(self, value: Any, name: str) -> Instant:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise Refused(
                f"{name} is {orjson.dumps(value)[:60].decode(errors='replace')}; give a date", cause="undated"
            )
        instant = parse_date(value, name, self.zone)
        if not self.bounds.since <= instant.us <= self.bounds.until:
            shown = f'"{value}"' if isinstance(value, str) else value
            raise Refused(f"{name} is {shown}, outside {self.bounds}; see --from and --to", cause="undated")
        return instant


def _unplaced(line: Line, cause: str, reason: str) -> Unplaced:
    return Unplaced(cause, f"{line.where}: {reason}"[:_REASON], line.value[:VALUE_LIMIT])


def _object(value: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(value)
    except orjson.JSONDecodeError as bad:
        hint = _PRINTED if value.strip() in (b"{", b"[") else ""
        raise Refused(f"the line is not JSON: {bad}{hint}", cause="not-json") from None
    if not isinstance(found, dict):
        hint = _ARRAY if isinstance(found, list) else ""
        raise Refused(f"the line is {_TYPES[type(found)]}, not a JSON object{hint}")
    return found
