"""Asking a store: one state of it, within a time, and nobody's leaving harms the next."""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from agents.normalize.words import Words
from schemas import Event, Unavailable
from streams.gateway import readers, stores
from streams.gateway.lookups import Lookups
from streams.gateway.readers import Readers
from streams.gateway.store import Change, Store
from streams.gateway.stores import Stores
from streams.gateway.tasks import cancelled, in_thread
from streams.settings import Settings

ENDLESS = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
COUNT = "SELECT count(*) FROM articles"


@pytest.fixture
def asked(store: Store) -> Iterator[Readers]:
    asked = Readers(store.reader)
    yield asked
    asked.close()


def count(database: sqlite3.Connection) -> int:
    found: int = database.execute(COUNT).fetchone()[0]
    return found


async def test_a_question_sees_one_state_whatever_is_written_meanwhile(
    asked: Readers, store: Store, line: list[Event], change: Callable[[Event], Change]
) -> None:
    looking, written = threading.Event(), threading.Event()

    def twice(database: sqlite3.Connection) -> tuple[int, int]:
        before = count(database)
        looking.set()
        assert written.wait(10)
        return before, count(database)

    question = asyncio.create_task(asked.ask(twice))
    await asyncio.to_thread(looking.wait, 10)
    store.apply([Change("articles.enriched", change(line[0]).key, None, None)], {})
    written.set()
    before, after = await question
    assert before == after
    assert await asked.ask(count) == before - 1


async def test_a_question_that_takes_too_long_is_given_up_and_the_next_is_answered(
    asked: Readers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readers, "_PATIENCE_S", 0.2)
    with pytest.raises(Unavailable, match="a question took longer than"):
        await asyncio.wait_for(asked.ask(lambda database: database.execute(ENDLESS).fetchone()), 10)
    assert await asked.ask(count) > 0


async def test_too_many_questions_at_once_are_refused_and_not_kept_waiting(
    asked: Readers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readers, "_WAITING", 3)
    free = threading.Event()
    waiting = [asyncio.create_task(asked.ask(lambda database: free.wait(10))) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable, match="3 questions wait already"):
        await asked.ask(count)
    free.set()
    assert await asyncio.gather(*waiting) == [True] * 3
    assert await asked.ask(count) > 0


async def test_who_goes_away_leaves_a_line_that_works(asked: Readers) -> None:
    free = threading.Event()
    gone = [asyncio.create_task(asked.ask(lambda database: free.wait(10))) for _ in range(4)]
    await asyncio.sleep(0.05)
    for each in gone:
        each.cancel()
    assert {type(each) for each in await asyncio.gather(*gone, return_exceptions=True)} == {asyncio.CancelledError}
    free.set()
    assert await asyncio.wait_for(asked.ask(count), 10) > 0


async def test_what_nobody_could_answer_any_more_is_told(store: Store) -> None:
    asked, free = Readers(store.reader), threading.Event()
    waiting = [asyncio.create_task(asked.ask(lambda database: free.wait(10))) for _ in range(3)]
    await asyncio.sleep(0.05)
    closing = asyncio.create_task(asyncio.to_thread(asked.close))
    await asyncio.sleep(0.05)
    free.set()
    await closing
    first, second, third = await asyncio.gather(*waiting, return_exceptions=True)
    assert (first, second) == (True, True)
    assert isinstance(third, Unavailable)


async def test_what_works_in_a_thread_is_done_when_its_cancelled_owner_goes_on() -> None:
    done: list[str] = []

    def work() -> None:
        time.sleep(0.3)
        done.append("work")

    task = asyncio.create_task(in_thread(work))
    await asyncio.sleep(0.05)
    await asyncio.wait_for(cancelled([task]), 5)
    assert done == ["work"]
    assert task.cancelled()


async def test_a_task_that_takes_a_cancellation_for_something_else_is_cancelled_again() -> None:
    swallowed = 0

    async def deaf() -> None:
        nonlocal swallowed
        while swallowed < 2:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                swallowed += 1
        await asyncio.sleep(60)

    task = asyncio.create_task(deaf())
    await asyncio.sleep(0)
    await asyncio.wait_for(cancelled([task]), 10)
    assert (swallowed, task.cancelled()) == (2, True)


async def test_while_a_lane_is_being_read_the_answer_is_503_with_when_to_come_again(
    serving: Callable[..., Awaitable[str]],
    client: aiohttp.ClientSession,
    words: Words,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stores, "_PATIENCE_S", 0.1)
    settings = Settings(broker="127.0.0.1:1")
    kept = Stores(settings, tmp_path, words, words.version)
    url = await serving([kept, Lookups(kept, {}, words)], settings)
    async with client.get(f"{url}/v1/stories") as answer:
        problem: Any = await answer.json(content_type="application/problem+json")
        assert (answer.status, answer.headers["Retry-After"]) == (503, "2")
        assert problem["detail"] == "look-ups of lane live: they are not open yet"
    async with client.get(f"{url}/readyz") as answer:
        assert answer.status == 503
        assert "look-ups of lane live" in await answer.text()
