"""Look-ups over HTTP: what is found, page by page, by filters that mean what they mean in streams."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import aiohttp
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.normalize.words import Words
from schemas import Alert, EnrichedArticle, Event, Story, Trend, decode, encode, from_rfc3339
from streams.feeds import Source
from streams.gateway import questions
from streams.gateway.described import FEEDS, LOOKUPS
from streams.gateway.filters import FILTERS, PERIOD, Facts, Filter
from streams.gateway.questions import Judge
from streams.gateway.store import Change, Store

Of = Callable[..., Change]
Get = Callable[..., Any]
WATER = "3d210b6b9cb5f51855fd274eb5d69bc6"  # the story of a desalination plant, told by three outlets


@pytest.fixture
def get(served: str, client: aiohttp.ClientSession) -> Get:
    """`await get("/v1/…", status=200, name=value, …)`: the JSON of the answer."""

    async def ask(path: str, status: int = 200, **parameters: str | int) -> Any:
        async with client.get(served + path, params=parameters) as answer:
            found = orjson.loads(await answer.read())
            assert answer.status == status, found
            kind = "application/json" if status == 200 else "application/problem+json"
            assert answer.content_type == kind
            return found

    return ask


@pytest.fixture
def newest(line: list[Event]) -> dict[type[Event], dict[str, Any]]:
    """The newest event of each article and of each story that has articles."""
    found: dict[type[Event], dict[str, Any]] = defaultdict(dict)
    for event in line:
        found[type(event)][event.id] = event  # type: ignore[attr-defined]
    found[Story] = {id_: story for id_, story in found[Story].items() if story.articles}
    return found


async def pages(get: Get, path: str, **parameters: str | int) -> list[Any]:
    """The things of all pages."""
    found: list[Any] = []
    while True:
        page = await get(path, **parameters)
        found += page["items"]
        if page["next"] is None:
            return found
        parameters["cursor"] = page["next"]


async def test_stories_are_whole_events_the_one_that_was_joined_last_first(get: Get, newest: Any) -> None:
    found = await pages(get, "/v1/stories", limit=200)
    assert [each["id"] for each in found] == [
        each.id for each in sorted(newest[Story].values(), key=lambda each: (each.last_seen_at, each.id), reverse=True)
    ]
    assert all(decode(Story, orjson.dumps(each)) == newest[Story][each["id"]] for each in found)


@pytest.mark.parametrize("limit", [1, 7, 50])
@pytest.mark.parametrize(
    ("path", "parameters"),
    [
        ("/v1/stories", {}), ("/v1/stories", {"sort": "growth"}), ("/v1/stories", {"q": "مياه"}), ("/v1/search", {}),
        ("/v1/search", {"q": "مياه"}), ("/v1/search", {"relation": "copy"}), ("/v1/alerts", {}),
    ],
)  # fmt: skip
async def test_the_pages_together_are_the_whole_list(
    get: Get, store: Store, path: str, parameters: dict[str, str], limit: int
) -> None:
    store.apply([Change("alerts", str(n), encode(alert(str(n), line=n // 3)), None) for n in range(20)], {})
    whole = (await get(path, **parameters, limit=200))["items"]
    assert len(whole) > 1
    assert await pages(get, path, **parameters, limit=limit) == whole


@pytest.mark.parametrize("sort", ["last_seen", "growth"])
async def test_what_comes_while_somebody_pages_is_neither_twice_nor_moves_the_rest(
    get: Get, store: Store, line: list[Event], change: Of, sort: str
) -> None:
    before = [each["id"] for each in await pages(get, "/v1/stories", sort=sort, limit=200)]
    first = await get("/v1/stories", sort=sort, limit=10)
    again = next(each for each in reversed(line) if isinstance(each, Story) and each.id == before[20])
    joined = change(again, line=1000, last_seen_at="2026-05-04T11:00:00Z")
    brand_new = change(again, line=1001, last_seen_at="2026-05-04T12:00:00Z", id="new")._replace(key="new")
    store.apply([joined._replace(line=1000), brand_new._replace(line=1001)], {})
    rest = await pages(get, "/v1/stories", sort=sort, limit=10, cursor=first["next"])
    found = [each["id"] for each in [*first["items"], *rest]]
    assert found == [each for each in before if each != before[20]]  # that one came by the stream meanwhile
    now = [each["id"] for each in await pages(get, "/v1/stories", limit=10)]
    assert now[:2] == ["new", before[20]]


async def test_growth_counts_the_sources_of_the_last_hour(get: Get, newest: Any) -> None:
    articles = [each for each in newest[EnrichedArticle].values() if each.relation is not None]
    now = max(from_rfc3339(each.seen_at) for each in articles)
    sources: dict[str, set[str]] = defaultdict(set)
    for each in articles:
        if from_rfc3339(each.seen_at) > now - 3_600_000_000:
            sources[each.story.id].add(each.source)
    found = await pages(get, "/v1/stories", sort="growth", limit=200)
    grown = [len(sources[each["id"]]) for each in found]
    assert grown == sorted(grown, reverse=True)
    assert grown[0] >= 1
    assert {each["id"] for each in found} == newest[Story].keys()


async def test_a_story_comes_with_its_articles_in_line_and_their_texts(get: Get, newest: Any) -> None:
    for id_, story in newest[Story].items():
        found = await get(f"/v1/stories/{id_}")
        assert decode(Story, orjson.dumps(found["story"])) == story
        assert [each["id"] for each in found["articles"]] == [each.id for each in story.members]
        for each in found["articles"]:
            assert decode(EnrichedArticle, orjson.dumps(each)) == newest[EnrichedArticle][each["id"]]
        assert found["next"] is None
        assert found["offset"] == {"enriched": 155, "stories": 155}


async def test_the_articles_of_a_large_story_come_in_pages(get: Get) -> None:
    whole = await get(f"/v1/stories/{WATER}")
    first = await get(f"/v1/stories/{WATER}", limit=2)
    second = await get(f"/v1/stories/{WATER}", limit=2, cursor=first["next"])
    assert [len(first["articles"]), len(second["articles"])] == [2, 1]
    assert first["articles"] + second["articles"] == whole["articles"]
    assert second["next"] is None


async def test_an_article_is_as_its_topic_has_it_and_a_canceled_one_has_no_text(get: Get, newest: Any) -> None:
    seen = set()
    for id_, article in newest[EnrichedArticle].items():
        found = decode(EnrichedArticle, orjson.dumps(await get(f"/v1/articles/{id_}")))
        assert found == article
        seen.add(found.status)
        assert (found.body is None) or found.status != "canceled"
    assert "canceled" in seen


async def test_a_thing_is_told_by_its_stories_its_articles_and_its_trends(get: Get, store: Store, newest: Any) -> None:
    hour, day = trend("iso:OM", "1h", 2.0), trend("iso:OM", "24h", 1.0)
    store.apply([Change("entities.trends", each.key, encode(each), None) for each in (day, hour)], {})
    found = await get("/v1/entities/iso:OM")
    naming = [each for each in newest[EnrichedArticle].values() if "iso:OM" in {e.id for e in each.entities}]
    assert (found["name"], found["label"], found["articles"]) == ("عُمان", "LOC", len(naming))
    assert {each["id"] for each in found["stories"]} == {
        each.id for each in newest[Story].values() if "iso:OM" in {e.id for e in each.entities}
    }
    assert [decode(Trend, orjson.dumps(each)) for each in found["trends"]] == [hour, day]


async def test_trends_are_the_most_unusual_first_of_a_window_and_without_what_is_over(get: Get, store: Store) -> None:
    given = [trend("a", "1h", 1.0), trend("b", "1h", 3.0, "PERS"), trend("c", "24h", 9.0), trend("d", "1h", 5.0)]
    over = trend("d", "1h", 0.0, articles=0, line=2)
    store.apply([Change("entities.trends", each.key, encode(each), None) for each in [*given, over]], {})
    names = [each["entity"] for each in (await get("/v1/trends"))["items"]]
    assert names == ["b", "a"]
    assert [each["entity"] for each in (await get("/v1/trends", window="24h"))["items"]] == ["c"]
    assert [each["entity"] for each in (await get("/v1/trends", label="LOC"))["items"]] == ["a"]
    assert [each["entity"] for each in (await get("/v1/trends", limit=1))["items"]] == ["b"]


async def test_alerts_are_the_latest_first(get: Get, store: Store) -> None:
    given = [alert("b", line=1), alert("a", line=3), alert("c", line=3)]
    store.apply([Change("alerts", each.id, encode(each), None) for each in given], {})
    assert [each["id"] for each in await pages(get, "/v1/alerts")] == ["c", "a", "b"]


async def test_sources_are_those_known_and_those_there_are_articles_of(get: Get, newest: Any) -> None:
    found = {each.pop("id"): each for each in (await get("/v1/sources"))["items"]}
    assert found.keys() == {each.source for each in newest[EnrichedArticle].values()} | {"quiet.example"}
    assert found["bawabat-sham.example"] == {
        "name": "بوابة الشام", "name_latin": "Bawabat", "country": "SY", "kind": "outlet", "group": "سوريا",
    }  # fmt: skip
    assert set(found["najm-agency.example"].values()) == {None}


async def test_a_hit_shows_its_beginning_and_leaves_out_what_a_list_does_not_need(get: Get, newest: Any) -> None:
    (hit, *_) = (await get("/v1/search", q="تحلية"))["items"]
    article = newest[EnrichedArticle][hit["article"]["id"]]
    assert hit["story"] == article.story.id
    assert hit["article"]["title"] == article.title
    assert hit["excerpt"] == article.body[:300]
    assert "body" not in hit["article"]


async def test_words_are_found_as_the_matcher_says(get: Get, newest: Any, words: Words, store: Store) -> None:
    texts = {
        id_: Facts.of_article(orjson.loads(encode(each)), {}, words).text
        for id_, each in newest[EnrichedArticle].items()
        if each.relation is not None
    }
    for query in ("مياه", "المياه", "علي", "روسيا", "سورية موسكو", '"محطة المياه"', '"مياه محطة"', "water", "لا-شيء"):
        found = {each["article"]["id"] for each in await pages(get, "/v1/search", q=query)}
        assert found == {id_ for id_, text in texts.items() if words.parse(query).matches(text)}, query


VALUES = {
    "entity": ["iso:OM", "iso:SY", "geo:415189", "wd:none"],
    "source": ["nilenews.example", "bawabat-sham.example", "nobody.example"],
    "country": ["eg", "SY", "FR"],
    "group": ["سوريا", "لا أحد"],
    "story": [WATER, "none"],
    "relation": ["new", "copy", "near-copy", "contained", "same-story"],
    "language": ["ar", "en", "fa"],
    "q": ["مياه", "موسكو", '"محطة المياه"', "river"],
    "new-stories-only": ["1", "0"],
    "since": ["2026-05-02T00:00:00Z"],
    "until": ["2026-05-03T13:00:00Z"],
}
PARAMETERS = st.lists(st.sampled_from([(name, each) for name, values in VALUES.items() for each in values]), max_size=4)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parameters=PARAMETERS)
def test_whatever_the_filters_sql_finds_what_the_filter_says(
    store: Store, newest: Any, words: Words, sources: dict[str, Source], parameters: list[tuple[str, str]]
) -> None:
    judge = Judge(Filter.of(parameters, words, allowed=FILTERS | PERIOD), sources, words)
    database = store.reader()
    stories = {id_ for id_, each in newest[Story].items() if judge.story(orjson.loads(encode(each)))}
    for question in (questions.latest, questions.growing):
        assert {each.event["id"] for each in question(database, judge, None, 200).items} == stories
    found = {each.event["id"] for each in questions.search(database, judge, None, 200).items}
    assert found == {
        id_
        for id_, each in newest[EnrichedArticle].items()
        if each.relation is not None and judge.article(orjson.loads(encode(each)))
    }
    database.close()


async def test_a_filter_that_nothing_passes_is_answered_in_parts(
    get: Get, newest: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(questions, "_BUDGET", 10)
    first = await get("/v1/stories", language="tlh")
    assert first["items"] == []
    assert first["next"] is not None
    assert await pages(get, "/v1/stories", language="tlh") == []
    assert {each["id"] for each in await pages(get, "/v1/stories", relation="copy")} == {
        id_ for id_, each in newest[Story].items() if "copy" in {member.kind for member in each.members}
    }


async def test_a_page_of_large_events_ends_early_and_goes_on(get: Get, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = await pages(get, "/v1/stories")
    monkeypatch.setattr(questions, "_PAGE_BYTES", 5_000)
    first = await get("/v1/stories")
    assert 0 < len(first["items"]) < 10
    assert await pages(get, "/v1/stories") == whole


async def test_what_a_client_has_it_need_not_get_again(
    served: str, client: aiohttp.ClientSession, store: Store, line: list[Event], change: Of
) -> None:
    paths = ["/v1/stories", f"/v1/stories/{WATER}", "/v1/articles/" + line[0].id, "/v1/search", "/v1/sources"]  # type: ignore[attr-defined]
    for path in [*paths, "/v1/entities/iso:OM", "/v1/stories.atom"]:
        async with client.get(served + path) as answer:
            tag = answer.headers["ETag"]
            assert "no-cache" in answer.headers["Cache-Control"]
        for known in (tag, f'"other", {tag}', tag.removeprefix("W/")):
            async with client.get(served + path, headers={"If-None-Match": known}) as answer:
                assert (answer.status, await answer.read(), answer.headers["ETag"]) == (304, b"", tag), path
        async with client.get(served + path, headers={"If-None-Match": '"other"'}) as answer:
            assert answer.status == 200
    story = f"{served}/v1/stories/{WATER}"
    async with client.get(story) as answer:
        tag = answer.headers["ETag"]
    store.apply([], {"stories": 999})  # elsewhere, the lane goes on
    async with client.get(story, headers={"If-None-Match": tag}) as answer:
        assert answer.status == 304
    last = next(each for each in reversed(line) if isinstance(each, Story) and each.id == WATER)
    store.apply([change(last, headline="عنوان جديد", line=5000)._replace(line=5000)], {})
    async with client.get(story, headers={"If-None-Match": tag}) as answer:
        assert answer.status == 200


@pytest.mark.parametrize(
    ("path", "parameters", "status", "said"),
    [
        ("/v1/stories/nothing", {}, 404, "there is no story 'nothing' in this lane"),
        ("/v1/articles/nothing", {}, 404, "there is no article 'nothing' in this lane"),
        ("/v1/entities/" + quote("wd:Q0"), {}, 404, "there is no entity 'wd:Q0' in this lane"),
        ("/v1/stories", {"sort": "size"}, 400, "sort is 'size'; give one of last_seen, growth"),
        ("/v1/stories", {"limit": "0"}, 400, "limit is '0'; give 1 to 200"),
        ("/v1/stories", {"limit": "٣"}, 400, "limit is '٣'; give 1 to 200"),
        ("/v1/search", {"relation": "same"}, 400, "relation is 'same'; give one of"),
        ("/v1/search", {"q": "،"}, 400, "there is no word to look for"),
        ("/v1/stories", {"entitty": "x"}, 400, "'entitty' means nothing here; take"),
        ("/v1/trends", {"q": "x"}, 400, "'q' means nothing here; take label, lane, limit, window"),
        ("/v1/trends", {"window": "2h"}, 400, "window is '2h'; give one of 1h, 24h"),
        ("/v1/stories", {"cursor": "x"}, 400, "cursor is none of this look-up"),
        ("/v1/stories", {"cursor": "WyJhbGVydHMiLDEsImEiXQ"}, 400, "cursor is none of this look-up"),
        ("/v1/stories", {"cursor": "bnVsbA"}, 400, "cursor is none of this look-up"),
        ("/v1/stories", {"cursor": "A" * 500}, 400, "cursor is none of this look-up"),
        ("/v1/stories", {"since": "yesterday"}, 400, "since"),
    ],
)
async def test_what_cannot_be_answered_is_told_with_the_reason(
    get: Get, path: str, parameters: dict[str, str], status: int, said: str
) -> None:
    problem = await get(path, status, **parameters)
    assert problem["detail"].startswith(said)
    if status == 400:
        (error,) = problem["errors"]
        assert error["parameter"] == next(iter(parameters))


@pytest.mark.parametrize("path", [*LOOKUPS, *FEEDS])
async def test_the_parameters_that_are_described_are_those_that_are_taken(get: Get, path: str) -> None:
    described = (LOOKUPS | FEEDS)[path]["get"]["parameters"]
    problem = await get(path.replace("{id}", "x"), 400, nonsense="1")
    taken = problem["detail"].partition("; take ")[2].split(", ")
    assert sorted(each["name"] for each in described if each["in"] == "query") == taken


def trend(entity: str, window: Any, score: float, label: Any = "LOC", articles: int = 3, line: int = 1) -> Trend:
    return Trend(
        entity=entity, name=entity, label=label, window=window, articles=articles, stories=1, texts=1, expected=1.0,
        score=score, since="2026-05-04T09:00:00Z", until="2026-05-04T10:00:00Z", line=line,
    )  # fmt: skip


def alert(id_: str, line: int) -> Alert:
    return Alert(
        id=id_, rule="مياه", kind="words", text="خبر عن المياه", breaking=False, burst=True, story=WATER, article="x",
        headline="محطة", source="nilenews.example", sources=2, at="2026-05-04T10:00:00Z", line=line,
    )  # fmt: skip
