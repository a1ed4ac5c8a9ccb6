"""What a store of 100,000 articles in 20,000 stories costs: to make anew, to open again, to ask; printed.

KHABAR_DATA=… pytest -n 0 -s -m full tests/streams/gateway/lookups/test_store_speed.py
"""

import gzip
import itertools
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import psutil
import pytest

from agents.normalize.words import Words
from schemas import EnrichedArticle, Event, Story, encode, to_rfc3339
from streams.gateway import questions
from streams.gateway.filters import Filter
from streams.gateway.index import Terms
from streams.gateway.opening import opened
from streams.gateway.questions import Judge
from streams.gateway.store import Change, Store

pytestmark = [pytest.mark.full, pytest.mark.timeout(3600)]

ARTICLES, STORIES, BATCH = 100_000, 20_000, 250
START_US = 1_777_600_000_000_000


def events(data: Path, line: list[Event]) -> Iterator[list[Change]]:
    """Batches of articles with the texts of ANT and the entities of the samples, each joining one of the stories."""
    entities = [each.entities for each in line if isinstance(each, EnrichedArticle) and len(each.entities) > 3]
    article = orjson.loads(encode(next(each for each in line if isinstance(each, EnrichedArticle))))
    story = orjson.loads(encode(next(each for each in line if isinstance(each, Story))))
    rng = random.Random(1)
    members: dict[str, list[dict[str, Any]]] = {}
    with gzip.open(data / "news" / "ant-2018-02-05.jsonl.gz") as file:
        texts = [orjson.loads(each) for each in itertools.islice(file, ARTICLES)]
    found: list[Change] = []
    for number, text in zip(range(ARTICLES), itertools.cycle(texts)):
        id_, story_id = f"{number:032x}", f"{rng.randrange(STORIES):032x}"
        seen_at, source = to_rfc3339(START_US + number * 5_000_000), f"outlet-{number % 97}.example"
        named = rng.choice(entities)
        decision = {"line": number, "version": id_}
        said = {"id": id_, "source": source, "title": text["title"], "seen_at": seen_at}
        value = article | said | {"body": text["text"], "entities": named, "lines": [decision]}
        value |= {"story": {"id": story_id, "since": seen_at}, "relation": {"kind": "new"}}
        found.append(Change("articles.enriched", id_, orjson.dumps(value), number))
        listed = members.setdefault(story_id, [])
        listed.append(said | {"version": id_, "url": None, "kind": "new", "to": None, "published_at": None})
        sources = [{"source": each, "articles": 1} for each in sorted({each["source"] for each in listed})]
        value = story | {"id": story_id, "headline": listed[0]["title"], "articles": len(listed), "members": listed}
        things = {each["id"]: {**each, "articles": 1} for each in orjson.loads(orjson.dumps(named))}
        value |= {"sources": sources, "last_seen_at": seen_at, "line": number, "entities": list(things.values())}
        found.append(Change("stories", story_id, orjson.dumps(value), number))
        if len(found) >= 2 * BATCH:
            yield found
            found = []
    yield found


def test_what_a_store_costs(data: Path, tmp_path: Path, line: list[Event], words: Words) -> None:
    path, terms, process = tmp_path / "lane.sqlite", Terms.of(words, "1"), psutil.Process()
    before, spent, count = process.memory_info().rss, 0.0, 0
    with opened(path, {}, terms) as store:
        for changes in events(data, line):
            began = time.process_time()
            store.apply(changes, {"articles.enriched": count})
            spent += time.process_time() - began
            count += len(changes)
        print(f"\n{count:,} events taken in, {count / spent:,.0f}/s of CPU, {spent / count * 1e6:,.0f} us each")
        print(f"memory above the start: {(process.memory_info().rss - before) / 2**20:,.0f} MB")
    print(f"file: {path.stat().st_size / 2**20:,.0f} MB")
    began = time.process_time()
    with opened(path, {}, terms) as store:
        print(f"opened again, and looked through for damage: {time.process_time() - began:.2f} s")
        ask(store, words)


def ask(store: Store, words: Words) -> None:
    """Each question ten times; the median of its CPU time."""
    database = store.reader()
    most = "SELECT thing FROM story_things GROUP BY thing ORDER BY count(*) DESC LIMIT 1"
    thing = database.execute(most).fetchone()[0]

    def judge(*parameters: tuple[str, str]) -> Judge:
        return Judge(Filter.of(parameters, words), {}, words)

    asked: dict[str, Callable[[], Any]] = {
        "stories": lambda: questions.latest(database, judge(), None, 50),
        "stories, by growth": lambda: questions.growing(database, judge(), None, 50),
        "stories of a thing": lambda: questions.latest(database, judge(("entity", thing)), None, 50),
        "stories of a word": lambda: questions.latest(database, judge(("q", "الرئيس")), None, 50),
        "a story": lambda: questions.articles_of(database, f"{7:032x}", None, 200),
        "an article": lambda: questions.article(database, f"{7:032x}"),
        "a thing": lambda: questions.mentions(database, thing),
        "search, a frequent word": lambda: questions.search(database, judge(("q", "الرئيس")), None, 50),
        "search, a rare word": lambda: questions.search(database, judge(("q", "الزعفران")), None, 50),
        "search, a name like a function word": lambda: questions.search(database, judge(("q", "علي")), None, 50),
        "search, two words and a thing": lambda: questions.search(
            database, judge(("q", "مصر الرئيس"), ("entity", thing)), None, 50
        ),
        "search, nothing found": lambda: questions.search(database, judge(("language", "tlh")), None, 50),
        "sources": lambda: questions.outlets(database),
    }
    for name, question in asked.items():
        took = []
        for _ in range(10):
            began = time.process_time()
            found = question()
            took.append(time.process_time() - began)
        hits = len(found.items) if isinstance(found, questions.Page) else ""
        print(f"{name:40} {sorted(took)[5] * 1e3:8.1f} ms  {hits}")
        assert sorted(took)[5] < 5  # what a question is given
    database.close()
