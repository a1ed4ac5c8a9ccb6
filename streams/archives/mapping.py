"""Fields as an archive calls them, renamed to ours: `--map body=text` says that our `body` is called `text` there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from schemas import Misconfigured, RawArticle

__all__ = ["FieldMap", "MapCheck", "set_aside"]

_OURS = tuple(f.name for f in fields(RawArticle))
# A map that names a field which none of so many records has is a slip of the pen. Larger, and the slip shows later;
# smaller, and an archive whose first records lack an optional field (an author, a section) is refused wrongly.
_CHECKED = 100


@dataclass(frozen=True, slots=True)
class FieldMap:
    """Our field -> the input's field."""

    names: Mapping[str, str]

    @classmethod
    def parse(cls, pairs: Sequence[str]) -> FieldMap:
        """Read `ours=theirs` pairs; raises Misconfigured."""
        names: dict[str, str] = {}
        for pair in pairs:
            ours, equals, theirs = pair.partition("=")
            if not (ours and equals and theirs):
                raise Misconfigured(f"--map {pair} is no pair; say it as --map body=text, our field first")
            if ours not in _OURS:
                raise Misconfigured(f"--map {pair}: {ours} is none of our fields; they are {', '.join(_OURS)}")
            if names.setdefault(ours, theirs) != theirs:
                raise Misconfigured(f"--map {pair}: {ours} is mapped already, to {names[ours]}; map it once")
        return cls(names)

    def __str__(self) -> str:
        return " ".join(f"{ours}={theirs}" for ours, theirs in sorted(self.names.items()))

    def apply(self, found: Mapping[str, Any]) -> dict[str, Any]:
        """The record under our names.

        A mapped field appears under its new names only. A field of the input that has one of our names while the map
        takes that one from elsewhere goes to `extra`, as what is none of ours does (schemas.raw_from_fields).
        """
        if not self.names:
            return dict(found)
        out: dict[str, Any] = {}
        displaced: dict[str, Any] = {}
        for name, value in found.items():
            targets = [ours for ours, theirs in self.names.items() if theirs == name]
            for ours in targets:
                out[ours] = value
            if not targets:
                (displaced if name in self.names else out)[name] = value
        set_aside(out, displaced)
        return out

    def check(self) -> MapCheck:
        """A check to show the first records to."""
        return MapCheck(self)


def set_aside(fields: dict[str, Any], values: Mapping[str, Any]) -> None:
    """Move values to `extra`; an `extra` that is no object stays as it is, and has the record refused."""
    extra = fields.get("extra") or {}
    if values and isinstance(extra, dict):
        fields["extra"] = {**extra, **values}


class MapCheck:
    """Notices a map that names a field which is not there, by the first records that are JSON objects."""

    def __init__(self, mapping: FieldMap) -> None:
        self._missing = dict(mapping.names)
        self._first: list[str] = []
        self._left = _CHECKED

    def show(self, found: Mapping[str, Any], where: str) -> None:
        """Raises Misconfigured, which lists the fields of the first record, once enough records were seen."""
        if not self._missing:
            return
        if not self._first:
            self._first = [where, *found]
        self._missing = {ours: theirs for ours, theirs in self._missing.items() if theirs not in found}
        self._left -= 1
        if self._left == 0:
            self.finish()

    def finish(self) -> None:
        """Raises Misconfigured where no record at all had a mapped field."""
        if self._missing and self._first:
            ours, theirs = next(iter(self._missing.items()))
            where, *there = self._first
            raise Misconfigured(
                f"--map {ours}={theirs}: no {theirs} in the input; {where} has the fields {', '.join(there)}"
            )
