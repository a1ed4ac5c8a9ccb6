"""What happens to an id over time: revisions, repeats, cancellations, withheld articles; and what its story says."""

import pytest

from schemas import Refused

FLOOD = """غمرت مياه السيول أحياء في مدينة الواحة بعد أمطار غزيرة استمرت ست ساعات، وأجلت فرق الدفاع المدني 45 أسرة من
منازلها في حي النخيل. وقال قائد الفرق صالح العامري إن منسوب الوادي ارتفع مترين فجر الأحد قبل أن ينحسر ظهرا،
داعيا السكان إلى الابتعاد عن مجاري المياه. وأغلقت البلدية الجسر القديم أمام المركبات حتى ينتهي المهندسون من
فحص دعاماته، وعلقت الدراسة في المدارس يومين."""
LATER = FLOOD + " وأعلنت البلدية لاحقا إعادة فتح الجسر أمام المشاة فقط."
REPRINT = FLOOD.split(". ")[0] + ". " + FLOOD.split(". ")[1] + "."
CANCEL = {"title": None, "body": None, "status": "canceled"}


def test_a_new_version_is_a_revision_and_keeps_its_story(line, article):
    root, copy = article(1, FLOOD), article(2, FLOOD, source="wasl.example")
    line.take(root)
    line.take(copy)
    event = line.take(article(2, LATER, source="wasl.example", at="2026-05-01T12:00:00Z"))
    assert (event.revision, event.relation.kind, event.relation.to) == (1, "near-copy", root.id)
    assert event.story.id == root.id
    assert [each.version for each in event.lines] == [copy.version, event.version]


def test_a_version_is_never_related_to_an_earlier_one_of_its_own(line, article):
    line.take(article(1, FLOOD))
    assert line.take(article(1, LATER)).relation.kind == "new"


def test_a_root_that_is_revised_into_another_text_keeps_its_story(line, article):
    root = article(1, FLOOD)
    line.take(root)
    line.take(article(2, FLOOD, source="wasl.example"))
    event = line.take(article(1, "خبر عاجل آخر لا علاقة له بما سبق."))
    assert event.story.id == root.id
    assert line.story(root).articles == 2


def test_every_version_seen_before_is_a_repeat_not_only_the_newest(line, article):
    first, second = article(1, FLOOD), article(1, LATER)
    line.take(first)
    line.take(second)
    assert line.take(first) is None
    assert line.take(second) is None
    assert line.enriched[first.id].version == second.version


def test_a_cancellation_is_emitted_without_text_and_leaves_the_story_its_id(line, article):
    root = article(1, FLOOD)
    line.take(root)
    line.take(article(2, LATER, source="wasl.example"))
    event = line.take(article(1, at="2026-05-01T10:00:00Z", **CANCEL))
    assert (event.status, event.title, event.body, event.relation, event.revision) == ("canceled", None, None, None, 1)
    story = line.story(root)
    assert (story.id, story.articles, [each.source for each in story.members]) == (root.id, 1, ["wasl.example"])


def test_a_story_whose_every_member_was_canceled_says_so(line, article):
    root = article(1, FLOOD)
    line.take(root)
    line.take(article(1, at="2026-05-01T10:00:00Z", **CANCEL))
    assert (line.story(root).headline, line.story(root).articles, line.story(root).members) == (None, 0, [])


def test_a_cancellation_that_comes_first_covers_what_is_dated_not_after_it(line, article):
    line.take(article(1, at="2026-05-01T10:00:00Z", **CANCEL))
    assert line.take(article(1, FLOOD, at="2026-05-01T10:00:00Z")) is None
    event = line.take(article(1, LATER, at="2026-05-01T10:00:01Z"))
    assert (event.status, event.covered_until) == ("usable", "2026-05-01T10:00:00Z")


def test_a_version_dated_after_a_cancellation_joins_its_old_story(line, article):
    root = article(1, FLOOD)
    line.take(root)
    line.take(article(1, at="2026-05-01T10:00:00Z", **CANCEL))
    event = line.take(article(1, LATER, at="2026-05-01T11:00:00Z"))
    assert event.story.id == root.id
    assert line.story(root).articles == 1


def test_an_earlier_cancellation_leaves_a_later_dated_version_standing(line, article):
    standing = article(1, FLOOD, at="2026-05-01T12:00:00Z")
    line.take(standing)
    with pytest.raises(Refused, match="it covers nothing") as refused:
        line.take(article(1, at="2026-05-01T10:00:00Z", **CANCEL))
    assert refused.value.cause == "late"
    assert line.enriched[standing.id].status == "usable"


def test_the_same_cancellation_again_is_a_repeat(line, article):
    cancellation = article(1, at="2026-05-01T10:00:00Z", **CANCEL)
    line.take(cancellation)
    assert line.take(cancellation) is None


def test_a_canceled_article_is_no_relative(line, article):
    line.take(article(1, FLOOD))
    line.take(article(1, at="2026-05-01T10:00:00Z", **CANCEL))
    assert line.take(article(2, FLOOD, source="wasl.example")).relation.kind == "new"


def test_a_withheld_article_is_emitted_with_its_text_and_takes_part_once_usable(line, article):
    withheld = article(1, FLOOD, status="withheld")
    event = line.take(withheld)
    assert (event.status, event.body, event.relation, event.story) == ("withheld", FLOOD, None, None)
    other = article(2, FLOOD, source="wasl.example")
    assert line.take(other).relation.kind == "new"
    released = line.take(article(1, FLOOD))
    assert (released.status, released.relation.kind, released.story.id) == ("usable", "copy", other.id)
    assert line.take(withheld) is None


def test_an_article_that_is_withheld_again_leaves_its_story(line, article):
    root = article(1, FLOOD)
    line.take(root)
    line.take(article(2, FLOOD, source="wasl.example"))
    event = line.take(article(1, FLOOD, status="withheld", at="2026-05-01T10:00:00Z"))
    assert event.story.id == root.id
    assert line.story(root).articles == 1


def test_distinct_texts_counts_sources_that_wrote_their_own(line, article):
    root = article(1, FLOOD, title="سيول في الواحة")
    line.take(root)
    line.take(article(2, FLOOD, title="سيول في الواحة", source="wasl.example"))
    line.take(article(3, REPRINT, title="سيول في الواحة", source="safir.example"))
    line.take(article(4, LATER, title="سيول في الواحة"))
    story = line.story(root)
    assert (story.articles, story.distinct_texts) == (4, 1)
    assert [(each.source, each.articles) for each in story.sources] == [
        ("alnahar.example", 2),
        ("safir.example", 1),
        ("wasl.example", 1),
    ]


def test_a_story_says_when_it_was_published_and_seen_and_who_is_in_it(line, article):
    root = article(
        1, FLOOD, title="سيول", at="2026-05-01T08:00:00Z", seen="2026-05-01T08:05:00Z", people=("صالح العامري",)
    )
    line.take(root)
    line.take(article(2, LATER, at="2026-05-01T07:00:00Z", seen="2026-05-01T09:00:00Z", source="wasl.example"))
    story = line.story(root)
    assert (story.first_published_at, story.last_published_at) == ("2026-05-01T07:00:00Z", "2026-05-01T08:00:00Z")
    assert (story.first_seen_at, story.last_seen_at) == ("2026-05-01T08:05:00Z", "2026-05-01T09:00:00Z")
    assert (story.headline, story.language, story.line) == ("سيول", "ar", 1)
    assert [(each.name, each.articles) for each in story.entities] == [("صالح العامري", 1)]


def test_a_story_lists_two_hundred_members_and_counts_all(line, article):
    for number in range(230):
        line.take(article(number, FLOOD, source=f"s{number % 3}.example"))
    story = line.stories[line.log[0][1].id]
    assert (story.articles, len(story.members)) == (230, 200)
    assert story.members[0].id == line.log[0][1].id
    assert story.members[-1].id == line.log[-1][1].id


def test_a_member_carries_its_story_when_the_root_has_left_the_window(line, article):
    root = article(0, FLOOD, at="2026-05-01T00:00:00Z")
    line.take(root)
    for day in range(3, 12, 2):
        event = line.take(article(day, f"{FLOOD} اليوم {day}.", at=f"2026-05-{day:02}T00:00:00Z"))
        assert event.story.id == root.id
        assert event.story.since == "2026-05-01T00:00:00Z"


def test_an_old_item_seen_again_is_a_repeat_for_ninety_days(line, article):
    old = article(1, FLOOD, at="2026-01-01T00:00:00Z")
    line.take(old)
    line.take(article(2, "خبر آخر بعد أشهر.", at="2026-03-31T00:00:00Z"))
    assert line.take(old) is None
    line.take(article(3, "خبر ثالث بعد ذلك.", at="2026-04-02T00:00:00Z"))
    assert line.take(old) is not None


def test_a_decision_that_fails_leaves_no_trace(line, article, monkeypatch):
    root = article(1, FLOOD)
    line.take(root)
    twin = article(2, FLOOD, source="wasl.example")
    with monkeypatch.context() as broken:
        broken.setattr("agents.deduplicate.relations.overlap", lambda *_: 1 / 0)
        broken.setattr("agents.deduplicate.relations.passages", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            line.take(twin)
    assert not line.deduplicator.known(twin)
    event = line.take(twin)
    assert (event.relation.kind, event.relation.score) == ("copy", pytest.approx(9.4 - 0.4, abs=0.6))
