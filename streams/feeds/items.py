"""What a feed says, whatever its format: items as they stand there, and how often it wants to be asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Document", "Item", "Wishes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One entry of a feed; texts are plain. `canceled`: an Atom tombstone (RFC 6721), no text, `guid` says of what."""

    guid: str | None = None
    link: str | None = None  # absolute, as the feed writes it
    title: str | None = None
    lead: str | None = None
    body: str | None = None
    author: str | None = None
    section: str | None = None
    image: str | None = None
    language: str | None = None
    date: str | None = None  # as the feed writes it
    date_us: int | None = None  # what its parser made of that, without a zone taken for UTC
    canceled: bool = False
    extra: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """When a feed wants to be polled."""

    ttl: float | None = None  # seconds between polls
    skip_hours: tuple[int, ...] = ()  # hours of the day in UTC at which nothing comes
    skip_days: tuple[int, ...] = ()  # Monday is 0, in UTC


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A feed as it was at one poll."""

    items: list[Item]
    wishes: Wishes = Wishes()
    note: str | None = None  # what is wrong with it although it could be read
