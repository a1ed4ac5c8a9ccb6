"""What the sample articles promise: a reader would say the same of each of them as the chain of the cores does."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from deploy import samples
from deploy.chain import Chain, Refusal
from schemas import EnrichedArticle, Entity, Story
from streams.archives import Archive, Bounds, FieldMap, Placing

EXPECTED = json.loads((Path(__file__).parent / "samples_expected.json").read_text("utf-8"))
FOUND = 0.6  # part of the listed names that is found: a tagger of F1 70 finds some 65 % of names that it never saw


def cases(kind: str, given: Iterable[Any]) -> list[Any]:
    """A test case for each; those in which the cores fall short of what a reader says are marked, with what is wrong.

    A mark that is no longer true fails the test, so that it is taken out of the list.
    """
    marked = []
    for each in given:
        name = each if isinstance(each, str) else each[0]
        reason = EXPECTED["falls_short"].get(f"{kind} {name}")
        marks = [pytest.mark.xfail(strict=True, reason=reason)] if reason else []
        marked.append(pytest.param(each, id=name, marks=marks))
    return marked


@dataclass
class Told:
    """What the chain made of all samples: the newest event of each article and story, by the articles' names."""

    articles: dict[str, EnrichedArticle] = field(default_factory=dict)
    stories: dict[str, Story] = field(default_factory=dict)
    refusals: list[Refusal] = field(default_factory=list)
    repeats: int = 0

    def story(self, name: str) -> str:
        story = self.articles[name].story
        assert story is not None, f"{name} is in no story"
        return story.id


@pytest.fixture(scope="module")
def told() -> Told:
    found = Told()
    placing = Placing(Bounds.parse(samples.SINCE, samples.UNTIL, UTC, datetime.now(UTC)))
    with samples.paths() as files, Archive(files, FieldMap({}), placing).sorted() as sorter:
        for outcome in Chain.shipped().run(sorter.records()):
            if isinstance(outcome, Refusal):
                found.refusals.append(outcome)
                continue
            found.repeats += not outcome
            for event in outcome:
                if isinstance(event, EnrichedArticle):
                    assert event.source_id
                    found.articles[event.source_id] = event
                elif isinstance(event, Story):
                    found.stories[event.id] = event
    return found


def records() -> list[dict[str, Any]]:
    with samples.paths(samples.ARTICLES) as (file,):
        return [json.loads(line) for line in file.read_bytes().splitlines()]


def test_there_are_at_least_seventy_articles_of_invented_outlets() -> None:
    found = records()
    assert len(found) >= 70
    assert {record["source"].rpartition(".")[2] for record in found} == {"example"}
    assert len({record["source"] for record in found}) >= 10


def test_every_name_in_the_expectations_is_a_sample(told: Told) -> None:
    named = {name for group in EXPECTED["together"] + EXPECTED["apart"] for name in group}
    named |= {*EXPECTED["alone"], *EXPECTED["relations"], *EXPECTED["languages"]}
    assert named - told.articles.keys() == set()


@pytest.mark.parametrize("group", cases("together", EXPECTED["together"]))
def test_tellings_of_one_event_are_one_story(told: Told, group: list[str]) -> None:
    assert {name: told.story(name) for name in group} == dict.fromkeys(group, told.story(group[0]))


@pytest.mark.parametrize("group", cases("apart", EXPECTED["apart"]))
def test_look_alikes_are_stories_of_their_own(told: Told, group: list[str]) -> None:
    assert [pair for pair in combinations(group, 2) if told.story(pair[0]) == told.story(pair[1])] == []


@pytest.mark.parametrize("name", cases("alone", EXPECTED["alone"]))
def test_what_nobody_else_tells_stays_alone(told: Told, name: str) -> None:
    assert told.stories[told.story(name)].articles == 1


def test_no_story_holds_articles_of_two_events(told: Told) -> None:
    event = {name: group[0] for group in EXPECTED["together"] for name in group} | {n: n for n in EXPECTED["alone"]}
    events: dict[str, set[str]] = {}
    for name in event:
        events.setdefault(told.story(name), set()).add(event[name])
    assert [found for found in events.values() if len(found) > 1] == []


@pytest.mark.parametrize("name", cases("relation", EXPECTED["relations"]))
def test_the_relation_is_the_one_a_reader_would_name(told: Told, name: str) -> None:
    relation = told.articles[name].relation
    assert relation is not None
    assert relation.kind in EXPECTED["relations"][name]


def test_the_language_of_each_is_known(told: Told) -> None:
    assert {name: told.articles[name].language for name in EXPECTED["languages"]} == EXPECTED["languages"]


def test_an_updated_article_keeps_its_id_and_counts_its_versions(told: Told) -> None:
    flood = told.articles["flood-1"]
    assert flood.revision == 2
    assert flood.title is not None
    assert "أحد عشر" in flood.title
    assert len(flood.lines) == 3


def test_what_was_sent_twice_in_any_order_of_fields_is_a_repeat(told: Told) -> None:
    assert told.repeats == 2


def test_a_cancelled_article_leaves_its_story_and_the_story_stays(told: Told) -> None:
    hoax = told.articles["hoax-1"]
    assert (hoax.status, hoax.body, hoax.relation) == ("canceled", None, None)
    story = told.stories[told.story("hoax-2")]
    assert [member.id for member in story.members] == [told.articles["hoax-2"].id]
    assert story.id == hoax.id


def test_a_withheld_article_is_in_no_story(told: Told) -> None:
    budget = told.articles["budget-1"]
    assert (budget.status, budget.relation, budget.story) == ("withheld", None, None)


def test_every_entity_points_at_its_text_as_sent(told: Told) -> None:
    entities = [(article, each) for article in told.articles.values() for each in article.entities]
    assert len(entities) > 300
    assert [
        each for article, each in entities if getattr(article, each.field)[each.start : each.end] != each.text
    ] == []


@pytest.mark.parametrize("mentions", EXPECTED["one_thing"], ids=lambda mentions: mentions[1][1])
def test_two_spellings_of_one_name_share_an_id(told: Told, mentions: list[list[str]]) -> None:
    ids = [{each.id for each in mentioned(told, name, text)} for name, text in mentions]
    assert ids[0] & ids[1], f"{mentions} are {ids}"


@pytest.mark.parametrize("label", cases("entities", EXPECTED["entities"]))
def test_most_of_the_names_that_a_reader_sees_are_found(told: Told, label: str) -> None:
    listed = EXPECTED["entities"][label]
    missed = [(name, text) for name, text in listed if label not in {e.label for e in mentioned(told, name, text)}]
    assert len(missed) <= (1 - FOUND) * len(listed), f"not found as {label}: {missed}"


@pytest.mark.parametrize("kind", cases("story", ["entities"]))
def test_a_story_lists_a_thing_once_however_it_is_spelled(told: Told, kind: str) -> None:
    for story in told.stories.values():
        ids = [thing.id for thing in getattr(story, kind)]
        assert len(ids) == len(set(ids))


def test_every_broken_record_is_refused_for_its_own_reason_and_no_other_is(told: Told) -> None:
    assert Counter(refusal.cause for refusal in told.refusals) == EXPECTED["refused"]
    assert {refusal.reason.partition(":")[0] for refusal in told.refusals} == set(samples.BROKEN)


def test_a_refusal_names_the_field_and_what_was_found(told: Told) -> None:
    reasons = {json.loads(each.value)["source_id"]: each.reason for each in told.refusals if b'"bad-' in each.value
               and each.cause in ("invalid", "undated") and each.value[:1] == b"{"}  # fmt: skip
    assert "title is 12" in reasons["bad-title"]
    assert '"1850-05-01T10:00:00Z"' in reasons["bad-1850"]
    assert "published_at" in reasons["bad-undated"]


def mentioned(told: Told, name: str, text: str) -> list[Entity]:
    """The mentions in that sample whose text is this one, be it with a prefix letter."""
    return [
        each for each in told.articles[name].entities if each.text.endswith(text) and len(each.text) <= len(text) + 2
    ]
