"""What the commands about feeds share: where the state lies, and how times are given and told."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from platformdirs import user_state_path

from schemas import Misconfigured, Refused, parse_date
from streams.feeds import opened
from streams.settings import Settings

if TYPE_CHECKING:
    from streams.gateway.standing import FeedsStanding

__all__ = ["feed_health", "moment", "state_file", "told"]


def state_file(settings: Settings) -> Path:
    """The file that keeps what was fetched for a lane, where no other is named."""
    return user_state_path("khabar") / f"feeds-{settings.prefix}.{settings.lane}.sqlite"


def feed_health(settings: Settings) -> FeedsStanding | None:
    """How many feeds of a lane work and how many fail, None where nobody follows any from this machine."""
    path = state_file(settings)
    if not path.exists():
        return None
    with opened(path, alone=False) as kept:
        failing = sum(status.error is not None for _, status in kept.health())
        return {"ok": len(kept.health()) - failing, "failing": failing}


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
