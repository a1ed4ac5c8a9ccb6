"""The streams that can be subscribed to: which topic each shows, under which name, and which filters it takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from schemas import Alert, EnrichedArticle, Event, Story, Trend
from streams.gateway.filters import FILTERS, Facts, Sources
from streams.gateway.words import Words

__all__ = ["KINDS", "Kind"]


@dataclass(frozen=True, slots=True)
class Kind:
    """One stream: `/v1/stream/<stream>` shows the topic of `event`, each as an SSE event called `name`."""

    stream: str
    name: str
    event: type[Event]
    facts: Callable[[Mapping[str, Any], Sources, Words], Facts]
    filters: frozenset[str] = FILTERS


KINDS: Mapping[str, Kind] = {
    kind.stream: kind
    for kind in (
        Kind("enriched", "enriched", EnrichedArticle, Facts.of_article),
        Kind("stories", "story", Story, Facts.of_story),
        Kind("trends", "trend", Trend, Facts.of_trend, frozenset({"entity", "q"})),
        Kind("alerts", "alert", Alert, Facts.of_alert, frozenset({"source", "country", "group", "story", "q"})),
    )
}
