"""The store: the newest state of everything, whatever comes twice, late or broken; bounded; made anew when in doubt."""

import logging
import os
import random
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.normalize.words import Words
from schemas import EnrichedArticle, Event, Misconfigured, Story
from streams.gateway.opening import opened
from streams.gateway.store import Bounds, Change, Position, Store, unpack
from streams.gateway.stores import Stores
from streams.settings import Settings

Of = Callable[..., Change]
At = Callable[..., Store]
TABLES = ("articles", "article_things", "stories", "story_things", "story_sources", "trends", "alerts")


def content(store: Store) -> dict[str, Any]:
    """All that can be found, whatever the numbers that SQLite gave it."""
    database = store.reader()
    stories = dict(database.execute("SELECT number, id FROM stories"))
    found: dict[str, Any] = {}
    for table in TABLES:
        columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})") if row[1] != "number"]
        rows = database.execute(f"SELECT {', '.join(columns)} FROM {table}").fetchall()  # noqa: S608
        if table.startswith("story_"):
            rows = [(name, stories[number]) for name, number in rows]
        found[table] = sorted(map(repr, rows))
    found["texts"] = sorted(row[0] for row in database.execute("SELECT rowid FROM article_texts('\"مياه\"')"))
    numbers = database.execute("SELECT rowid FROM story_texts('\"مياه\"')")
    found["headlines"] = sorted(stories[row[0]] for row in numbers)
    database.close()
    return found


def test_the_newest_state_of_each_article_and_story_is_held_byte_for_byte(
    store: Store, line: list[Event], change: Of
) -> None:
    newest = {(each.topic, change(each).key): change(each).value for each in line}
    database = store.reader()
    held = {
        (topic, id_): unpack(event)
        for topic, table in ((EnrichedArticle.topic, "articles"), (Story.topic, "stories"))
        for id_, event in database.execute(f"SELECT id, event FROM {table}")  # noqa: S608
    }
    assert held == newest
    assert store.positions() == {
        "articles.enriched": Position(len(line), max(e.lines[-1].line for e in line if isinstance(e, EnrichedArticle))),
        "stories": Position(len(line), max(e.line for e in line if isinstance(e, Story))),
    }


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), batches=st.integers(1, 7))
def test_in_whatever_order_and_how_often_records_come_the_higher_in_line_stands(
    store_at: At, store: Store, line: list[Event], change: Of, seed: int, batches: int
) -> None:
    expected = content(store_at())
    rng = random.Random(seed)
    records = [change(each)._replace(line=None) for each in line]  # without the number that repeats are told by
    records += rng.sample(records, 20)
    rng.shuffle(records)
    other = store_at("other", version=str(seed))
    for part in range(batches):
        other.apply(records[part::batches], {})
    assert content(other) == expected


def test_a_repeat_is_told_by_its_number_in_line_also_after_a_restart(
    store_at: At, line: list[Event], change: Of
) -> None:
    article = next(each for each in line if isinstance(each, EnrichedArticle) and each.lines[-1].line == 30)
    store_at().apply([change(article)], {"articles.enriched": 31})
    store_at().apply([change(article)._replace(key="another"), change(article, source="another")], {})
    rows = store_at().reader().execute("SELECT id, source FROM articles").fetchall()
    assert rows == [(article.id, article.source)]


def test_a_canceled_article_has_no_text_and_its_story_no_member(store: Store, line: list[Event]) -> None:
    canceled = next(each for each in line if isinstance(each, EnrichedArticle) and each.status == "canceled")
    before = next(each for each in line if isinstance(each, EnrichedArticle) and each.id == canceled.id)
    assert before.body
    database = store.reader()
    ((event, story),) = database.execute("SELECT event, story FROM articles WHERE id = ?", (canceled.id,))
    assert story is None
    assert before.body.encode() not in unpack(event)
    assert before.lines[0].line not in [row[0] for row in database.execute("SELECT line FROM article_things")]
    assert before.story is not None
    (row,) = database.execute("SELECT event FROM stories WHERE id = ?", (before.story.id,))
    assert canceled.id not in [each["id"] for each in orjson.loads(unpack(row[0]))["members"]]


def test_a_tombstone_takes_its_key_away_with_all_that_finds_it(store: Store, line: list[Event]) -> None:
    keys = {(each.topic, each.id) for each in line if isinstance(each, EnrichedArticle | Story)}
    store.apply([Change(topic, key, None, None) for topic, key in keys], {})
    assert not any(content(store).values())


def test_what_is_no_event_is_passed_over_and_logged_and_harms_nothing_else(
    store_at: At, line: list[Event], change: Of, caplog: pytest.LogCaptureFixture
) -> None:
    good = [change(each) for each in line[:6]]
    bad = [
        Change("articles.enriched", "not-json", b"{", None),
        Change("stories", "a-list", b"[]", None),
        Change("stories", "lacks-its-line", b'{"id": "x"}', None),
        change(line[0], seen_at="yesterday")._replace(key="undated", line=None),
        change(line[2])._replace(key="the-line-of-another", line=None),
    ]
    plain, mixed = store_at("plain"), None
    plain.apply(good, {})
    expected = content(plain)
    mixed = store_at("mixed")
    with caplog.at_level(logging.WARNING):
        mixed.apply([*good[:3], *bad, *good[3:]], {})
    assert content(mixed) == expected
    for each in bad:
        assert f"the record of key {each.key} is passed over" in caplog.text


@pytest.mark.parametrize("bounds", [Bounds(articles=10, stories=5), Bounds(days=1), Bounds(size=4096)], ids=str)
def test_the_oldest_goes_where_there_is_too_much_or_it_is_too_old(
    store_at: At, store: Store, line: list[Event], change: Of, bounds: Bounds
) -> None:
    whole = content(store)
    bounded = store_at("bounded", bounds=bounds)
    bounded.apply(map(change, line), {})  # a store that was just opened looks at its bounds at once
    kept = content(bounded)
    for table, rows in kept.items():
        assert set(rows) <= set(whole[table])
    assert 0 < len(kept["articles"]) < len(whole["articles"])
    database = bounded.reader()
    lowest, oldest, newest = database.execute("SELECT min(line), min(seen), max(seen) FROM articles").fetchone()
    assert [row[0] for row in database.execute("SELECT line FROM article_things WHERE line < ?", (lowest,))] == []
    assert kept["texts"] == [each for each in whole["texts"] if each >= lowest]
    if bounds.articles == 10:
        assert (len(kept["articles"]), len(kept["stories"])) == (10, 5)
    if bounds.days == 1:
        assert newest - oldest <= 86_400_000_000


def test_a_file_is_kept_and_goes_on_where_it_ended(store_at: At, line: list[Event], change: Of) -> None:
    store_at(made="1").apply(map(change, line[:50]), {"articles.enriched": 25, "stories": 25})
    before = content(store_at(made="1"))
    assert before["articles"]
    assert store_at(made="1").positions()["stories"].next == 25


@pytest.mark.parametrize("what", ["lane", "words", "tables", "age"])
def test_a_file_of_something_else_is_made_anew(
    store_at: At, line: list[Event], change: Of, tmp_path: Path, what: str
) -> None:
    store_at(made="1").apply(map(change, line[:10]), {"articles.enriched": 5})
    store_at("away")
    path = tmp_path / "cache" / "lane.sqlite"
    if what == "tables":
        with sqlite3.connect(path) as database:
            database.execute("PRAGMA user_version = 999")
    elif what == "age":
        os.utime(path, (time.time() - 86_400,) * 2)
    store = store_at(made="2" if what == "lane" else "1", version="2" if what == "words" else "1")
    assert store.positions() == {}
    assert not any(content(store).values())


def test_a_file_that_was_held_up_to_its_topics_is_kept_though_nothing_came(
    store_at: At, line: list[Event], change: Of, tmp_path: Path
) -> None:
    store_at().apply(map(change, line[:10]), {"articles.enriched": 5})
    store_at("away")
    os.utime(tmp_path / "cache" / "lane.sqlite", (time.time() - 70_000,) * 2)
    store_at().touch()
    store_at("away")
    assert time.time() - (tmp_path / "cache" / "lane.sqlite").stat().st_mtime < 60
    assert store_at().positions()["articles.enriched"].next == 5


async def test_files_that_nobody_has_opened_for_a_month_are_removed(tmp_path: Path, words: Words) -> None:
    old, young = tmp_path / "cluster" / "khabar.old.sqlite", tmp_path / "cluster" / "khabar.young.sqlite"
    old.parent.mkdir()
    for path, days in ((old, 31), (young, 29)):
        path.touch()
        os.utime(path, (time.time() - days * 86_400,) * 2)
    async with Stores(Settings(broker="127.0.0.1:1"), tmp_path, words, "1").running():
        assert not old.exists()
        assert young.exists()


@pytest.mark.parametrize("harm", ["cut", "garbled", "text", "empty"])
def test_a_damaged_file_is_made_anew(
    store_at: At, line: list[Event], change: Of, tmp_path: Path, harm: str, caplog: pytest.LogCaptureFixture
) -> None:
    store_at().apply(map(change, line), {"articles.enriched": 5})
    store_at("away")
    path = tmp_path / "cache" / "lane.sqlite"
    size = path.stat().st_size
    with path.open("r+b") as file, caplog.at_level(logging.INFO):
        if harm == "cut":
            file.truncate(size // 2)
        elif harm == "garbled":
            file.seek(4096)
            file.write(random.Random(1).randbytes(size - 8192))
        else:
            file.truncate(0)
            file.write(b"no database" * 1000 if harm == "text" else b"")
        file.close()
        assert store_at().positions() == {}
    assert "lane.sqlite is made anew" in caplog.text


def test_two_gateways_of_one_lane_have_a_file_each(store_at: At, tmp_path: Path, line: list[Event], change: Of) -> None:
    first = store_at()
    with opened(tmp_path / "cache" / "lane.sqlite", {}, first._terms) as second:
        second.apply(map(change, line[:4]), {})
        assert first.positions() == {}
        assert content(first)["articles"] == []
        assert content(second)["articles"]


def test_where_there_can_be_no_file_the_operator_is_told(tmp_path: Path, store: Store) -> None:
    (tmp_path / "file").write_text("")
    no_file = opened(tmp_path / "file" / "lane.sqlite", {}, store._terms)
    with pytest.raises(Misconfigured, match=r"file/lane.sqlite cannot be made: .*XDG_CACHE_HOME"), no_file:
        pass
