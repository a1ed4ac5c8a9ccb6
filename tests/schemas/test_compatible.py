"""A change of an event that would break a reader does not pass."""

from dataclasses import dataclass, make_dataclass
from typing import Any, Literal

import msgspec
import pytest

from schemas.compatible import breaks
from schemas.documents import EVENTS, incompatible


@dataclass
class Inner:
    a: int


@dataclass
class Old:
    id: str
    kind: Literal["new", "copy"]
    title: str | None
    inner: Inner
    inners: list[Inner]
    counts: dict[str, int]
    late: bool = False


@dataclass
class WiderInner:
    a: int | None


def changed(**fields: Any) -> type:
    """`Old` with other fields: a type, a pair of type and default, or None for none such."""
    types: dict[str, Any] = {**Old.__annotations__, "late": (bool, False), **fields}
    given = {name: kind if isinstance(kind, tuple) else (kind,) for name, kind in types.items() if kind is not None}
    return make_dataclass(
        "Old",
        [(name, *each) for name, each in sorted(given.items(), key=lambda item: len(item[1]))],  # defaults last
    )


def between(new: type, **how: bool) -> list[str]:
    return breaks(msgspec.json.schema(Old), msgspec.json.schema(new), **how)


@pytest.mark.parametrize("name", EVENTS)
def test_no_event_breaks_those_who_read_it_as_it_is_written_down(name: str) -> None:
    assert incompatible(name) == []


def test_a_field_that_nobody_has_to_send_may_come() -> None:
    assert between(changed(more=(str | None, None))) == []
    assert between(Old) == []


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"title": None}, "title is gone (renamed?)"),
        ({"title": None, "headline": (str | None, None)}, "title is gone (renamed?)"),
        ({"id": int}, "id may be integer now"),
        ({"id": int}, "id was string at times, and may not be any more"),
        ({"id": str | None}, "id may be null now"),
        ({"id": (str, "")}, "id is not required any more"),
        ({"title": str}, "title was null at times, and may not be any more"),
        ({"more": str}, "more is new and required"),
        ({"late": bool}, "late is required now"),
        ({"kind": Literal["new", "copy", "twin"]}, "kind may be 'twin' now"),
        ({"kind": Literal["new"]}, "kind was 'copy' at times"),
        ({"kind": str}, "kind was one of a few, and may be any text now"),
        ({"id": Literal["x"]}, "id was any text, and is one of a few now"),
        ({"inner": WiderInner}, "inner.a may be null now"),
        ({"inners": list[WiderInner]}, "inners[].a may be null now"),
        ({"counts": dict[str, float]}, "counts.* may be number now"),
    ],
)
def test_what_breaks_a_reader_is_named(fields: dict[str, Any], said: str) -> None:
    found = between(changed(**fields))
    assert any(each.startswith(said) for each in found), found


def test_what_others_send_may_be_more_than_before_and_never_less() -> None:
    assert between(changed(id=str | None, kind=Literal["new", "copy", "twin"]), sent_by_others=True) == []
    assert between(changed(title=str), sent_by_others=True) != []
    assert between(changed(more=str), sent_by_others=True) != []
