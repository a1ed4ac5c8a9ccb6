"""enriched -> alerts: which rule of the newsroom a story has met, said once for each rule and story.

    alerts = Alerts(read_rules(path, words), words)
    alerts.take(article)      # what the newsroom is to be told

Reprints of a story that was told of are silence, and so is what comes late. That a story grows is computed, and is
called متصاعد; عاجل is the outlet's word, and stands where the outlet wrote it.
"""

from __future__ import annotations

import re
from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from xxhash import xxh3_128_hexdigest

from agents.alerts.rules import Growth, Rule
from agents.deduplicate.memory import microseconds
from agents.normalize.words import FoldedText, Words
from schemas import Alert, EnrichedArticle

__all__ = ["Alerts", "reach_us"]

_MINUTE_US = 60_000_000
# Alerts remembered, the earliest let go first: years of them, at some 150 bytes each.
REMEMBERED = 1_000_000
# Articles held at most for each rule with growth, the earliest let go first: more than a day brings, some 0.5 KB each.
HELD = 100_000
_LONGEST_HEADLINE = 300  # code points
_VOWELS = "[\u0640\u064b-\u0652]*"  # and tatweel
_BREAKING = re.compile(r"\W*" + "".join(letter + _VOWELS for letter in "عاجل") + r"(?![^\W_])")


def reach_us(rules: Iterable[Rule]) -> int:
    """How far back of the line the memory has to be rebuilt from."""
    return max((rule.growth.minutes * _MINUTE_US for rule in rules if rule.growth is not None), default=0)


class Alerts:
    """A value that learns: what it says follows from the line, the rules, and what it said before.

    Time is the line's: the latest `seen_at` so far.
    """

    def __init__(self, rules: Sequence[Rule], words: Words) -> None:
        self._rules, self._words = rules, words
        self._said: OrderedDict[str, None] = OrderedDict()  # by id, the earliest first
        self._growing = [_Growing(rule.growth) if rule.growth is not None else None for rule in rules]
        self._clock_us = -(1 << 62)

    def recall(self, said: Alert) -> None:
        """Take an alert that is out, so that it is not raised again."""
        self._said[said.id] = None
        if len(self._said) > REMEMBERED:
            self._said.popitem(last=False)

    def learn(self, event: EnrichedArticle) -> None:
        """Take an event of which the newsroom was told, or was not to be told: rules may be newer."""
        self._met(event)

    def take(self, event: EnrichedArticle) -> list[Alert]:
        """The alerts that this article raises."""
        alerts = [self._alert(rule, event, sources) for rule, sources in self._met(event)]
        for alert in alerts:
            self.recall(alert)
        return alerts

    def _met(self, event: EnrichedArticle) -> list[tuple[Rule, int]]:
        """The rules that the story has not met before this article, and how many sources have met each."""
        self._clock_us = max(self._clock_us, microseconds(event.seen_at))
        story = None if event.story is None or event.relation is None or event.late else event.story.id
        text: FoldedText | None = None

        def words() -> FoldedText:
            nonlocal text
            if text is None:
                names = [each.name for each in event.entities]
                text = self._words.text(event.title, event.lead, event.body, language=event.language, names=names)
            return text

        found = []
        for rule, growing in zip(self._rules, self._growing, strict=True):
            meets = story is not None and rule.meets(event, words)
            sources = 1
            if growing is not None:
                growing.drop(event.id)
                if meets and story is not None:
                    sources = growing.add(event.id, story, event.source, self._clock_us)
                    meets = sources >= growing.growth.sources
            if meets and story is not None and _id(rule, story) not in self._said:
                found.append((rule, sources))
        return found

    def _alert(self, rule: Rule, event: EnrichedArticle, sources: int) -> Alert:
        assert event.story is not None  # noqa: S101 - only such articles meet rules
        headline = _headline(event)
        return Alert(
            id=_id(rule, event.story.id), rule=rule.name, kind=rule.kind, text=_text(rule, headline, sources),
            breaking=_BREAKING.match(headline or "") is not None, burst=rule.growth is not None,
            story=event.story.id, article=event.id, headline=headline, source=event.source, sources=sources,
            at=event.seen_at, line=event.lines[-1].line,
        )  # fmt: skip


@dataclass(slots=True)
class _Growing:
    """Who told of each story in the last minutes, for one rule; holds the articles of these minutes that met it."""

    growth: Growth
    stories: dict[str, dict[str, str]] = field(default_factory=dict)  # story -> article -> source
    articles: dict[str, tuple[int, str]] = field(default_factory=dict)  # article -> when, story
    in_line: deque[tuple[int, str]] = field(default_factory=deque)  # when, article

    def add(self, article: str, story: str, source: str, clock_us: int) -> int:
        """Take an article that is not held; returns how many sources its story has now."""
        since_us = clock_us - self.growth.minutes * _MINUTE_US
        while self.in_line and (self.in_line[0][0] <= since_us or len(self.in_line) >= HELD):
            at_us, old = self.in_line.popleft()
            if self.articles.get(old, (None, ""))[0] == at_us:
                self.drop(old)
        self.articles[article] = clock_us, story
        self.in_line.append((clock_us, article))
        told = self.stories.setdefault(story, {})
        told[article] = source
        return len(set(told.values()))

    def drop(self, article: str) -> None:
        """Forget the article, if it is held."""
        if article in self.articles:
            _, story = self.articles.pop(article)
            del self.stories[story][article]
            if not self.stories[story]:
                del self.stories[story]


def _id(rule: Rule, story: str) -> str:
    return xxh3_128_hexdigest(f"{rule.name}\n{story}".encode("utf-8", "surrogatepass"))


def _headline(event: EnrichedArticle) -> str | None:
    text = event.title or event.lead or event.body
    return None if text is None else " ".join(text[:_LONGEST_HEADLINE].split())


def _text(rule: Rule, headline: str | None, sources: int) -> str:
    said = headline or "بلا عنوان"
    if rule.growth is None:
        return f"{rule.name}: {said}"
    told = _counted(sources, ("مصدر واحد", "مصدران", "مصادر", "مصدرا", "مصدر"))
    within = _counted(rule.growth.minutes, ("دقيقة", "دقيقتين", "دقائق", "دقيقة", "دقيقة"))
    return f"متصاعد: {said} ({told} في {within})"


def _counted(number: int, words: tuple[str, str, str, str, str]) -> str:
    """A counted thing in Arabic: one, two, 3 to 10, 11 to 99, and hundreds of it."""
    one, two, few, many, hundreds = words
    if number <= 2:
        return one if number == 1 else two
    rest = number % 100
    return f"{number} {few if 3 <= rest <= 10 else many if rest > 10 else hundreds}"
