"""Opens the file of a store, and makes it anew where it cannot be trusted: it is a cache, the topics have it all."""

from __future__ import annotations

import fcntl
import logging
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from schemas import Misconfigured
from streams.gateway.index import Terms
from streams.gateway.store import TABLES, Bounds, Store

__all__ = ["damaged", "opened", "remove"]

log = logging.getLogger(__name__)

# Raised with every change of the tables or of what they hold; a file of another version is made anew.
_VERSION = 2
# A tombstone stands in a compacted topic for at least a day (delete.retention.ms); a file that nobody held up to its
# topics for longer may have missed one.
_AWAY_S = 20 * 3600.0
_WHERE = "it lies where XDG_CACHE_HOME says, by default in ~/.cache"
_SLOTS = 16  # gateways of one lane and user on one machine; each has a file of its own
# Of the one that writes: the default of 2 MB makes every article a look at the disk.
_CACHE_KIB = 64 * 1024


def damaged(error: sqlite3.Error) -> bool:
    """Whether the file itself is at fault, so that nothing but making it anew helps."""
    code = getattr(error, "sqlite_errorcode", None)  # absent where Python's own layer complains
    return code is not None and code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


@contextmanager
def opened(
    path: Path, about: Mapping[str, str], terms: Terms, bounds: Bounds | None = None, *, anew: bool = False
) -> Iterator[Store]:
    """The store in that file, or beside it where another process has it; made anew unless it is whole, of this version,
    written to within a day, and `about` is the same, or if that is asked for.

    `about` says what the content depends on. Raises Misconfigured where there can be no file.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _slot(path) as mine:
            if anew:
                remove(mine)
            with _connected(mine, dict(about) | {"terms": terms.version}) as database:
                yield Store(database, mine, terms, bounds or Bounds())
    except OSError as bad:
        raise Misconfigured(f"{path} cannot be made: {bad.strerror}; {_WHERE}") from None


def remove(path: Path) -> None:
    """Throw the file away, and what SQLite keeps beside it."""
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


@contextmanager
def _slot(path: Path) -> Iterator[Path]:
    """The first of path, path-2, … that nobody has; a lock on a file beside it goes with the process."""
    for number in range(1, _SLOTS + 1):
        mine = path if number == 1 else path.with_name(f"{path.stem}-{number}{path.suffix}")
        with mine.with_name(mine.name + ".lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield mine
            return
    raise Misconfigured(f"{_SLOTS} gateways have {path} and those beside it open; end some of them")


@contextmanager
def _connected(path: Path, about: Mapping[str, str]) -> Iterator[sqlite3.Connection]:
    """A connection to the file as it has to be, after one attempt to make it so."""
    database, reason = _look(path, about)
    if reason is not None:
        log.info("%s is made anew: %s", path, reason)
        database.close()
        remove(path)
        database, _ = _look(path, about, new=True)
    try:
        yield database
    finally:
        database.close()


def _look(path: Path, about: Mapping[str, str], *, new: bool = False) -> tuple[sqlite3.Connection, str | None]:
    """The file's connection, and why it cannot serve."""
    away = time.time() - _written(path)
    database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        if new:
            _make(database, about)
        return database, _unfit(database, about, away)
    except sqlite3.DatabaseError as bad:
        if damaged(bad) and not new:
            return database, f"it is damaged ({bad})"
        database.close()
        raise Misconfigured(f"{path} cannot be used: {bad}; {_WHERE}") from None


def _make(database: sqlite3.Connection, about: Mapping[str, str]) -> None:
    database.execute("PRAGMA journal_mode = WAL")  # who reads never waits for who writes
    database.executescript(f"BEGIN; {TABLES} PRAGMA user_version = {_VERSION}; COMMIT;")
    database.executemany("INSERT INTO about VALUES (?, ?)", about.items())


def _unfit(database: sqlite3.Connection, about: Mapping[str, str], away: float) -> str | None:
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version != _VERSION:
        return "it is new" if version == 0 else f"it is of version {version}, this is {_VERSION}"
    for name, value in database.execute("SELECT name, value FROM about").fetchall():
        if about.get(name) != value:
            return f"its {name} is {value}, not {about.get(name)}"
    if away > _AWAY_S:
        return f"nobody has held it up to its topics for {away / 3600:.0f} hours"
    (found,) = database.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        return f"it is damaged ({found})"
    # Not at every commit: what a power cut takes is read again, and a kill takes nothing.
    database.execute("PRAGMA synchronous = NORMAL")
    database.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    return None


def _written(path: Path) -> float:
    """When the file was last written to, in seconds since 1970; now, if it is not there."""
    there = [each.stat().st_mtime for each in (path, path.with_name(path.name + "-wal")) if each.exists()]
    return max(there, default=time.time())
