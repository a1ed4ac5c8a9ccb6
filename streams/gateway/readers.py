"""Asks a store from threads: each has a connection of its own, sees one state of the file, and gives up in time."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from schemas import Unavailable

__all__ = ["Readers"]

_THREADS = 2  # SQLite works without the interpreter's lock, the rest of an answer with it: more would not be quicker
_WAITING = 64  # questions in line; one more would wait for longer than whoever asks
_PATIENCE_S = 5.0  # for one question; the slowest that a test asks of 100,000 articles takes a tenth of it
_STEPS = 10_000  # of SQLite's machine between two looks at the clock: some tens of microseconds

T = TypeVar("T")


class Readers:
    """A few threads, and a line of questions before them."""

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._connect = connect
        self._threads = ThreadPoolExecutor(_THREADS, "khabar-look-ups")
        self._mine = threading.local()
        self._all: list[sqlite3.Connection] = []
        self._waiting = 0

    async def ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """The answer of one state of the store. Raises Unavailable where too much is asked, sqlite3.Error."""
        if self._waiting >= _WAITING:
            raise Unavailable(f"{_WAITING} questions wait already")
        self._waiting += 1
        future = asyncio.get_running_loop().run_in_executor(self._threads, self._answer, question)
        future.add_done_callback(self._answered)
        try:
            return await asyncio.shield(future)  # who goes away does not free the thread
        except asyncio.CancelledError:
            if future.cancelled():
                raise Unavailable("the store is being closed") from None
            raise

    def close(self) -> None:
        """Wait for what is being answered, and let go of the file."""
        self._threads.shutdown(cancel_futures=True)
        for each in self._all:
            each.close()

    def _answered(self, future: asyncio.Future[T]) -> None:
        self._waiting -= 1
        if not future.cancelled():
            future.exception()  # whoever asked may be gone, and it is not for the log then

    def _answer(self, question: Callable[[sqlite3.Connection], T]) -> T:
        connection: sqlite3.Connection | None = getattr(self._mine, "connection", None)
        if connection is None:
            connection = self._mine.connection = self._connect()
            self._all.append(connection)
        until = time.monotonic() + _PATIENCE_S
        connection.set_progress_handler(lambda: time.monotonic() > until, _STEPS)
        connection.execute("BEGIN")
        try:
            return question(connection)
        except sqlite3.OperationalError as slow:
            if slow.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
                raise Unavailable(f"a question took longer than {_PATIENCE_S:.0f} s") from None
            raise
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
