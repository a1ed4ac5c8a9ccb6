"""What has been fetched and delivered, in SQLite: a follower that was killed goes on, and sends nothing twice."""

from __future__ import annotations

import fcntl
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import NamedTuple

import msgspec
import orjson

from schemas import Misconfigured
from streams.feeds.sources import Feed, Source

__all__ = ["Item", "Missed", "State", "Status", "opened"]

# Raised with every change of the tables; an older state is brought up to it, one of a later version is refused.
_VERSION = 2
# An item that has been off its feed for so long is forgotten, and would be sent again. Deduplicate remembers as long.
_REMEMBERED = 90 * 86_400.0


@dataclass(slots=True, kw_only=True)
class Status:
    """What is known of a feed: where to go on, and its health. Times are seconds since 1970."""

    etag: str | None = None
    modified: str | None = None
    body: str | None = None  # hash of what came last
    shared: str = "[]"  # links that several items have had at once (JSON): there, the guid says which item it is
    asks: str = "{}"  # what the feed said when it was read last of how often to poll it (JSON of `Wishes`)
    interval: float | None = None  # seconds between polls as learned; None before the first
    next_poll: float = 0.0
    last_poll: float | None = None
    last_success: float | None = None
    last_new: float | None = None
    items: int = 0  # on the feed when it was read last
    sent: int = 0
    streak: int = 0  # failures in a row
    error: str | None = None  # their class
    detail: str | None = None  # the last one in words, or what was odd about a success


class Item(NamedTuple):
    """An item as it was last delivered."""

    key: str
    version: str
    guid: str | None
    url: str | None


class Missed(NamedTuple):
    """An item that went out without its page, which could not be had: to be asked for again at `due`."""

    key: str
    version: str
    item: bytes  # as streams.feeds.following wrote it
    tries: int  # so far
    due: float


_COLUMNS = tuple(field.name for field in fields(Status))
_SCHEMA = f"""
CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE feeds (
    id INTEGER PRIMARY KEY, url TEXT NOT NULL UNIQUE, followed INTEGER NOT NULL, source TEXT NOT NULL,
    {", ".join(_COLUMNS)}
);
CREATE TABLE items (
    feed INTEGER NOT NULL, key TEXT NOT NULL, version TEXT NOT NULL, guid TEXT, url TEXT, seen REAL NOT NULL,
    PRIMARY KEY (feed, key)
) WITHOUT ROWID;
CREATE INDEX items_guid ON items (feed, guid);
"""
_SCHEMA_2 = """
CREATE TABLE missed (
    feed INTEGER NOT NULL, key TEXT NOT NULL, version TEXT NOT NULL, item BLOB NOT NULL, tries INTEGER NOT NULL,
    due REAL NOT NULL, PRIMARY KEY (feed, key)
) WITHOUT ROWID;
"""


class State:
    """One file; `opened` makes it."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def belongs_to(self, cluster: str) -> None:
        """Bind the state to a cluster; raises Misconfigured if it was another's: what that one got, this one lacks."""
        row = self._database.execute("SELECT value FROM about WHERE name = 'cluster'").fetchone()
        if row is None:
            with self._database:
                self._database.execute("INSERT INTO about VALUES ('cluster', ?)", (cluster,))
        elif row[0] != cluster:
            path = self._database.execute("PRAGMA database_list").fetchone()[2]
            raise Misconfigured(
                f"{path} says what another Kafka was sent (cluster {row[0]}, this one is {cluster}); remove the "
                "file to send all that is on the feeds, or give another one with --state"
            )

    def follow(self, feeds: Iterable[Feed]) -> dict[str, int]:
        """Make these the feeds that are followed; returns the number of each by its address."""
        with self._database:
            self._database.execute("UPDATE feeds SET followed = 0")
            for feed in feeds:
                source = orjson.dumps(asdict(feed.source)).decode()
                values = asdict(Status())
                self._database.execute(
                    f"INSERT INTO feeds (url, followed, source, {', '.join(_COLUMNS)}) "  # noqa: S608
                    f"VALUES (?, 1, ?, {', '.join('?' * len(_COLUMNS))}) "
                    "ON CONFLICT (url) DO UPDATE SET followed = 1, source = excluded.source",
                    (feed.url, source, *values.values()),
                )
            return dict(self._database.execute("SELECT url, id FROM feeds WHERE followed"))

    def status(self, feed: int) -> Status:
        """Where a feed stands."""
        row = self._database.execute(f"SELECT {', '.join(_COLUMNS)} FROM feeds WHERE id = ?", (feed,))  # noqa: S608
        return Status(**dict(zip(_COLUMNS, row.fetchone(), strict=True)))

    def write(self, feed: int, status: Status) -> None:
        """Keep where a feed stands."""
        values = asdict(status)
        with self._database:
            self._database.execute(
                f"UPDATE feeds SET {', '.join(f'{name} = ?' for name in values)} WHERE id = ?",  # noqa: S608
                (*values.values(), feed),
            )

    def known(self, feed: int, key: str) -> Item | None:
        """The item of that key as it was delivered last, if it was."""
        row = self._database.execute(
            "SELECT key, version, guid, url FROM items WHERE feed = ? AND key = ?", (feed, key)
        ).fetchone()
        return None if row is None else Item(*row)

    def url_of(self, feed: int, guid: str) -> str | None:
        """The address under which the item of that guid was delivered."""
        row = self._database.execute("SELECT url FROM items WHERE feed = ? AND guid = ?", (feed, guid)).fetchone()
        return None if row is None else row[0]

    def delivered(self, feed: int, items: Iterable[Item], now: float) -> None:
        """Keep that the broker has these versions."""
        with self._database:
            self._database.executemany(
                "INSERT OR REPLACE INTO items VALUES (?, ?, ?, ?, ?, ?)",
                ((feed, each.key, each.version, each.guid, each.url, now) for each in items),
            )

    def on_feed(self, feed: int, keys: Iterable[str], now: float) -> None:
        """Keep that these items are on the feed still, and forget those that have long left it."""
        with self._database:
            self._database.executemany(
                "UPDATE items SET seen = ? WHERE feed = ? AND key = ?", ((now, feed, key) for key in keys)
            )
            self._database.execute("DELETE FROM items WHERE feed = ? AND seen < ?", (feed, now - _REMEMBERED))

    def miss(self, feed: int, missed: Missed) -> None:
        """Keep that a page has to be asked for again."""
        with self._database:
            self._database.execute("INSERT OR REPLACE INTO missed VALUES (?, ?, ?, ?, ?, ?)", (feed, *missed))

    def missed(self, feed: int, now: float) -> list[Missed]:
        """The pages that are due."""
        rows = self._database.execute(
            "SELECT key, version, item, tries, due FROM missed WHERE feed = ? AND due <= ? ORDER BY due", (feed, now)
        )
        return [Missed(*row) for row in rows]

    def settle(self, feed: int, key: str) -> None:
        """Forget that a page was missed."""
        with self._database:
            self._database.execute("DELETE FROM missed WHERE feed = ? AND key = ?", (feed, key))

    def health(self) -> list[tuple[Feed, Status]]:
        """Every followed feed and where it stands, in the order in which they were given first."""
        rows = self._database.execute(
            f"SELECT url, source, {', '.join(_COLUMNS)} FROM feeds WHERE followed ORDER BY id"  # noqa: S608
        )
        return [
            (
                Feed(url=url, source=msgspec.json.decode(source, type=Source)),
                Status(**dict(zip(_COLUMNS, values, strict=True))),
            )
            for url, source, *values in rows
        ]


@contextmanager
def opened(path: Path, *, alone: bool) -> Iterator[State]:
    """The state in that file. `alone`: to write, as the only one (Misconfigured if somebody else does); else to look,
    and the file must be there."""
    if not alone and not path.exists():
        raise Misconfigured(f"there is no {path}: nothing has been followed yet; follow feeds with `khabar follow`")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(path.name + ".lock").open("a") as lock:
        if alone:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Misconfigured(f"another `khabar follow` works on {path}; stop it, or give --state") from None
        database = sqlite3.connect(path)
        try:
            _prepare(database, path)
            yield State(database)
        finally:
            database.close()


def _prepare(database: sqlite3.Connection, path: Path) -> None:
    try:
        database.execute("PRAGMA journal_mode = WAL")  # a look at the health disturbs nobody
        database.execute("PRAGMA synchronous = NORMAL")  # safe against kill; what a power cut takes is fetched again
        database.execute("PRAGMA busy_timeout = 10000")
        (version,) = database.execute("PRAGMA user_version").fetchone()
        if version < _VERSION:
            made = _SCHEMA_2 if version else _SCHEMA + _SCHEMA_2
            database.executescript(f"BEGIN; {made} PRAGMA user_version = {_VERSION}; COMMIT;")
            version = _VERSION
    except sqlite3.DatabaseError as bad:
        raise Misconfigured(f"{path} cannot be used ({bad}); remove it, or give another with --state") from None
    if version != _VERSION:
        raise Misconfigured(f"{path} is of a later version of Khabar; remove it, or give another with --state")
