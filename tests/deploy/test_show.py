"""What people see of a story: everything it says, Arabic alone on its lines, and nothing that steers their terminal."""

import io
import re
import unicodedata
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from deploy import show
from schemas import (
    EnrichedArticle,
    Entity,
    Evidence,
    Member,
    Passage,
    Relation,
    Story,
    StoryEntity,
    StoryRef,
    StorySource,
)

TITLE = "الوزير يفتتح الجسر الجديد"
BODY = "افتتح الوزير سليم حداد جسر النهر صباح الأحد. وقال إن الجسر الجديد يختصر الطريق إلى النصف."


def an_article(name: str, **more: Any) -> EnrichedArticle:
    given: dict[str, Any] = {
        "id": name, "version": f"{name}-1", "status": "usable", "source": f"{name}.example", "source_id": None,
        "url": None, "title": TITLE, "lead": None, "body": BODY, "author": None, "section": None, "image": None,
        "extra": {}, "language": "ar", "published_at": "2026-05-01T09:30:00Z", "dated_by": "given",
        "date_precision": "second", "seen_at": "2026-05-01T09:30:00Z", "late": False, "attributions": [],
        "provenance": {}, "revision": 0, "entities": [], "relation": Relation(kind="new"), "story": None, "lines": [],
    }  # fmt: skip
    return EnrichedArticle(**(given | more))


def a_story(*articles: EnrichedArticle, **more: Any) -> Story:
    members = [
        Member(
            id=each.id, version=each.version, source=each.source, url=None, title=each.title,
            kind=each.relation.kind if each.relation else "new", to=each.relation.to if each.relation else None,
            published_at=each.published_at, seen_at=each.seen_at,
        )
        for each in articles
    ]  # fmt: skip
    given: dict[str, Any] = {
        "id": articles[0].id, "headline": articles[0].title, "language": "ar", "articles": len(articles),
        "members": members, "sources": [StorySource(source=each.source, articles=1) for each in articles],
        "distinct_texts": 1, "first_published_at": None, "last_published_at": None,
        "first_seen_at": "2026-05-01T09:30:00Z", "last_seen_at": "2026-05-01T09:30:00Z", "entities": [], "line": 1,
    }  # fmt: skip
    return Story(**(given | more))


@pytest.fixture
def pair() -> tuple[EnrichedArticle, EnrichedArticle]:
    first = an_article("alofoq")
    start, end = BODY.index("الجسر الجديد"), BODY.index(" إلى النصف")
    other = "في خبر آخر: الجسر الجديد يختصر الطريق على السائقين."
    shared = Passage(field="body", start=12, end=12 + end - start, to_field="body", to_start=start, to_end=end)
    evidence = Evidence(
        cosine=0.5, lead_cosine=0.5, containment=0.3, jaccard=0.1, hours=1, shared=[shared], conflicts=[]
    )
    relation = Relation(kind="same-story", to="alofoq", to_version="alofoq-1", score=4.7123, evidence=evidence)
    return first, an_article("sada", title="جسر جديد على النهر", body=other, relation=relation)


def printed(lines: Any, *, terminal: bool = False, width: int = 80) -> str:
    out = io.StringIO()
    show.write(Console(file=out, force_terminal=terminal, color_system=None, width=width), lines)
    return out.getvalue()


def scripts(line: str) -> set[str]:
    return {unicodedata.name(c).split()[0] for c in line if c.isalpha()} & {"ARABIC", "LATIN"}


def test_a_story_is_shown_with_members_relations_names_and_a_shared_passage(pair: Any) -> None:
    first, second = pair
    names = [StoryEntity(id="kh:1", name="سليم حداد", label="PERS", articles=1)]
    text = printed(show.story(3, a_story(first, second, entities=names), {each.id: each for each in pair}))
    for wanted in ("3. 2 articles of 2 outlets", TITLE, "sada.example  same-story  of alofoq.example's  score 4.71",
                   "جسر جديد على النهر", "people", "سليم حداد"):  # fmt: skip
        assert wanted in text
    assert text.count("⟦الجسر الجديد يختصر الطريق⟧") == 2


def test_arabic_and_latin_never_share_a_line(pair: Any) -> None:
    names = [StoryEntity(id="kh:1", name="سليم حداد", label="PERS", articles=1)]
    stories = show.story(1, a_story(*pair, entities=names), {each.id: each for each in pair})
    for terminal in (True, False):
        lines = printed(stories, terminal=terminal).splitlines()
        assert [line for line in lines if len(scripts(line)) > 1] == []
        stories = show.story(1, a_story(*pair, entities=names), {each.id: each for each in pair})


def test_a_terminal_gets_rows_that_fit_and_a_pipe_one_paragraph_a_line(pair: Any) -> None:
    articles = {each.id: each for each in pair}
    rows = printed(show.story(1, a_story(*pair), articles), terminal=True, width=40).splitlines()
    assert max(map(len, rows)) <= 40
    lines = printed(show.story(1, a_story(*pair), articles), width=40).splitlines()
    assert len(lines) < len(rows)


def test_a_relation_to_a_text_that_was_revised_since_shows_no_passage(pair: Any) -> None:
    first, second = pair
    revised = replace(first, version="alofoq-2", revision=1, body="نص آخر تماما")
    text = printed(show.story(1, a_story(revised, second), {"alofoq": revised, "sada": second}))
    assert "revised 1 time" in text
    assert "⟦" not in text


@given(st.text())
def test_no_text_can_steer_a_terminal(text: str) -> None:
    shown = show.safe(text)
    assert not [c for c in shown if unicodedata.category(c) in ("Cc", "Cf") and c not in "\u200c\u200d"]
    assert show.safe(shown) == shown


@given(st.integers(0, len(BODY)), st.integers(0, len(BODY)))
def test_a_passage_is_marked_at_its_offsets(one: int, other: int) -> None:
    start, end = sorted((one, other))
    marked = show.passage(an_article("a"), "body", start, end).plain
    inside = re.search("⟦(.*)⟧", marked)
    assert inside
    assert inside[1] == show.safe(BODY[start:end])


def test_a_long_passage_is_shortened_in_its_middle_at_words() -> None:
    body = "كلمة " * 400
    marked = show.passage(an_article("a", body=body), "body", 500, 1500).plain
    assert marked.startswith("… كلمة")
    assert marked.endswith("كلمة …")
    assert len(marked) < show.PASSAGE + 2 * show.CONTEXT + 20


def test_look_alikes_of_different_stories_are_found_with_what_only_one_of_them_has() -> None:
    form = "استقبل الأمير في مكتبه اليوم {} يرافقه وفد يضم {} من رجال الأعمال وجرى تبادل الأحاديث الودية"
    name = Entity(field="body", start=0, end=4, text="هارون", label="PERS", id="kh:h", name="هارون", confidence=0.9)
    one = an_article("one", title="استقبال أول", body=form.format("السفير هارون", 12), entities=[name])
    two = an_article("two", title="استقبال ثان", body=form.format("السفير مروان", 7))
    far = an_article("far", title="الطقس غدا", body="أمطار متفرقة على الساحل ورياح نشطة")
    articles = {each.id: each for each in (one, two, far)}
    pairs = show.alike([a_story(one), a_story(two), a_story(far)], articles)
    assert [(pair.first.id, pair.second.id) for pair in pairs] == [("one", "two")]
    text = printed(show.kept_apart(pairs[0]))
    assert "هارون ، 12" in text
    assert "مروان" not in text.replace("استقبال ثان", "")


def test_what_began_a_story_stays_new_and_where_it_was_however_often_it_is_revised() -> None:
    other = an_article("sada", published_at="2026-05-01T10:00:00Z", relation=Relation(kind="copy", to="alofoq"))
    revised = an_article(
        "alofoq", published_at="2026-05-01T15:00:00Z", revision=2, relation=Relation(kind="near-copy", to="sada"),
        story=StoryRef(id="alofoq", since="2026-05-01T09:30:00Z"),
    )  # fmt: skip
    said = printed(show.story(1, a_story(revised, other), {"alofoq": revised, "sada": other}))
    assert "05-01 09:30  alofoq.example  new  revised 2 times" in said
    assert "05-01 10:00  sada.example  copy  of alofoq.example's" in said


def test_an_arrival_says_when_whence_and_what_it_is_to_what_came_before(
    pair: tuple[EnrichedArticle, EnrichedArticle],
) -> None:
    first, other = pair
    assert printed(show.arrival(first, {})).splitlines() == ["   09:30:00  alofoq.example  new", f"      {TITLE}"]
    said = printed(show.arrival(other, {first.id: first}))
    assert "09:30:00  sada.example  same-story  of alofoq.example's  score 4.71" in said


def test_dead_letters_are_counted_and_every_cause_is_explained() -> None:
    text = printed(show.letters({"undated": 2, "not-json": 7, "strange": 1}))
    assert [line.split()[:2] for line in text.splitlines()] == [["7", "not-json"], ["2", "undated"], ["1", "strange"]]
    assert "no date" in text
