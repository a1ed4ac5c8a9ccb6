"""What can be asked of a store: each question is a function of one state of its file.

SQL finds what can match, in order; `Filter.matches` says what does, so that a filter means the same as in a stream.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import orjson

from schemas import Alert, EnrichedArticle, Story, Trend
from streams.gateway.filters import Facts, Filter, Sources
from streams.gateway.index import query
from streams.gateway.store import unpack
from streams.gateway.words import Words

__all__ = [
    "Found",
    "Judge",
    "Key",
    "Page",
    "alerts",
    "article",
    "articles_of",
    "growing",
    "latest",
    "members_among",
    "mentions",
    "newest",
    "offsets",
    "outlets",
    "search",
    "story",
    "trends",
    "trends_of",
]

# What one question looks at before it answers with what it has, and where to go on: a filter that SQL cannot narrow and
# that nothing passes would else read everything. Half a second; two where texts have to be folded.
_BUDGET = 2_000
_PAGE_BYTES = 8 << 20  # of events on a page, which ends early beyond it; one event may be as large as that
_GROWTH = """
WITH growth AS (
    SELECT story AS id, count(DISTINCT source) AS sources FROM articles
    WHERE seen > ?1 - 3600000000 AND seen <= ?1 AND story IS NOT NULL GROUP BY story
)
SELECT grown, seen, id, number FROM
(SELECT stories.*, coalesce(sources, 0) AS grown FROM stories LEFT JOIN growth USING (id))
"""

Key = tuple[int | str, ...]  # of what was looked at last, in the order of the question


class Found(NamedTuple):
    """An event as it stands in its topic, and as JSON has it."""

    value: bytes
    event: dict[str, Any]


class Page(NamedTuple):
    """What was found, and where to go on; None where there is no more."""

    items: list[Found]
    next: Key | None


@dataclass(frozen=True, slots=True)
class Judge:
    """A filter, with what it takes to judge by it."""

    filter: Filter
    sources: Sources
    words: Words

    def article(self, event: Mapping[str, Any]) -> bool:
        """Whether an enriched article passes."""
        return self.filter.matches(Facts.of_article(event, self.sources, self.words))

    def story(self, event: Mapping[str, Any]) -> bool:
        """Whether a story passes."""
        return self.filter.matches(Facts.of_story(event, self.sources, self.words))

    def behind_index(self) -> Judge:
        """What is left to judge of things that the index has found; it says all of a query without quotes."""
        if any(each.quotes for each in self.filter.words):
            return self
        return replace(self, filter=replace(self.filter, words=()))

    def outlets(self) -> Iterator[Iterable[str]]:
        """For each parameter that speaks of sources, those that it lets pass."""
        wanted, known = self.filter, self.sources.items()
        if wanted.sources:
            yield wanted.sources
        if wanted.countries:
            yield [id_ for id_, outlet in known if (outlet.country or "").lower() in wanted.countries]
        if wanted.groups:
            yield [id_ for id_, outlet in known if outlet.group in wanted.groups]


class _Where:
    """Conditions that all have to hold, with their values."""

    def __init__(self, *conditions: str) -> None:
        self._conditions = list(conditions)
        self.values: list[int | str] = []

    def __str__(self) -> str:
        return " AND ".join(self._conditions) or "1"

    def add(self, condition: str, values: Iterable[int | str] = ()) -> None:
        """A condition; `[]` in it stands for all the values, as SQL lists them."""
        given = list(values)
        self._conditions.append(condition.replace("[]", f"({', '.join('?' * len(given))})"))
        self.values += given


def latest(database: sqlite3.Connection, judge: Judge, after: Key | None, limit: int) -> Page:
    """Stories, the one that an article joined last first."""
    where = _stories(judge)
    if after is not None:
        where.add("(seen, id) < (?, ?)", after)
    rows = database.execute(
        f"SELECT seen, id, number FROM stories WHERE {where} ORDER BY seen DESC, id DESC",  # noqa: S608 - built above
        where.values,
    )
    return _page(
        ((row[:2], row[2]) for row in rows), _events(database, "stories", "number"), judge.behind_index().story, limit
    )


def growing(database: sqlite3.Connection, judge: Judge, after: Key | None, limit: int) -> Page:
    """Stories, the one first that most sources wrote about in the hour before the newest article of the first page."""
    now = int(after[0]) if after is not None else newest(database)
    where = _stories(judge)
    if after is not None:
        where.add("(grown, seen, id) < (?, ?, ?)", after[1:])
    rows = database.execute(f"{_GROWTH} WHERE {where} ORDER BY grown DESC, seen DESC, id DESC", [now, *where.values])
    found = (((now, *row[:3]), row[3]) for row in rows)
    return _page(found, _events(database, "stories", "number"), judge.behind_index().story, limit)


def search(database: sqlite3.Connection, judge: Judge, after: Key | None, limit: int) -> Page:
    """Articles that take part in a story, the latest decision first."""
    where = _Where("kind IS NOT NULL")
    table, line = "articles", "line"
    if judge.filter.words:  # in the order of the index, so that a word that is everywhere costs no more than its page
        table, line = "article_texts CROSS JOIN articles ON line = article_texts.rowid", "article_texts.rowid"
        where.add("article_texts MATCH ?", [_match(judge.filter)])
    if judge.filter.entities:
        where.add("line IN (SELECT line FROM article_things WHERE thing IN [])", sorted(judge.filter.entities))
    for found in judge.outlets():
        where.add("source IN []", sorted(found))
    if judge.filter.stories:
        where.add("story IN []", sorted(judge.filter.stories))
    if judge.filter.relations:
        where.add("kind IN []", sorted(judge.filter.relations))
    _in_time(where, judge.filter)
    if after is not None:
        where.add(f"{line} < ?", after)
    rows = database.execute(
        f"SELECT {line} FROM {table} WHERE {where} ORDER BY {line} DESC",  # noqa: S608
        where.values,
    )
    return _page(
        ((row, row[0]) for row in rows), _events(database, "articles", "line"), judge.behind_index().article, limit
    )


def article(database: sqlite3.Connection, id_: str) -> Found | None:
    """An article as it is now, a canceled one without its text."""
    return _one(database, "SELECT event FROM articles WHERE id = ?", id_)


def story(database: sqlite3.Connection, id_: str) -> Found | None:
    """A story as it is now."""
    return _one(database, "SELECT event FROM stories WHERE id = ?", id_)


def articles_of(database: sqlite3.Connection, story_id: str, after: Key | None, limit: int) -> Page:
    """The articles of a story, in line."""
    rows = database.execute(
        "SELECT first, line FROM articles WHERE story = ? AND first > ? ORDER BY first",
        (story_id, after[0] if after is not None else -1),
    )
    return _page(
        (((first,), line) for first, line in rows), _events(database, "articles", "line"), lambda event: True, limit
    )


def members_among(database: sqlite3.Connection, story_id: str, ids: Iterable[str]) -> set[str]:
    """Those of the articles that take part in a story."""
    where = _Where()
    where.add("story = ?", [story_id])
    where.add("id IN []", ids)
    rows = database.execute(f"SELECT id FROM articles WHERE {where}", where.values)  # noqa: S608 - built above
    return {id_ for (id_,) in rows}


def mentions(database: sqlite3.Connection, thing: str) -> tuple[int, Found | None]:
    """How many articles name a thing, and the one that did last."""
    (count,) = database.execute("SELECT count(*) FROM article_things WHERE thing = ?", (thing,)).fetchone()
    last = "SELECT event FROM articles WHERE line = (SELECT max(line) FROM article_things WHERE thing = ?)"
    return count, _one(database, last, thing)


def trends_of(database: sqlite3.Connection, thing: str) -> list[bytes]:
    """What is said of how much a thing is spoken of, the shorter window first."""
    rows = database.execute("SELECT event FROM trends WHERE entity = ? ORDER BY length(window), window", (thing,))
    return [event for (event,) in rows]


def trends(database: sqlite3.Connection, window: str, labels: Iterable[str], limit: int) -> list[bytes]:
    """What is spoken of in that window, the most unusual first; of these labels, of all if there are none."""
    where = _Where()
    where.add("window = ?", [window])
    if wanted := sorted(labels):
        where.add("label IN []", wanted)
    rows = database.execute(
        f"SELECT event FROM trends WHERE {where} ORDER BY score DESC, key LIMIT ?",  # noqa: S608
        [*where.values, limit],
    )
    return [event for (event,) in rows]


def alerts(database: sqlite3.Connection, after: Key | None, limit: int) -> Page:
    """Alerts, the latest first."""
    rows = database.execute(
        f"SELECT line, id, event FROM alerts {'' if after is None else 'WHERE (line, id) < (?, ?)'} "  # noqa: S608
        "ORDER BY line DESC, id DESC",
        after or (),
    )
    return _page(((row[:2], row[2]) for row in rows), lambda value: value, lambda event: True, limit)


def outlets(database: sqlite3.Connection) -> list[str]:
    """The sources of the articles that there are."""
    return [source for (source,) in database.execute("SELECT DISTINCT source FROM articles ORDER BY source")]


def newest(database: sqlite3.Connection) -> int:
    """When the newest article was seen, in microseconds since 1970: the lane's own time."""
    return int(database.execute("SELECT max(seen) FROM articles").fetchone()[0] or 0)


def offsets(database: sqlite3.Connection) -> dict[str, int]:
    """From which offset of each topic a stream goes on where this answer ends, by the names of the streams."""
    names = {EnrichedArticle.topic: "enriched", Story.topic: "stories", Trend.topic: "trends", Alert.topic: "alerts"}
    return {names[topic]: next_ for topic, next_ in database.execute("SELECT topic, next FROM positions")}


def _stories(judge: Judge) -> _Where:
    where = _Where("articles > 0")  # one whose articles were all canceled is no news
    if judge.filter.entities:
        where.add("number IN (SELECT story FROM story_things WHERE thing IN [])", sorted(judge.filter.entities))
    for found in judge.outlets():
        where.add("number IN (SELECT story FROM story_sources WHERE source IN [])", sorted(found))
    if judge.filter.stories:
        where.add("id IN []", sorted(judge.filter.stories))
    if judge.filter.words:
        where.add("number IN (SELECT rowid FROM story_texts WHERE story_texts MATCH ?)", [_match(judge.filter)])
    if judge.filter.new_stories_only:
        where.add("articles = 1")
    _in_time(where, judge.filter)
    return where


def _in_time(where: _Where, wanted: Filter) -> None:
    if wanted.since_us is not None:
        where.add("seen >= ?", [wanted.since_us])
    if wanted.until_us is not None:
        where.add("seen <= ?", [wanted.until_us])


def _match(wanted: Filter) -> str:
    return " OR ".join(f"({query(each.terms)})" for each in wanted.words)


def _events(database: sqlite3.Connection, table: str, key: str) -> Callable[[int], bytes]:
    """Fetches single events: sorting carries keys alone."""

    def fetch(number: int) -> bytes:
        (packed,) = database.execute(f"SELECT event FROM {table} WHERE {key} = ?", (number,)).fetchone()  # noqa: S608
        return unpack(packed)

    return fetch


def _page(
    rows: Iterable[tuple[Key, Any]],
    fetch: Callable[[Any], bytes],
    matches: Callable[[Mapping[str, Any]], bool],
    limit: int,
) -> Page:
    """What matches of the rows, until there is enough, or enough was looked at."""
    items: list[Found] = []
    last: Key | None = None
    size = 0
    for looked, (key, number) in enumerate(rows):
        if len(items) == limit or size >= _PAGE_BYTES or looked == _BUDGET:
            return Page(items, last)
        last = key
        value = fetch(number)
        event = orjson.loads(value)
        if matches(event):
            items.append(Found(value, event))
            size += len(value)
    return Page(items, None)


def _one(database: sqlite3.Connection, question: str, value: str) -> Found | None:
    row = database.execute(question, (value,)).fetchone()
    if row is None:
        return None
    event = unpack(row[0])
    return Found(event, orjson.loads(event))
