"""The Atom feeds, as a reader takes them: whole, in order, with ids that stay, and safe whatever a title says."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import feedparser
import orjson
import pytest
from lxml import etree

from schemas import Alert, Event, Story, encode
from streams.gateway.store import Change, Store

Read = Callable[..., Any]
NS = "{http://www.w3.org/2005/Atom}"


@pytest.fixture
def read(served: str, client: aiohttp.ClientSession) -> Read:
    """`await read("/v1/stories.atom", name=value, …)`: the feed as feedparser has it, its XML at `.xml`."""

    async def ask(path: str, **parameters: str | int) -> Any:
        async with client.get(served + path, params=parameters) as answer:
            assert answer.status == 200, await answer.text()
            assert answer.headers["Content-Type"] == "application/atom+xml; charset=utf-8"
            body = await answer.read()
        found = feedparser.parse(body)
        assert not found.bozo, found.get("bozo_exception")
        assert found.version == "atom10"
        found["xml"] = etree.fromstring(body)
        return found

    return ask


@pytest.fixture
def put(store: Store, line: list[Event], change: Callable[..., Change]) -> Callable[..., None]:
    """`put(headline=…)`: a story of that id comes, like the first of the line but for what is given."""
    model = next(each for each in line if isinstance(each, Story))

    def come(id_: str = "put", at: str = "2026-05-05T00:00:00Z", **fields: Any) -> None:
        value = orjson.dumps(orjson.loads(encode(model)) | {"id": id_, "line": 9_000, "last_seen_at": at} | fields)
        store.apply([Change("stories", id_, value, None)], {})

    return come


def valid(feed: Any) -> None:
    """What RFC 4287, section 4.1, wants of a feed and its entries."""
    for each in (feed, *feed.iter(f"{NS}entry")):
        for name in ("id", "title", "updated"):
            assert len(each.findall(f"{NS}{name}")) == 1, name
        links = [(link.get("rel"), link.get("type"), link.get("hreflang")) for link in each.iterfind(f"{NS}link")]
        assert len({each for each in links if each[0] == "alternate"}) == [each[0] for each in links].count("alternate")
        assert each.findall(f"{NS}author")
    ids = [each.findtext(f"{NS}id") for each in feed.iter(f"{NS}entry")]
    assert len(set(ids)) == len(ids)
    assert feed.find(f"{NS}link[@rel='self']") is not None


async def test_a_reader_finds_the_stories_with_their_dates_sources_names_and_links(
    read: Read, line: list[Event]
) -> None:
    newest = {each.id: each for each in line if isinstance(each, Story)}
    found = await read("/v1/stories.atom", limit=200)
    valid(found.xml)
    stories = [newest[parse_qs(urlsplit(entry.link).query)["open"][0]] for entry in found.entries]
    assert [each.id for each in stories] == [
        each.id
        for each in sorted(newest.values(), key=lambda each: (each.last_seen_at, each.id), reverse=True)
        if each.articles
    ]
    assert found.feed.updated == stories[0].last_seen_at
    for entry, story in zip(found.entries, stories, strict=True):
        assert entry.title.lstrip("\u200f\u200e") == " ".join((story.headline or "بلا عنوان").split())
        assert (entry.updated, entry.published) == (story.last_seen_at, story.first_seen_at)
        assert entry.title_detail.language == story.language
        assert {each.name for each in entry.authors} == {each.source for each in story.sources}
        assert {each.term for each in entry.get("tags", [])} == {each.id for each in story.entities}
        related = {each.href for each in entry.links if each.rel == "related"}
        assert related == {each.url for each in story.members if each.url}
        assert len(entry.summary.splitlines()) == len(story.members)


async def test_every_filter_applies_and_pages_follow(read: Read) -> None:
    whole = await read("/v1/stories.atom", limit=200)
    for parameters in ({"q": "مياه"}, {"source": "nilenews.example"}, {"country": "sy"}, {"relation": "copy"}):
        some = await read("/v1/stories.atom", **parameters)
        assert 0 < len(some.entries) < len(whole.entries)
        assert some.feed.id != whole.feed.id
        assert next(iter(parameters.values())) in some.feed.title
    page, ids = await read("/v1/stories.atom", limit=20), []
    while True:
        ids += [each.id for each in page.entries]
        following = next((each.href for each in page.feed.links if each.rel == "next"), None)
        if following is None:
            break
        page = await read(urlsplit(following).path, **{k: v[0] for k, v in parse_qs(urlsplit(following).query).items()})
    assert ids == [each.id for each in whole.entries]


async def test_an_entry_keeps_its_id_and_has_a_new_date_when_its_story_grows(
    read: Read, put: Callable[..., None], store: Store
) -> None:
    before = await read("/v1/stories.atom", limit=5)
    put(at="2026-05-05T00:00:00Z")
    (first, *_) = (await read("/v1/stories.atom", limit=5)).entries
    put(at="2026-05-05T01:00:00Z", line=9_001)
    after = await read("/v1/stories.atom", limit=5)
    assert after.entries[0].id == first.id
    assert after.entries[0].updated == "2026-05-05T01:00:00Z"
    assert after.feed.id == before.feed.id
    assert [each.id for each in after.entries[1:]] == [each.id for each in before.entries[:4]]


@pytest.mark.parametrize(
    ("headline", "shown"),
    [
        ("<script>alert(1)</script> &amp; خبر", "\u200f<script>alert(1)</script> &amp; خبر"),
        ("]]> </title></feed> خبر", "خبر"),
        ("خبر\x00\x0b\ufffe\n\n عاجل", "خبر عاجل"),
        ("\u202eعكس\u202c خبر \u2066مفتوح", "عكس خبر مفتوح"),
        ("IMF: الاقتصاد ينمو", "\u200fIMF: الاقتصاد ينمو"),
        (None, "بلا عنوان"),
    ],
)
async def test_a_title_is_a_text_in_the_direction_of_its_language_and_nothing_else(
    read: Read, put: Callable[..., None], headline: str | None, shown: str
) -> None:
    member = {
        "id": "x", "version": "1", "source": "a.example\u202e", "url": "javascript:alert(1)", "title": headline,
        "kind": "new", "to": None, "published_at": None, "seen_at": "2026-05-05T00:00:00Z",
    }  # fmt: skip
    urls = ('https://a.example/?q="><b>', "https://a.example/خبر\u202egpj.exe\x1b[31m")
    put(headline=headline, members=[member, *(member | {"url": each} for each in urls)])
    found = await read("/v1/stories.atom", limit=1)
    valid(found.xml)
    (entry,) = found.xml.iterfind(f"{NS}entry")
    title = entry.find(f"{NS}title")
    assert title.get("type") == "text"
    assert len(title) == 0
    assert shown in title.text
    assert not {"\u202e", "\u2066", "\x00", "\n"} & set(title.text)
    for each in (entry.findtext(f"{NS}summary") or "").splitlines():
        assert each.count("\u2068") == each.count("\u2069") == 2
        assert "\u202e" not in each
    links = [each.get("href") for each in entry.iterfind(f"{NS}link[@rel='related']")]
    assert links == ['https://a.example/?q="><b>', "https://a.example/خبر%E2%80%AEgpj.exe%1B[31m"]


async def test_the_direction_of_an_english_title_is_its_own(read: Read, put: Callable[..., None]) -> None:
    put(headline="مصر: what comes next", language="en")
    assert (await read("/v1/stories.atom", limit=1)).entries[0].title == "\u200eمصر: what comes next"


async def test_a_feed_without_stories_is_a_feed(read: Read) -> None:
    found = await read("/v1/stories.atom", q="عنقاء")
    valid(found.xml)
    assert found.entries == []
    assert found.feed.updated == "2026-05-04T10:05:00Z"  # the newest article's


async def test_alerts_are_a_feed_too(read: Read, store: Store) -> None:
    given = Alert(
        id="one", rule="مياه", kind="words", text="خبر عن المياه", breaking=False, burst=True, story="s", article="x",
        headline="محطة <b>", source="nilenews.example", sources=2, at="2026-05-04T10:00:00Z", line=1,
    )  # fmt: skip
    store.apply([Change("alerts", "one", encode(given), None)], {})
    found = await read("/v1/alerts.atom")
    valid(found.xml)
    (entry,) = found.entries
    assert (entry.title, entry.updated, entry.author) == ("خبر عن المياه", given.at, given.source)
    assert parse_qs(urlsplit(entry.link).query) == {"open": ["s"]}


async def test_a_token_is_not_told_to_whoever_is_shown_the_feed(read: Read) -> None:
    found = await read("/v1/stories.atom", limit=1, access_token="geheim", lane="live")  # noqa: S106
    assert b"geheim" not in etree.tostring(found.xml)
    assert "lane=live" in found.entries[0].link
