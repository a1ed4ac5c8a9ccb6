"""What a lane's topics say now, in one SQLite file: the newest state of each article, story, trend and alert.

The file is a cache of the topics. It knows up to which offset it holds them, written in the same transaction as what
they said; it is bounded; and whoever opens it may throw it away at any time (see `opening`).
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import orjson
from backports import zstd

from schemas import Alert, EnrichedArticle, Story, Trend, from_rfc3339
from streams.gateway.index import INDEX, Terms, indexed

__all__ = ["TABLES", "Bounds", "Change", "Position", "Store", "unpack"]

log = logging.getLogger(__name__)

# Values are Arabic text and JSON's field names: a third of the size, for 44 us to pack and 22 us to unpack 8 KB
# (level 3: 3 % smaller, 72 us).
_LEVEL = 1
_CACHE_KIB = 16 * 1024  # of a reader: the upper pages of every index; the default is 2 MB
_EVERY = 1_000  # changes between two looks at the bounds, which take some milliseconds
_PORTION = 30  # where the file is too large, a thirtieth of the articles goes at once
_DAY_US = 86_400_000_000

TABLES = f"""
CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE positions (topic TEXT PRIMARY KEY, next INTEGER NOT NULL, line INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE articles (
    line INTEGER PRIMARY KEY, first INTEGER NOT NULL, id TEXT NOT NULL UNIQUE, source TEXT NOT NULL, story TEXT,
    kind TEXT, seen INTEGER NOT NULL, event BLOB NOT NULL
);
CREATE INDEX articles_story ON articles (story, first) WHERE story IS NOT NULL;
CREATE INDEX articles_source ON articles (source, line);
CREATE INDEX articles_seen ON articles (seen, story, source);
CREATE TABLE article_things (thing TEXT, line INTEGER, PRIMARY KEY (thing, line)) WITHOUT ROWID;
CREATE TABLE stories (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, line INTEGER NOT NULL, seen INTEGER NOT NULL,
    articles INTEGER NOT NULL, event BLOB NOT NULL, terms TEXT NOT NULL
);
CREATE INDEX stories_seen ON stories (seen, id);
CREATE TABLE story_things (thing TEXT, story INTEGER, PRIMARY KEY (thing, story)) WITHOUT ROWID;
CREATE TABLE story_sources (source TEXT, story INTEGER, PRIMARY KEY (source, story)) WITHOUT ROWID;
CREATE TABLE trends (
    key TEXT PRIMARY KEY, entity TEXT NOT NULL, window TEXT NOT NULL, label TEXT NOT NULL, score REAL NOT NULL,
    line INTEGER NOT NULL, event BLOB NOT NULL
);
CREATE INDEX trends_score ON trends (window, score DESC, key);
CREATE INDEX trends_entity ON trends (entity);
CREATE TABLE alerts (id TEXT PRIMARY KEY, line INTEGER NOT NULL, event BLOB NOT NULL);
CREATE INDEX alerts_line ON alerts (line, id);
{INDEX}
"""


class Change(NamedTuple):
    """A record of a topic, which is named as in the table of topics; without a value it takes its key away.

    Where a topic's records have numbers in the line, these only rise, and one that is not higher is a repeat.
    """

    topic: str
    key: str
    value: bytes | None
    line: int | None


class Position(NamedTuple):
    """How far the store holds a topic: the offset to read on from, and the highest number in the line."""

    next: int
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What the store keeps at most; the lowest in line goes first. More finds older news, for more disk and time."""

    articles: int = 200_000
    stories: int = 100_000
    size: int = 4 << 30  # bytes of the file that are in use
    days: int = 90  # of the lane's own time, before what it saw last; topics keep no live event for longer
    alerts: int = 10_000


class _Named(msgspec.Struct):
    id: str


class _Related(msgspec.Struct):
    kind: str


class _Numbered(msgspec.Struct):
    line: int


class _Trend(_Numbered):
    entity: str
    window: str
    label: str
    articles: int
    score: float


class _Article(msgspec.Struct):
    """What the store looks at of an enriched article."""

    source: str
    seen_at: str
    entities: list[_Named]
    relation: _Related | None
    story: _Named | None
    lines: list[_Numbered]


class _Source(msgspec.Struct):
    source: str


class _Story(msgspec.Struct):
    """What the store looks at of a story."""

    articles: int
    last_seen_at: str
    entities: list[_Named]
    sources: list[_Source]
    line: int


def unpack(event: bytes) -> bytes:
    """The bytes of an event as they stand in its topic."""
    return zstd.decompress(event)


class Store:
    """Takes in what topics say; belongs to one thread at a time. Whoever asks, asks a connection of `reader`."""

    def __init__(self, database: sqlite3.Connection, path: Path, terms: Terms, bounds: Bounds) -> None:
        self._database = database
        self._path = path
        self._terms = terms
        self._bounds = bounds
        self._unbounded = _EVERY  # changes since the bounds were looked at; a new owner looks at once
        self._takers: Mapping[str, Callable[[str, bytes | None], None]] = {
            EnrichedArticle.topic: self._take_article,
            Story.topic: self._take_story,
            Trend.topic: self._take_trend,
            Alert.topic: self._take_alert,
        }

    @property
    def topics(self) -> list[str]:
        """The topics that the store takes in."""
        return list(self._takers)

    def positions(self) -> dict[str, Position]:
        """How far each topic is held."""
        rows = self._database.execute("SELECT topic, next, line FROM positions")
        return {topic: Position(next_, line) for topic, next_, line in rows}

    def apply(self, changes: Iterable[Change], positions: Mapping[str, int]) -> None:
        """Take in records, in the order of their topics, which are held up to these offsets then.

        Repeats change nothing. A record that is no event of its topic is passed over and logged.
        """
        lines = {topic: position.line for topic, position in self.positions().items()}
        with self._transaction():
            for change in changes:
                if change.line is not None:
                    if change.line <= lines.get(change.topic, -1):
                        continue
                    lines[change.topic] = change.line
                self._take(change)
            self._database.executemany(
                "INSERT OR REPLACE INTO positions VALUES (?, ?, ?)",
                ((topic, offset, lines.get(topic, -1)) for topic, offset in positions.items()),
            )
            if self._unbounded >= _EVERY:
                self._unbounded = 0
                self._keep_within()

    def touch(self) -> None:
        """Leave word that the store has been held up to its topics until now, though nothing came."""
        self._path.touch()

    def reader(self) -> sqlite3.Connection:
        """Another connection to the file, which can only read, from any one thread at a time."""
        uri = f"{self._path.absolute().as_uri()}?mode=ro"
        database = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
        database.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        return database

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._database.execute("COMMIT")
        except BaseException:
            if self._database.in_transaction:  # some errors of the disk have ended it already
                self._database.execute("ROLLBACK")
            raise

    def _take(self, change: Change) -> None:
        self._unbounded += 1
        self._database.execute("SAVEPOINT change")
        try:
            self._takers[change.topic](change.key, change.value)
        except Exception as bad:
            if isinstance(bad, MemoryError | sqlite3.Error) and not isinstance(bad, sqlite3.IntegrityError):
                raise  # the machine's trouble, not the record's
            log.warning("%s: the record of key %s is passed over: %r", change.topic, change.key, bad)
            self._database.execute("ROLLBACK TO change")
        self._database.execute("RELEASE change")

    def _take_article(self, key: str, value: bytes | None) -> None:
        event, article = _read(value, _Article)
        row = self._database.execute("SELECT line, event FROM articles WHERE id = ?", (key,)).fetchone()
        if row is not None:
            if article is not None and article.lines[-1].line <= row[0]:
                return
            self._forget_article(*row)
        if article is None or value is None:
            return
        line = article.lines[-1].line
        part = article.relation  # without one, it has a story still, and takes no part in it: it was canceled
        self._database.execute(
            "INSERT INTO articles VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                line, article.lines[0].line, key, article.source, part and article.story and article.story.id,
                part and part.kind, from_rfc3339(article.seen_at), zstd.compress(value, _LEVEL),
            ),
        )  # fmt: skip
        self._name("article_things", "thing", "line", line, set(), _ids(article))
        self._database.execute(
            "INSERT INTO article_texts (rowid, terms) VALUES (?, ?)", (line, indexed(self._terms.article(event)))
        )

    def _forget_article(self, line: int, packed: bytes) -> None:
        """The index keeps no texts: it has to be told again what was in this one."""
        event, article = _read(unpack(packed), _Article)
        self._database.execute("DELETE FROM articles WHERE line = ?", (line,))
        self._name("article_things", "thing", "line", line, _ids(article), set())
        self._database.execute(
            "INSERT INTO article_texts (article_texts, rowid, terms) VALUES ('delete', ?, ?)",
            (line, indexed(self._terms.article(event))),
        )

    def _take_story(self, key: str, value: bytes | None) -> None:
        """A story comes again with each of its articles, so what the index has of it is kept: to tell what is new."""
        event, story = _read(value, _Story)
        question = "SELECT number, line, event, terms FROM stories WHERE id = ?"
        number, line, packed, known = self._database.execute(question, (key,)).fetchone() or (None, -1, None, None)
        if story is not None and story.line <= line:
            return
        _, before = _read(None if packed is None else unpack(packed), _Story)
        terms = None if story is None else indexed(sorted(self._terms.story(event)))
        if known is not None and known != terms:
            self._database.execute(
                "INSERT INTO story_texts (story_texts, rowid, terms) VALUES ('delete', ?, ?)", (number, known)
            )
        if story is None or value is None:
            self._database.execute("DELETE FROM stories WHERE number = ?", (number,))
        else:
            (number,) = self._database.execute(
                "INSERT INTO stories (number, id, line, seen, articles, event, terms) VALUES (?, ?, ?, ?, ?, ?, ?) "
                "ON CONFLICT (id) DO UPDATE SET line = excluded.line, seen = excluded.seen, "
                "articles = excluded.articles, event = excluded.event, terms = excluded.terms RETURNING number",
                (
                    number, key, story.line, from_rfc3339(story.last_seen_at), story.articles,
                    zstd.compress(value, _LEVEL), terms,
                ),
            ).fetchone()  # fmt: skip
            if known != terms:
                self._database.execute("INSERT INTO story_texts (rowid, terms) VALUES (?, ?)", (number, terms))
        self._name("story_things", "thing", "story", number, _ids(before), _ids(story))
        self._name("story_sources", "source", "story", number, _sources(before), _sources(story))

    def _take_trend(self, key: str, value: bytes | None) -> None:
        """What nobody speaks of any more is none."""
        _, trend = _read(value, _Trend)
        if trend is None or not trend.articles:
            self._database.execute("DELETE FROM trends WHERE key = ?", (key,))
            return
        self._database.execute(
            "INSERT INTO trends VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET score = excluded.score, "
            "label = excluded.label, line = excluded.line, event = excluded.event WHERE excluded.line >= line",
            (key, trend.entity, trend.window, trend.label, trend.score, trend.line, value),
        )

    def _take_alert(self, key: str, value: bytes | None) -> None:
        _, alert = _read(value, _Numbered)
        if alert is None:
            self._database.execute("DELETE FROM alerts WHERE id = ?", (key,))
            return
        self._database.execute(
            "INSERT INTO alerts VALUES (?, ?, ?) "
            "ON CONFLICT (id) DO UPDATE SET line = excluded.line, event = excluded.event WHERE excluded.line >= line",
            (key, alert.line, value),
        )

    def _name(self, table: str, name: str, of: str, number: int | None, before: set[str], after: set[str]) -> None:
        """Under which names something is found; most stay when a story grows. Table and columns are from above."""
        self._database.executemany(
            f"DELETE FROM {table} WHERE {name} = ? AND {of} = ?",  # noqa: S608
            ((each, number) for each in before - after),
        )
        self._database.executemany(
            f"INSERT INTO {table} ({name}, {of}) VALUES (?, ?)",  # noqa: S608
            ((each, number) for each in after - before),
        )

    def _keep_within(self) -> None:
        """Throw out what is too old, and the lowest in line where there is too much."""
        bounds = self._bounds
        since = self._number("SELECT max(seen) FROM articles") - bounds.days * _DAY_US
        count = self._number("SELECT count(*) FROM articles")
        excess = max(count - bounds.articles, count // _PORTION if self._in_use() > bounds.size else 0, 0)
        rows = self._database.execute(
            "SELECT line, event FROM articles WHERE seen < ?1 UNION ALL "
            "SELECT line, event FROM (SELECT line, event, seen FROM articles ORDER BY line LIMIT ?2) WHERE seen >= ?1",
            (since, excess),
        )
        for line, packed in rows.fetchall():
            self._forget_article(line, packed)
        excess = max(0, self._number("SELECT count(*) FROM stories") - bounds.stories)
        rows = self._database.execute(
            "SELECT id FROM stories WHERE seen < ? UNION "
            "SELECT id FROM (SELECT id FROM stories ORDER BY seen, id LIMIT ?)",
            (since, excess),
        )
        for (id_,) in rows.fetchall():
            self._take_story(id_, None)
        self._database.execute(
            "DELETE FROM alerts WHERE id IN (SELECT id FROM alerts ORDER BY line DESC, id LIMIT -1 OFFSET ?)",
            (bounds.alerts,),
        )

    def _in_use(self) -> int:
        """Bytes of the file that hold something: what is thrown out leaves room in it."""
        pages = self._number("PRAGMA page_count") - self._number("PRAGMA freelist_count")
        return pages * self._number("PRAGMA page_size")

    def _number(self, question: str) -> int:
        """The one number that is the answer; 0 where there is none."""
        return int(self._database.execute(question).fetchone()[0] or 0)


def _read(value: bytes | None, kind: type[Any]) -> tuple[dict[str, Any], Any]:
    """The event as JSON has it, and what the store looks at; nothing of a key that was taken away."""
    if value is None:
        return {}, None
    event = orjson.loads(value)
    return event, msgspec.convert(event, kind)


def _ids(named: _Article | _Story | None) -> set[str]:
    return set() if named is None else {each.id for each in named.entities}


def _sources(story: _Story | None) -> set[str]:
    return set() if story is None else {each.source for each in story.sources}
