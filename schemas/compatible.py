"""Whether a schema may take the place of another: what was written before must be read now, and the other way round.

Readers of a topic are of any age, and so is what a compacted topic holds. So an event may gain fields that nobody has
to send, and nothing else; whatever else has to change becomes a new version beside the old one, on a topic of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["breaks"]

Schema = Mapping[str, Any]


def breaks(old: Schema, new: Schema, *, sent_by_others: bool = False) -> list[str]:
    """What of the change breaks a reader, a line each; both are JSON Schemas as msgspec makes them.

    `sent_by_others`: we are the only reader, so that it may allow more than before, and must not allow less.
    """
    return list(_Comparison(old, new, sent_by_others).of(old, new, ""))


class _Comparison:
    def __init__(self, old: Schema, new: Schema, sent_by_others: bool) -> None:
        self._old, self._new = old, new
        self._both_ways = not sent_by_others
        self._seen: set[tuple[str, str]] = set()

    def of(self, old: Schema, new: Schema, path: str) -> Iterator[str]:
        if "$ref" in old and "$ref" in new:
            pair = old["$ref"], new["$ref"]
            if pair in self._seen:
                return
            self._seen.add(pair)
        before, now = _kinds(old, self._old), _kinds(new, self._new)
        where = path or "the event"
        for kind in before.keys() - now.keys():
            yield f"{where} was {kind} at times, and may not be any more: what was written before cannot be read"
        for kind in now.keys() - before.keys() if self._both_ways else ():
            yield f"{where} may be {kind} now: readers of before do not expect that"
        for kind in before.keys() & now.keys():
            if "enum" in before[kind] or "enum" in now[kind]:
                yield from self._of_choices(before[kind].get("enum"), now[kind].get("enum"), where)
            if kind == "object":
                yield from self._of_objects(before[kind], now[kind], path)
            if kind == "array":
                yield from self.of(before[kind].get("items", {}), now[kind].get("items", {}), f"{path}[]")

    def _of_choices(self, old: list[Any] | None, new: list[Any] | None, where: str) -> Iterator[str]:
        for each in set(old or ()) - set(new or old or ()):
            yield f"{where} was {each!r} at times, and may not be any more: what was written before cannot be read"
        if old is None:
            yield f"{where} was any text, and is one of a few now: what was written before cannot be read"
        if self._both_ways:
            for each in set(new or ()) - set(old or new or ()):
                yield f"{where} may be {each!r} now: readers of before do not expect that"
            if new is None:
                yield f"{where} was one of a few, and may be any text now: readers of before do not expect that"

    def _of_objects(self, old: Schema, new: Schema, path: str) -> Iterator[str]:
        before, now = old.get("properties", {}), new.get("properties", {})
        needed, needed_now = set(old.get("required", ())), set(new.get("required", ()))
        dot = f"{path}." if path else ""
        for name in before.keys() - now.keys():
            yield f"{dot}{name} is gone (renamed?): readers of before look for it"
        for name in now.keys() - before.keys():
            if name in needed_now:
                yield f"{dot}{name} is new and required: what was written before lacks it; give it a default"
        for name in before.keys() & now.keys():
            if name in needed_now - needed:
                yield f"{dot}{name} is required now: what was written before may lack it"
            if name in needed - needed_now and self._both_ways:
                yield f"{dot}{name} is not required any more: readers of before rely on it"
            yield from self.of(before[name], now[name], dot + name)
        values, values_now = old.get("additionalProperties"), new.get("additionalProperties")
        if isinstance(values, dict) and isinstance(values_now, dict):
            yield from self.of(values, values_now, f"{dot}*")


def _kinds(schema: Schema, whole: Schema) -> dict[str, Schema]:
    """What a value may be: JSON's types, `anything` where nothing is said; with the schema of each."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return _kinds(whole["$defs"][name], whole)
    if "anyOf" in schema:
        return {kind: each for one in schema["anyOf"] for kind, each in _kinds(one, whole).items()}
    if "enum" in schema and "type" not in schema:
        return {"null" if each is None else "string": schema for each in schema["enum"]}
    return {str(schema.get("type", "anything")): schema}
