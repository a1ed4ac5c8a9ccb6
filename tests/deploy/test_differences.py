"""Two runs compared: what counts as a difference, where it is counted, and which examples are given."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from deploy.differences import Change, _Said, compare


def said(**more: Any) -> _Said:
    whole = {"title": "جسر", "text": "v1", "status": "usable", "entities": (2, 7), "relation": "new", "story": "s1"}
    return _Said(**(whole | more))


RUNS = st.dictionaries(
    st.sampled_from("abcdef"),
    st.builds(
        said, text=st.sampled_from("vw"), story=st.sampled_from(["s1", "s2", ""]), relation=st.sampled_from("xy")
    ),
)


@given(RUNS)
def test_a_run_differs_in_nothing_from_itself(run: dict[str, _Said]) -> None:
    found = compare(run, run)
    assert not found
    assert found.same_articles == len(run)
    assert found.same_stories == len({each.story for each in run.values()} - {""})


@given(RUNS, RUNS)
def test_the_other_way_round_the_same_things_differ(one: dict[str, _Said], other: dict[str, _Said]) -> None:
    there, back = compare(one, other), compare(other, one)
    assert (there.same_articles, there.same_stories) == (back.same_articles, back.same_stories)
    turned = {"first": "second", "second": "first"}
    for counts, others in ((there.articles, back.articles), (there.stories, back.stories)):
        assert {" ".join(turned.get(word, word) for word in kind.split()): n for kind, n in counts.items()} == others
    differing = {id for id in one.keys() | other.keys() if one.get(id) != other.get(id)}
    assert there.same_articles == len(one.keys() | other.keys()) - len(differing)
    assert bool(there) == (one != other)


def test_an_article_counts_in_everything_that_changed_about_it() -> None:
    one = {"a": said(), "b": said(), "c": said()}
    other = {"a": said(text="v2", entities=(3, 9)), "b": said(entities=(2, 8)), "d": said()}
    found = compare(one, other)
    assert found.articles == {"other text": 1, "other entities": 2, "only in the first": 1, "only in the second": 1}
    assert found.examples["other entities"] == [
        Change("a", "جسر", "2 mentions", "3 mentions"),
        Change("b", "جسر", "2 mentions", "2 mentions"),
    ]
    assert found.examples["only in the second"] == [Change("d", "جسر", "", "usable, story s1")]


def test_a_story_is_compared_by_its_members() -> None:
    one = {"a": said(story="a"), "b": said(story="a", relation="copy a"), "c": said(story="c")}
    other = {"a": said(story="a"), "b": said(story="b"), "c": said(story="c")}
    found = compare(one, other)
    assert found.same_stories == 1
    assert found.stories == {"stories other members": 1, "stories only in the second": 1}
    assert found.examples["stories other members"] == [
        Change("a", "جسر", "2 articles, 1 of them not there: b", "1 articles")
    ]
    assert found.articles == {"other relation": 1, "other story": 1}


def test_examples_are_few_and_counts_whole() -> None:
    found = compare({str(n): said() for n in range(50)}, {})
    assert found.articles["only in the first"] == 50
    assert len(found.examples["only in the first"]) == 5
    (story,) = found.examples["stories only in the first"]
    assert story.before.startswith("50 articles, 50 of them not there: 0, 1, 10, 11, 12, …")
