"""The chain of the three cores: what comes of each record, and that one bad record harms itself only."""

from collections.abc import Iterator, Sequence
from typing import Any

import orjson
import pytest

from agents.deduplicate import Deduplicator
from agents.normalize import Normalizer
from agents.tag import Tagger
from deploy import chain
from deploy.chain import Chain, Refusal
from schemas import EnrichedArticle, Event, NormalizedArticle, Story, TaggedArticle, from_rfc3339, place_of
from streams.archives import Placed, Unplaced

FERRY = (
    "أعلنت هيئة الموانئ في مدينة المرفأ اليوم استئناف رحلات العبّارة بين الضفتين بعد توقف دام ثلاثة أسابيع، "
    "وقال مدير الهيئة سامي الدالي إن أعمال الصيانة شملت المحركات والأرصفة، "
    "وإن أولى الرحلات تنطلق صباح الخميس بطاقة أربعمئة راكب."
)


@pytest.fixture
def cores() -> Chain:
    return Chain(Normalizer.shipped(), Tagger.off(), Deduplicator.shipped())


def record(number: int, **fields: Any) -> Placed:
    published_at = f"2026-05-01T{number:02}:00:00Z"
    given = {"source": "منبر الساحل", "source_id": str(number), "published_at": published_at} | fields
    value = orjson.dumps(given)
    canceled = given.get("status") == "canceled"
    return Placed(place_of(from_rfc3339(published_at), canceled=canceled, value=value), f"a.jsonl:{number}", value)


def events(results: Iterator[list[Event] | Refusal]) -> list[list[Event]]:
    found = list(results)
    assert all(isinstance(each, list) for each in found), found
    return [each for each in found if isinstance(each, list)]


def test_each_decision_gives_the_article_and_then_its_story_with_the_number_of_the_decision(cores: Chain) -> None:
    first, again, copy = events(cores.run([record(1, body=FERRY), record(1, body=FERRY), record(3, body=FERRY)]))
    assert again == []  # a repeat takes no number
    assert [type(each) for each in first] == [EnrichedArticle, Story]
    article, story = copy
    assert isinstance(article, EnrichedArticle)
    assert isinstance(story, Story)
    assert (article.lines[-1].line, story.line) == (1, 1)
    assert article.relation is not None
    assert article.relation.kind == "copy"
    assert article.seen_at == "2026-05-01T03:00:00Z"


def test_a_record_that_is_refused_says_where_and_the_next_is_untouched(cores: Chain) -> None:
    empty, good = cores.run([record(1), record(2, body=FERRY)])
    assert isinstance(empty, Refusal)
    assert (empty.stage, empty.cause, empty.trace) == ("normalize", "empty", None)
    assert empty.reason.startswith("a.jsonl:1: ")
    assert isinstance(good, list)


def test_a_record_without_a_place_is_refused_as_it_was_read(cores: Chain) -> None:
    (refusal,) = cores.run([Unplaced("not-json", "a.jsonl:9: the line is not JSON: x", b"{")])
    assert refusal == Refusal("normalize", "not-json", "a.jsonl:9: the line is not JSON: x", b"{")


def test_a_bug_in_a_core_harms_the_record_alone() -> None:
    class Failing(Tagger):
        def tag_all(self, articles: Sequence[NormalizedArticle]) -> list[TaggedArticle]:
            if any(each.source_id == "2" for each in articles):
                raise ZeroDivisionError("ho")
            return Tagger.off().tag_all(articles)

    failing = Failing.__new__(Failing)
    cores = Chain(Normalizer.shipped(), failing, Deduplicator.shipped())
    before, bug, after = cores.run([record(each, body=FERRY) for each in (1, 2, 3)])
    assert isinstance(bug, Refusal)
    assert (bug.stage, bug.cause) == ("tag", "bug")
    assert bug.reason == "a.jsonl:2: ZeroDivisionError: ho"
    assert "Traceback" in (bug.trace or "")
    assert isinstance(before, list)
    assert isinstance(after, list)
    assert isinstance(after[0], EnrichedArticle)
    assert after[0].lines[-1].line == 1  # a bug takes no number


def test_an_event_too_large_for_its_topic_is_refused(cores: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    large = record(1, body=FERRY, extra={"x": "y" * 3000})
    monkeypatch.setattr(chain, "_LARGE", 1000)

    class Small:
        largest = 2000

    monkeypatch.setattr(chain, "by_name", lambda _: Small)
    (refusal,) = cores.run([large])
    assert isinstance(refusal, Refusal)
    assert (refusal.stage, refusal.cause) == ("normalize", "too-large")
    assert "articles.normalized would be" in refusal.reason


def test_the_versions_are_those_of_the_cores(cores: Chain) -> None:
    assert cores.versions == {
        "normalize": Normalizer.shipped().version,
        "tag": "off",
        "deduplicate": Deduplicator.shipped().version,
    }
