"""What is said of the articles that came through: how much is spoken of what, whom to wake, what readers judged."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from schemas.events import Event, Label

__all__ = ["Alert", "AlertKind", "Feedback", "Trend", "TrendWindow"]

TrendWindow = Literal["1h", "24h"]
AlertKind = Literal["entity", "words", "source", "growth"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend(Event):
    """How much a thing is spoken of in a window of the line, and how unusual that is for it.

    `texts` leaves out copies, near-copies and parts of other articles; `expected` and `score` speak of texts.
    agents.trends describes them. A later trend of a key replaces an earlier one, down to no articles at all.
    """

    topic: ClassVar[str] = "entities.trends"

    entity: str
    name: str  # as the latest article has it
    label: Label
    window: TrendWindow
    articles: int
    stories: int
    texts: int
    expected: float
    score: float  # 0: as always, or not known yet; otherwise about so many standard deviations above what was expected
    since: str  # bounds of the window, in the line's time
    until: str
    line: int

    @property
    def key(self) -> str:
        """What its record is keyed by."""
        return f"{self.entity},{self.window}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert(Event):
    """A rule of the newsroom has met a story: once for each rule and story."""

    topic: ClassVar[str] = "alerts"

    id: str
    rule: str  # its name
    kind: AlertKind
    text: str  # an Arabic line for people
    breaking: bool  # the outlet itself wrote عاجل
    burst: bool  # computed: the story grows fast; reads متصاعد
    story: str
    article: str  # that met the rule
    headline: str | None
    source: str
    sources: int  # different ones whose articles of this story met the rule; past the rule's minutes they do not count
    at: str  # the line's time
    line: int

    @property
    def key(self) -> str:
        """What its record is keyed by."""
        return self.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback(Event):
    """What a reader says of a story, such as that its articles are not one."""

    topic: ClassVar[str] = "feedback"

    story: str
    articles: list[str]  # that the verdict is about
    verdict: Literal["not-one-story"]
    note: str | None
    at: str
