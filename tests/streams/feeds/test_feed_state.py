"""The file that remembers: one writer, one cluster, one version, and nothing for ever."""

import sqlite3
from pathlib import Path

import pytest

from schemas import Misconfigured
from streams.feeds import opened, read_feeds
from streams.feeds.state import Item

FEEDS = read_feeds(["https://example.org/rss", "https://example.net/rss"])
DAY = 86_400.0


def test_two_followers_never_share_a_state(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "feeds.sqlite"
    with (
        opened(path, alone=True),
        pytest.raises(Misconfigured, match="another `khabar follow` works on"),
        opened(path, alone=True),
    ):
        pass


def test_a_look_disturbs_no_follower(tmp_path: Path) -> None:
    with opened(tmp_path / "s", alone=True) as state:
        numbers = state.follow(FEEDS)
        with opened(tmp_path / "s", alone=False) as look:
            assert [feed for feed, _ in look.health()] == FEEDS
            state.delivered(numbers[FEEDS[0].url], [Item("k", "v", None, None)], 1.0)


def test_a_state_of_another_cluster_is_refused(tmp_path: Path) -> None:
    with opened(tmp_path / "s", alone=True) as state:
        state.belongs_to("one")
    with opened(tmp_path / "s", alone=True) as state:
        state.belongs_to("one")
        with pytest.raises(Misconfigured, match=r"cluster one, this one is two\); remove the file"):
            state.belongs_to("two")


def test_a_feed_that_is_no_longer_given_is_not_shown_and_not_forgotten(tmp_path: Path) -> None:
    with opened(tmp_path / "s", alone=True) as state:
        number = state.follow(FEEDS)[FEEDS[1].url]
        state.delivered(number, [Item("k", "v", "g", "u")], 1.0)
        state.follow(FEEDS[:1])
        assert [feed for feed, _ in state.health()] == FEEDS[:1]
        assert state.follow(FEEDS)[FEEDS[1].url] == number
        assert state.known(number, "k") == Item("k", "v", "g", "u")


def test_what_has_left_a_feed_for_90_days_is_forgotten(tmp_path: Path) -> None:
    with opened(tmp_path / "s", alone=True) as state:
        number = state.follow(FEEDS)[FEEDS[0].url]
        state.delivered(number, [Item("stays", "v", None, None), Item("left", "v", None, None)], 0.0)
        state.on_feed(number, ["stays"], 89 * DAY)
        assert state.known(number, "left") is not None
        state.on_feed(number, ["stays"], 91 * DAY)
        assert state.known(number, "left") is None
        assert state.known(number, "stays") is not None


def test_a_file_that_is_no_state_is_told(tmp_path: Path) -> None:
    (tmp_path / "s").write_bytes(b"no database at all" * 100)
    with pytest.raises(Misconfigured, match="cannot be used"), opened(tmp_path / "s", alone=True):
        pass
    with pytest.raises(Misconfigured, match="follow feeds with `khabar follow`"), opened(tmp_path / "t", alone=False):
        pass
    sqlite3.connect(tmp_path / "u").execute("PRAGMA user_version = 99").connection.close()
    with pytest.raises(Misconfigured, match="of a later version"), opened(tmp_path / "u", alone=True):
        pass


def test_a_state_of_an_earlier_version_goes_on(tmp_path: Path) -> None:
    with opened(tmp_path / "s", alone=True) as state:
        number = state.follow(FEEDS)[FEEDS[0].url]
        state.delivered(number, [Item("k", "v", None, None)], 1.0)
    old = sqlite3.connect(tmp_path / "s")
    old.executescript("DROP TABLE missed; PRAGMA user_version = 1")
    old.close()
    with opened(tmp_path / "s", alone=True) as state:
        assert state.known(number, "k") is not None
        assert state.missed(number, 1e10) == []
