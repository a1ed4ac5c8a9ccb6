"""`khabar feeds` shows what `khabar follow` has written down."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from deploy.cli import app
from streams.feeds import Feed, Source, opened, read_feeds

FEEDS = [
    Feed(url="https://example.org/rss", source=Source(id="example.org", name="صحيفة", group="الخليج")),
    Feed(url="https://example.net/rss"),
]


@pytest.fixture
def state(tmp_path: Path) -> str:
    path = tmp_path / "feeds.sqlite"
    with opened(path, alone=True) as kept:
        numbers = kept.follow(FEEDS)
        good, bad = (kept.status(numbers[feed.url]) for feed in FEEDS)
        good.last_success = good.last_new = 1_777_627_800.0
        good.sent = 17
        bad.error, bad.streak, bad.detail = "http-404", 3, "https://example.net/rss answers 404 Not Found"
        kept.write(numbers[FEEDS[0].url], good)
        kept.write(numbers[FEEDS[1].url], bad)
    return str(path)


def khabar(*words: str) -> str:
    done = CliRunner().invoke(app, ["feeds", *words])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_the_list_says_how_each_feed_is(state: str) -> None:
    good, bad = khabar("list", "--state", state).splitlines()
    assert good.startswith("https://example.org/rss\t2026-05-01T09:30:00Z\t2026-05-01T09:30:00Z\t")
    assert bad.endswith("\thttp-404\t3\thttps://example.net/rss answers 404 Not Found")


def test_the_same_as_json(state: str) -> None:
    good, bad = json.loads(khabar("list", "--json", "--state", state))
    assert (good["source"], good["group"], good["sent"], good["error"]) == ("example.org", "الخليج", 17, None)
    assert (bad["source"], bad["last_success"], bad["error"], bad["streak"]) == ("example.net", None, "http-404", 3)


def test_the_export_is_read_back_as_it_was_given(state: str, tmp_path: Path) -> None:
    (tmp_path / "feeds.opml").write_text(khabar("export", "--state", state), "utf-8")
    first, second = read_feeds([str(tmp_path / "feeds.opml")])
    assert first == FEEDS[0]
    assert second.url == FEEDS[1].url
