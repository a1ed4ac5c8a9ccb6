"""What is counted, for how long, and that the last values are a function of the line however it came."""

import itertools
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

import agents.trends
from agents.trends import REACH_US, Trends
from agents.trends.unusual import unusual
from schemas import EnrichedArticle, Trend, from_rfc3339, to_rfc3339

Enriched = Callable[..., EnrichedArticle]
HOUR_US = 3_600_000_000
START_US = from_rfc3339("2026-05-01T09:00:00Z")


def at(hours: float) -> str:
    return to_rfc3339(START_US + int(hours * HOUR_US))


def last(line: list[EnrichedArticle]) -> dict[str, Trend]:
    trends = Trends()
    return {trend.key: trend for event in line for trend in trends.take(event)}


def test_forty_reprints_are_forty_articles_one_text_and_one_story(enriched: Enriched) -> None:
    kinds = ["new", *["copy", "near-copy", "contained"] * 13]
    found = last([enriched(n, f"a{n}", names=["ليلى"], kind=kind) for n, kind in enumerate(kinds)])
    for window in ("1h", "24h"):
        trend = found[f"kh:ليلى,{window}"]
        assert (trend.articles, trend.texts, trend.stories) == (40, 1, 1)
        assert (trend.name, trend.label, trend.line) == ("ليلى", "PERS", 39)


def test_a_new_version_replaces_what_the_article_counted_for(enriched: Enriched) -> None:
    found = last([enriched(0, names=["ليلى", "سامر"]), enriched(1, names=["سامر", "هدى"], seen=at(0.5))])
    assert {key: trend.articles for key, trend in found.items() if trend.window == "1h"} == {
        "kh:ليلى,1h": 0,
        "kh:سامر,1h": 1,
        "kh:هدى,1h": 1,
    }
    assert found["kh:سامر,1h"].line == 0, "what did not change is not said again"


@pytest.mark.parametrize("status", ["canceled", "withheld"])
def test_a_cancellation_takes_back_what_the_article_counted_for(enriched: Enriched, status: str) -> None:
    found = last([enriched(0, names=["ليلى"]), enriched(1, "b", names=["ليلى"]), enriched(2, status=status)])
    assert (found["kh:ليلى,24h"].articles, found["kh:ليلى,24h"].line) == (1, 2)


def test_what_comes_late_counts_for_nothing(enriched: Enriched) -> None:
    assert last([enriched(0, names=["ليلى"], late=True)]) == {}


def test_the_windows_move_with_the_line_down_to_nothing(enriched: Enriched) -> None:
    line = [enriched(0, names=["ليلى"])]
    for number, hours in enumerate((0.99, 1.0, 23.99, 24.0), start=1):
        line.append(enriched(number, f"b{number}", seen=at(hours)))
    counts = []
    trends = Trends()
    for event in line:
        counts.append({trend.window: trend.articles for trend in trends.take(event)})
    assert counts == [{"1h": 1, "24h": 1}, {}, {"1h": 0}, {}, {"24h": 0}]
    assert (last(line)["kh:ليلى,24h"].since, last(line)["kh:ليلى,24h"].until) == (at(0), at(24))


def test_an_event_that_comes_again_changes_nothing(enriched: Enriched) -> None:
    trends = Trends()
    first = enriched(5, names=["ليلى"])
    assert len(trends.take(first)) == 2
    assert trends.take(first) == trends.take(enriched(4, "b", names=["ليلى"])) == []


def test_a_name_as_long_as_somebody_pleases_is_cut(enriched: Enriched) -> None:
    (trend, _) = Trends().take(enriched(0, names=["ط" * 1_000_000]))
    assert len(trend.name) == 200


def test_a_flood_lets_the_earliest_go_first(enriched: Enriched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agents.trends, "HELD", 3)
    trends = Trends()
    said: dict[str, int] = {}
    for number in range(20):
        event = enriched(number, f"a{number}", names=["ليلى", f"n{number}"], seen=at(number / 10))
        said |= {trend.key: trend.articles for trend in trends.take(event)}
        assert len(trends) <= 3
    assert said["kh:ليلى,24h"] == 3
    assert {name for name, articles in said.items() if articles} == {
        f"kh:{name},{window}" for name in ("ليلى", "n17", "n18", "n19") for window in ("1h", "24h")
    }


def test_what_was_replaced_takes_no_more_room_than_what_counts(
    enriched: Enriched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agents.trends, "HELD", 3)
    for name in ("a{}", "a"):  # a flood within the hour; one article revised without end, behind one that stays
        trends = Trends()
        trends.learn(enriched(0, "old"))
        for number in range(1, 50):
            trends.learn(enriched(number, name.format(number), names=["ليلى"]))
            assert max(len(window.now) + len(window.past) for window in trends._windows) <= 6


def test_what_compaction_took_before_it_was_taken_back_is_said_to_be_gone(enriched: Enriched) -> None:
    said = Trends().take(enriched(0, names=["ليلى"]))
    trends = Trends()  # the first version is gone from the topic, and the second was not yet taken
    for trend in said:
        trends.recall(trend)
    now = {trend.key: trend.articles for trend in trends.take(enriched(1, names=["سامر"]))}
    assert now == {"kh:ليلى,1h": 0, "kh:ليلى,24h": 0, "kh:سامر,1h": 1, "kh:سامر,24h": 1}
    assert trends.take(enriched(2, "b")) == [], "and once only"


def test_a_name_rises_above_its_own_past(enriched: Enriched) -> None:
    week = [enriched(n, f"a{n}", names=["دائم"], story=f"s{n}", seen=at(n)) for n in range(24 * 8)]
    now = [
        enriched(1000 + n, f"b{n}", names=["دائم", "جديد"], story=f"t{n}", seen=at(24 * 8 + n / 60)) for n in range(8)
    ]
    found = last([*week, *now])
    assert found["kh:دائم,1h"].expected == pytest.approx(8, abs=1)
    assert found["kh:دائم,1h"].score == 0, "all texts name it, as ever"
    assert found["kh:جديد,1h"].score > 3


# The same from the definition, and however the line is cut.

NAMES = ("ليلى", "سامر", "هدى")


@st.composite
def lines(draw: st.DrawFn) -> list[dict[str, object]]:
    """Arguments of `enriched` for a line of some days; time mostly moves on, as it does with several partitions."""
    hours = 0.0
    made: list[dict[str, object]] = []
    for number in range(draw(st.integers(1, 25))):
        hours += draw(st.sampled_from((-0.01, 0.0, 0.3, 0.5, 1.0, 5.0, 24.0, 100.0)))
        made.append(
            {
                "line": number * 2,
                "article": draw(st.sampled_from("abcdefgh")),
                "seen": at(hours),
                "names": draw(st.lists(st.sampled_from(NAMES), unique=True)),
                "story": draw(st.sampled_from(("s", "t"))),
                "kind": draw(st.sampled_from(("new", "copy", "same-story"))),
                "status": draw(st.sampled_from(("usable", "usable", "usable", "canceled"))),
                "late": draw(st.sampled_from((False, False, False, True))),
            }
        )
    return made


@given(lines())
def test_the_last_values_are_what_the_definition_says(enriched: Enriched, made: list[dict[str, object]]) -> None:
    line = [enriched(**each) for each in made]
    said: dict[str, Trend] = {}
    trends = Trends()
    for number, event in enumerate(line):
        said |= {trend.key: trend for trend in trends.take(event)}
        for key, trend in defined(line[: number + 1]).items():
            held = said.get(key)
            assert (
                (trend[:3] == (0, 0, 0)) if held is None else ((held.articles, held.stories, held.texts) == trend[:3])
            )
            if held is not None and held.line == event.lines[-1].line:
                assert (held.expected, held.score) == trend[3:]


def defined(line: list[EnrichedArticle]) -> dict[str, tuple[int, int, int, float, float]]:
    """Articles, stories, texts, expected and score of each key, counted anew from the newest version of each id."""
    clocks: list[int] = []
    for event in line:
        clocks.append(max([from_rfc3339(event.seen_at), *clocks]))
    newest = {event.id: (event, clock) for event, clock in zip(line, clocks, strict=True)}
    counting = [each for each in newest.values() if each[0].relation is not None and not each[0].late]
    found = {}
    for window, us in (("1h", HOUR_US), ("24h", 24 * HOUR_US)):
        now = [event for event, clock in counting if clocks[-1] - clock < us]
        past = [event for event, clock in counting if us <= clocks[-1] - clock < us + 7 * 24 * HOUR_US]
        texts, past_texts = ([e for e in each if e.relation and e.relation.kind != "copy"] for each in (now, past))
        for name in NAMES:
            having = [[e for e in each if any(x.name == name for x in e.entities)] for each in (now, texts, past_texts)]
            stories = len({event.story.id for event in having[0] if event.story})
            score = unusual(len(having[1]), len(texts), len(having[2]), len(past_texts))
            found[f"kh:{name},{window}"] = (len(having[0]), stories, len(having[1]), *score)
    return found


@given(lines(), st.data())
def test_killed_and_restored_anywhere_the_last_values_are_the_same(
    enriched: Enriched, made: list[dict[str, object]], data: st.DataObject
) -> None:
    line = [enriched(**each) for each in made]
    cuts = data.draw(st.lists(st.integers(0, len(line)), max_size=4).map(sorted), "restarts after")
    said: dict[str, Trend] = {}
    for begin, end in zip([0, *cuts], [*cuts, len(line)], strict=True):
        killed = restored(line[:begin], said)
        for event in line[begin : data.draw(st.integers(begin, end), "said, not acknowledged")]:
            said |= {trend.key: trend for trend in killed.take(event)}
        trends = restored(line[:begin], said)
        for event in line[begin:end]:
            said |= {trend.key: trend for trend in trends.take(event)}
    assert said == last(line)


VERSIONS = st.tuples(st.sampled_from("ab"), st.lists(st.sampled_from(NAMES), unique=True), st.sampled_from((0.0, 0.4)))


@given(st.lists(VERSIONS, min_size=2, max_size=12), st.data())
def test_whatever_compaction_takes_while_nobody_counts_the_last_counts_are_the_same(
    enriched: Enriched, made: list[tuple[str, list[str], float]], data: st.DataObject
) -> None:
    clocks = list(itertools.accumulate(hours for _, _, hours in made))
    line = [enriched(n, name, names=names, seen=at(clocks[n])) for n, (name, names, _) in enumerate(made)]
    said: dict[str, Trend] = {}
    left = line
    cuts = data.draw(st.lists(st.integers(1, len(line) - 1), min_size=1, max_size=3).map(sorted), "restarts after")
    for begin, end in zip([0, *cuts], [*cuts, len(line)], strict=True):
        cleaned = data.draw(st.integers(begin, len(line)), "compacted up to")
        newest = {event.id: event for event in line[:cleaned]}
        left = [event for event in left if event.lines[0].line >= cleaned or event is newest[event.id]]
        trends = restored([event for event in left if event.lines[0].line < begin], said)
        for event in left:
            if begin <= event.lines[0].line < end:
                said |= {trend.key: trend for trend in trends.take(event)}
    counted = {key: counts[:3] for key, counts in defined(line).items() if counts[0]}
    found = {key: (trend.articles, trend.stories, trend.texts) for key, trend in said.items() if trend.articles}
    assert found == counted


def restored(line: list[EnrichedArticle], said: dict[str, Trend]) -> Trends:
    """As the stage restores it: from what is within reach, and a little more."""
    trends = Trends()
    for trend in said.values():
        trends.recall(trend)
    clock = max((from_rfc3339(event.seen_at) for event in line), default=0)
    for event in line:
        if from_rfc3339(event.seen_at) > clock - REACH_US - HOUR_US:
            trends.learn(event)
    return trends
