"""Whom the newsroom is told of: once for each rule and story, in words that nobody else put there."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

import agents.alerts
from agents.alerts import Alerts, reach_us
from agents.alerts.rules import Rule, parse_rules
from agents.normalize.words import Words
from agents.tag.tables import Tables
from schemas import Alert, EnrichedArticle, encode, from_rfc3339
from streams.gateway.filters import Facts, Filter

Enriched = Callable[..., EnrichedArticle]
WORDS = Words.shipped()
TABLES = Tables.shipped()


def rules_of(text: str) -> list[Rule]:
    return parse_rules(text, WORDS, "rules.toml", lambda: TABLES)


def said(text: str, line: list[EnrichedArticle]) -> list[Alert]:
    alerts = Alerts(rules_of(text), WORDS)
    return [alert for event in line for alert in alerts.take(event)]


BRIDGE = "[[rule]]\nname = 'الجسر'\nwords = 'جسر'\n"
LEILA = "[[rule]]\nname = 'ليلى'\nentity = ['سورية', 'kh:ليلى']\n"
AGENCY = "[[rule]]\nname = 'الوكالة'\nsource = 'wakala.example'\n"
GROWS = "[[rule]]\nname = 'يكبر'\ngrowth = { sources = 3, minutes = 30 }\n"


def test_words_are_met_behind_a_clitic_and_told_with_all_that_is_known(enriched: Enriched) -> None:
    (alert,) = said(BRIDGE, [enriched(7, title="ازدحام  بالجسر\nالقديم")])
    assert alert == Alert(
        id=alert.id, rule="الجسر", kind="words", text="الجسر: ازدحام بالجسر القديم", breaking=False, burst=False,
        story="s", article="a", headline="ازدحام بالجسر القديم", source="aswar.example", sources=1,
        at="2026-05-01T09:00:00Z", line=7,
    )  # fmt: skip
    assert alert.key == alert.id


@pytest.mark.parametrize("query", ["علي", "جسر", "ايران", '"مجلس الأمن"', "وزير جسر", "lens"])
def test_words_are_met_as_the_gateway_meets_them(enriched: Enriched, query: str) -> None:
    texts = (
        "لقاء علي والوزير", "لقاء على الجسر", "وزيرٌ بالجسر", "مجلس الأمن وإيران", "مجلس امن الحي وايران", "LENS wins"
    )  # fmt: skip
    line = [enriched(n, f"a{n}", story=f"s{n}", title=title) for n, title in enumerate(texts)]
    line.append(enriched(8, "named", story="s8", title="لقاء على الجسر", names=["علي حسن"]))
    wanted = Filter.of([("q", query)], WORDS)
    met = [event.id for event in line if wanted.matches(Facts.of_article(json.loads(encode(event)), {}, WORDS))]
    assert 0 < len(met) < len(line)
    assert [alert.article for alert in said(f"[[rule]]\nname = 'x'\nwords = '{query}'\n", line)] == met


def test_things_are_met_by_id_and_by_any_spelling_of_their_name(enriched: Enriched) -> None:
    line = [enriched(n, f"a{n}", story=f"s{n}", names=[name]) for n, name in enumerate(("ليلى", "سوريه", "سوري"))]
    assert [alert.story for alert in said(LEILA, line)] == ["s0", "s1"]


def test_a_rule_is_met_by_what_meets_all_of_it(enriched: Enriched) -> None:
    rule = BRIDGE + "source = ['wakala.example', 'nahar.example']\n"
    line = [
        enriched(0, "a", story="s"),
        enriched(1, "b", story="t", source="wakala.example", title="مدرسة جديدة"),
        enriched(2, "c", story="u", source="nahar.example"),
    ]
    assert [alert.story for alert in said(rule, line)] == ["u"]


def test_a_story_is_told_once_for_each_rule_and_not_once_a_reprint(enriched: Enriched) -> None:
    line = [enriched(n, f"a{n}", kind="copy", source=f"o{n}.example") for n in range(40)]
    line.append(enriched(40, "b", source="wakala.example"))
    assert [(alert.rule, alert.line) for alert in said(BRIDGE + AGENCY, line)] == [("الجسر", 0), ("الوكالة", 40)]


@pytest.mark.parametrize("what", [{"late": True}, {"status": "canceled"}, {"status": "withheld"}, {"story": None}])
def test_what_is_late_or_no_news_raises_none(enriched: Enriched, what: dict[str, object]) -> None:
    assert said(BRIDGE + AGENCY, [enriched(0, source="wakala.example", **what)]) == []


def test_a_story_that_several_sources_tell_in_time_grows(enriched: Enriched) -> None:
    line = [
        enriched(0, "a", source="a.example", seen="2026-05-01T09:00:00Z"),
        enriched(1, "b", source="b.example", seen="2026-05-01T09:20:00Z"),
        enriched(2, "c", source="b.example", seen="2026-05-01T09:29:00Z"),
        enriched(3, "d", source="c.example", seen="2026-05-01T09:30:00Z"),  # the first is half an hour old
        enriched(4, "e", source="d.example", seen="2026-05-01T09:31:00Z"),
    ]
    (alert,) = said(GROWS, line)
    assert (alert.line, alert.sources, alert.burst, alert.breaking, alert.kind) == (4, 3, True, False, "growth")
    assert alert.text == "متصاعد: افتتاح جسر جديد فوق النهر (3 مصادر في 30 دقيقة)"


def test_what_was_canceled_meanwhile_lets_no_story_grow(enriched: Enriched) -> None:
    line = [enriched(0, "a", source="a.example"), enriched(1, "b", source="b.example")]
    last = enriched(3, "c", source="c.example")
    assert said(GROWS, [*line, enriched(2, "a", source="a.example", status="canceled"), last]) == []
    assert len(said(GROWS, [*line, last])) == 1


@pytest.mark.parametrize(
    ("title", "breaking"),
    [
        ("عاجل: افتتاح جسر", True),
        ("#عاجل | جسر", True),
        ("🔴 عاجل.. جسر", True),
        ("عـــاجل جسر", True),
        ("#عاجل_جسر", True),
        ("جسر عاجل", False),
        ("عاجلا أم آجلا جسر", False),
        ("العاجل من أخبار الجسر جسر", False),
        ("عاجلة: جسر", False),
        ("غير عاجل: جسر", False),
    ],
)
def test_only_the_outlet_says_that_it_is_urgent(enriched: Enriched, title: str, breaking: bool) -> None:
    (alert,) = said(BRIDGE, [enriched(0, title=title, body="عاجل: جسر" if not breaking else "جسر")])
    assert alert.breaking is breaking
    assert alert.text == f"الجسر: {title}"


def test_numbers_of_things_are_said_as_arabic_says_them(enriched: Enriched) -> None:
    told_of = ((2, 2, "مصدران في دقيقتين"), (11, 5, "11 مصدرا في 5 دقائق"), (3, 100, "3 مصادر في 100 دقيقة"))
    for sources, minutes, told in told_of:
        rule = f"[[rule]]\nname = 'x'\ngrowth = {{ sources = {sources}, minutes = {minutes} }}\n"
        (alert,) = said(rule, [enriched(n, f"a{n}", source=f"o{n}.example") for n in range(sources)])
        assert alert.text.endswith(f"({told})")


def test_an_article_without_a_title_is_told_by_its_text(enriched: Enriched) -> None:
    (alert,) = said(BRIDGE, [enriched(0, title=None, body="عاجل: " + "جسر " * 1000)])
    assert alert.headline is not None
    assert len(alert.headline) <= 300
    assert alert.breaking, "these are the outlet's first words"


def test_memory_of_what_was_said_is_bounded(enriched: Enriched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agents.alerts, "REMEMBERED", 2)
    line = [enriched(n, f"a{n}", story=story) for n, story in enumerate(("s", "t", "t", "u", "u", "s"))]
    found = said(BRIDGE, line)
    assert [alert.story for alert in found] == ["s", "t", "u", "s"]
    alerts = Alerts(rules_of(BRIDGE), WORDS)
    for alert in found[:3]:
        alerts.recall(alert)
    assert [alert.story for event in line[1:] for alert in alerts.take(event)] == ["s"], "after a restart as before it"


def test_a_rule_is_known_by_its_name(enriched: Enriched) -> None:
    before, again = enriched(0), enriched(1, "b", title="مدرسة وجسر")
    (told,) = said(BRIDGE, [before])
    reworded, renamed = BRIDGE.replace("words = 'جسر'", "words = 'مدرسة'"), BRIDGE.replace("الجسر", "الجسور")
    for text, raised in ((reworded, []), (renamed, ["الجسور"])):
        alerts = Alerts(rules_of(text), WORDS)
        alerts.recall(told)
        alerts.learn(before)
        assert [alert.rule for alert in alerts.take(again)] == raised


def test_what_grows_is_held_within_bounds(enriched: Enriched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agents.alerts, "HELD", 2)
    crowd = [enriched(1 + n, f"b{n}", story=f"t{n}") for n in range(2)]
    line = [
        enriched(0, source="a.example"),
        *crowd,
        enriched(8, "c", source="b.example"),
        enriched(9, "d", source="c.example"),
    ]
    assert said(GROWS, line) == []
    assert len(said(GROWS, [line[0], *line[3:]])) == 0
    monkeypatch.setattr(agents.alerts, "HELD", 3)
    assert len(said(GROWS, [line[0], *line[3:]])) == 1


@st.composite
def lines(draw: st.DrawFn) -> list[dict[str, object]]:
    minutes = 0
    made: list[dict[str, object]] = []
    for number in range(draw(st.integers(1, 20))):
        minutes += draw(st.sampled_from((0, 1, 10, 29, 30)))
        made.append(
            {
                "line": number,
                "article": draw(st.sampled_from("abcdefgh")),
                "seen": f"2026-05-01T{9 + minutes // 60:02}:{minutes % 60:02}:00Z",
                "story": draw(st.sampled_from(("s", "t"))),
                "source": draw(st.sampled_from(("a.example", "b.example", "c.example", "wakala.example"))),
                "names": draw(st.sampled_from(((), ("ليلى",)))),
                "status": draw(st.sampled_from(("usable", "usable", "canceled"))),
                "late": draw(st.sampled_from((False, False, True))),
            }
        )
    return made


LIVES = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), max_size=4)


@given(lines(), LIVES)
def test_killed_anywhere_nothing_is_lost_and_nothing_told_twice(
    enriched: Enriched, made: list[dict[str, object]], lives: list[tuple[int, int]]
) -> None:
    """Each life takes so many articles, and was killed with so many of them written but not acknowledged."""
    line = [enriched(**each) for each in made]
    text = BRIDGE + LEILA + AGENCY + GROWS
    rules = rules_of(text)
    topic: list[Alert] = []
    acknowledged = 0
    for taken, unacknowledged in [*lives, (len(line), 0)]:
        clock = max((from_rfc3339(event.seen_at) for event in line[:acknowledged]), default=0)
        alerts = Alerts(rules, WORDS)
        for alert in topic:
            alerts.recall(alert)
        for event in line[:acknowledged]:
            if from_rfc3339(event.seen_at) >= clock - reach_us(rules):
                alerts.learn(event)
        written = min(len(line), acknowledged + taken)
        topic += [alert for event in line[acknowledged:written] for alert in alerts.take(event)]
        acknowledged = max(acknowledged, written - unacknowledged)
    assert topic == said(text, line)
    assert len({alert.id for alert in topic}) == len(topic)
