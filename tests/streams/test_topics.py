"""The topic table: names that cannot meet, limits that fit what they bound, settings for each kind of lane."""

import re
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import (
    Alert,
    DeadLetter,
    EnrichedArticle,
    Event,
    Feedback,
    Lane,
    Misconfigured,
    NormalizedArticle,
    Progress,
    RawArticle,
    Story,
    TaggedArticle,
    Trend,
)
from streams.cluster import commands
from streams.settings import Settings
from streams.topics import FRAMING, LARGEST, LETTER_ROOM, TABLE, Topics, by_name, size_of

LANES = st.from_regex(r"[a-z0-9-]{1,40}", fullmatch=True)
PREFIXES = st.from_regex(r"[a-z0-9-]{1,9}(\.[a-z0-9-]{1,9}){0,2}", fullmatch=True)


def test_a_topic_is_named_by_prefix_lane_name_and_version() -> None:
    topics = Topics("news.khabar", "saudi-2015")
    assert topics.name(RawArticle) == "news.khabar.saudi-2015.articles.raw.v1"
    assert topics.name("enriched") == topics.name("articles.enriched") == topics.name(EnrichedArticle)
    assert topics.group("tag") == "news.khabar.saudi-2015.tag"


@pytest.mark.parametrize(
    "event",
    [
        RawArticle, NormalizedArticle, TaggedArticle, EnrichedArticle, Story, Trend, Alert, Feedback, DeadLetter,
        Progress, Lane,
    ],
)  # fmt: skip
def test_every_event_has_a_topic_in_the_table(event: type[Event]) -> None:
    assert by_name(event.topic).name == event.topic


def test_a_name_that_is_none_is_told_with_those_that_are() -> None:
    with pytest.raises(Misconfigured, match=r"there is no topic 'story'; there are raw, normalized, .*stories"):
        by_name("story")


@given(st.sets(st.tuples(PREFIXES, LANES), min_size=2, max_size=4))
def test_names_of_two_lanes_never_meet_not_even_where_kafka_takes_dots_for_underscores(
    lanes: set[tuple[str, str]],
) -> None:
    names = [name for prefix, lane in lanes for name in Topics(prefix, lane).all()]
    assert len({name.replace(".", "_") for name in names}) == len(names)


@given(PREFIXES, LANES)
def test_names_are_names_to_kafka(prefix: str, lane: str) -> None:
    for name in Topics(prefix, lane).all():
        assert re.fullmatch(r"[a-zA-Z0-9._-]{1,249}", name)


def test_the_table_says_what_the_design_says() -> None:
    found = {t.name: (t.single, t.compacted, t.deleted, t.largest >> 20) for t in TABLE}
    assert found == {
        "articles.raw": (False, False, True, 1),
        "articles.normalized": (False, False, True, 8),
        "articles.tagged": (True, False, True, 8),
        "articles.enriched": (True, True, True, 8),
        "stories": (True, True, True, 8),
        "deduplicate.progress": (True, True, False, 1),
        "entities.trends": (True, True, True, 1),
        "alerts": (True, True, True, 1),
        "feedback": (True, False, True, 1),
        "articles.dead-letters": (True, False, True, 8),
    }


def test_a_live_lane_keeps_14_days_and_what_is_compacted_90_and_a_replay_everything() -> None:
    days = {t.name: t.config("live", 1).get("retention.ms") for t in TABLE}
    assert days["articles.raw"] == str(14 * 24 * 3600 * 1000)
    assert days["stories"] == str(90 * 24 * 3600 * 1000)
    assert days["deduplicate.progress"] is None
    kept = {t.config("replay", 1).get("retention.ms", "-1") for t in TABLE}
    assert kept == {"-1"}


def test_two_of_three_replicas_must_have_a_record_wherever_there_are_three_brokers() -> None:
    for brokers, least, replication in ((1, "1", "1"), (2, "1", "2"), (3, "2", "3"), (9, "2", "3")):
        assert {t.config("live", brokers)["min.insync.replicas"] for t in TABLE} == {least}
        words = shlex.split(commands(Settings(lane="x"), "live", brokers)[0])
        assert words[words.index("--replication-factor") + 1] == replication


def test_everything_is_dated_by_the_broker() -> None:
    assert {t.config("live", 1)["message.timestamp.type"] for t in TABLE} == {"LogAppendTime"}


def test_a_dead_letter_holds_any_record_and_the_headers_that_say_why() -> None:
    others = [t.largest for t in TABLE if t.name != "articles.dead-letters"]
    assert by_name("letters").largest == max(others) + LETTER_ROOM == LARGEST


def test_the_brokers_limit_is_above_ours_by_what_the_wire_and_bad_luck_with_zstd_add() -> None:
    for topic in TABLE:
        assert int(topic.config("live", 1)["max.message.bytes"]) - topic.largest == FRAMING
        assert topic.largest // 256 + 1024 <= FRAMING


@given(
    st.none() | st.binary(max_size=9),
    st.none() | st.binary(max_size=9),
    st.lists(st.tuples(st.text(max_size=3), st.binary(max_size=3))),
)
def test_the_size_of_a_record_counts_key_value_and_headers(
    key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]]
) -> None:
    expected = b"".join([key or b"", value or b"", *(name.encode() + content for name, content in headers)])
    assert size_of(key, value, headers) == len(expected)


def test_the_printed_commands_make_every_topic_of_the_table() -> None:
    settings = Settings(lane="sport", broker="kafka.example.org:9092", partitions=6)
    lines = commands(settings, "replay", 3)
    assert len(lines) == len(TABLE)
    words = shlex.split(lines[1])
    assert words[:3] == ["kafka-topics.sh", "--bootstrap-server", "kafka.example.org:9092"]
    assert words[words.index("--topic") + 1] == "khabar.sport.articles.normalized.v1"
    assert words[words.index("--partitions") + 1] == "6"
    assert "--if-not-exists" in words
    assert "retention.ms=-1" in words
