"""What the commands about feeds share: where the state lies, and how times are given and told."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from platformdirs import user_state_path

from schemas import Misconfigured, Refused, parse_date
from streams.feeds import Source, opened
from streams.settings import Settings

if TYPE_CHECKING:
    from streams.gateway.standing import FeedsStanding

__all__ = ["KnownSources", "feed_health", "moment", "state_file", "told"]

_BELIEVED_S = 30.0  # after which the state is looked at again for sources


def state_file(settings: Settings) -> Path:
    """The file that keeps what was fetched for a lane, where no other is named."""
    return user_state_path("khabar") / f"feeds-{settings.prefix}.{settings.lane}.sqlite"


def feed_health(settings: Settings) -> FeedsStanding | None:
    """How many feeds of a lane work and how many fail, None where nobody follows any from this machine."""
    path = state_file(settings)
    if not path.exists():
        return None
    with opened(path, alone=False) as kept:
        health = kept.health()
    failing = sum(status.error is not None for _, status in health)
    return {"ok": len(health) - failing, "failing": failing}


class KnownSources(Mapping[str, Source]):
    """What is known of the sources that a lane follows from this machine, by id; also of those that come later."""

    def __init__(self, settings: Settings) -> None:
        self._path = state_file(settings)
        self._known: dict[str, Source] = {}
        self._until = 0.0

    def __getitem__(self, source: str) -> Source:
        return self._now()[source]

    def __iter__(self) -> Iterator[str]:
        return iter(self._now())

    def __len__(self) -> int:
        return len(self._now())

    def _now(self) -> dict[str, Source]:
        if time.monotonic() >= self._until:
            if self._path.exists():
                with opened(self._path, alone=False) as kept:
                    self._known = {feed.source_id: feed.source for feed, _ in kept.health()}
            self._until = time.monotonic() + _BELIEVED_S
        return self._known


def moment(text: str | None, option: str) -> datetime | None:
    """The moment that an option names; raises Misconfigured."""
    if text is None:
        return None
    try:
        return datetime.fromtimestamp(parse_date(text, option).us / 1e6, UTC)
    except Refused as bad:
        raise Misconfigured(f"{bad}, such as 2026-05-01") from None


def told(at: float | None) -> str | None:
    """Seconds since 1970 as RFC 3339 in UTC."""
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
