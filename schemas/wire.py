"""Events to bytes and back: orjson on the wire, msgspec for types, errors that name the field and what was found."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar, get_args, get_type_hints

import msgspec
import orjson

from schemas.errors import Refused
from schemas.events import Event, RawArticle

__all__ = ["EXTRA_LIMIT", "RAW_FIELDS", "decode", "decode_raw", "encode", "raw_from_fields"]

EXTRA_LIMIT = 16_384  # bytes of JSON

E = TypeVar("E", bound=Event)

_AT = re.compile(r"^(?P<what>.*?)(?: - at `\$\.?(?P<path>.*)`)?$", re.DOTALL)
_EXPECTED = re.compile(r"Expected ([\w |]+), got \w+$")
_TYPES = {
    "str": "text",
    "int": "a number",
    "float": "a number",
    "bool": "true or false",
    "object": "an object",
    "array": "an array",
}
_STEP = re.compile(r"[^.\[\]]+")
RAW_FIELDS = frozenset(f.name for f in fields(RawArticle))


def encode(event: Event) -> bytes:
    """The event as JSON, its fields in the order of their declaration."""
    return orjson.dumps(event)


def decode(kind: type[E], value: bytes) -> E:
    """Read an event of one of our own topics; raises Refused."""
    return _convert(kind, _loads(value))


def decode_raw(value: bytes) -> RawArticle:
    """Read what a producer sent; raises Refused. Unknown fields end up in `extra`."""
    found = _loads(value)
    if not isinstance(found, dict):
        raise Refused(f"the record is {_name(found)}; give a JSON object")
    return raw_from_fields(found)


def raw_from_fields(found: Mapping[str, Any]) -> RawArticle:
    """A raw article of its fields; raises Refused. Unknown fields end up in `extra`, after those already there."""
    known = {name: value for name, value in found.items() if name in RAW_FIELDS}
    if len(known) < len(found):
        extra = known.get("extra") or {}
        if isinstance(extra, dict):
            known["extra"] = extra | {name: value for name, value in found.items() if name not in RAW_FIELDS}
    article = _convert(RawArticle, known)
    if article.extra and (size := len(orjson.dumps(article.extra))) > EXTRA_LIMIT:
        raise Refused(f"extra is {size:,} bytes of JSON; at most {EXTRA_LIMIT:,} are kept", cause="too-large")
    return article


def _loads(value: bytes) -> Any:
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError as bad:
        raise Refused(f"the record is not JSON: {bad}", cause="not-json") from None


def _convert(kind: type[E], found: Any) -> E:
    try:
        return msgspec.convert(found, kind)
    except msgspec.ValidationError as bad:
        match = _AT.match(str(bad))
        what, path = (match["what"], match["path"]) if match else (str(bad), None)
        what = what.replace("`", "").replace("Object missing required field", "missing field")
        if not path:
            raise Refused(f"{kind.__name__}: {what}") from None
        raise Refused(f"{path} is {_name(_at(found, path))}; {_wanted(kind, path, what)}") from None


def _wanted(kind: type[Event], path: str, what: str) -> str:
    """What msgspec missed, in the words of JSON: `give text or null`, `give one of usable, withheld, canceled`."""
    if what.startswith("Invalid enum value") and (choices := get_args(get_type_hints(kind).get(path))):
        return f"give one of {', '.join(str(each) for each in _choices(choices))}"
    if match := _EXPECTED.match(what):
        types = [_TYPES.get(each, each) for each in match[1].split(" | ")]
        return f"give {' or '.join(dict.fromkeys(types))}"
    return what


def _choices(args: tuple[Any, ...]) -> list[Any]:
    return [each for arg in args if arg is not type(None) for each in (get_args(arg) or (arg,))]


def _at(found: Any, path: str) -> Any:
    for step in _STEP.findall(path):
        try:
            found = found[int(step)] if isinstance(found, list) else found[step]
        except (KeyError, ValueError, IndexError, TypeError):
            return found
    return found


def _name(value: Any) -> str:
    text = orjson.dumps(value).decode()
    return text if len(text) <= 60 else text[:60] + "…"
