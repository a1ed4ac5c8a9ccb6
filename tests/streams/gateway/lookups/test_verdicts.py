"""A verdict is of a story that there is, and of its articles; that it arrives is tested on a real Kafka."""

from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import orjson
import pytest

from schemas import Event, Story

STORY = "51d0" * 8
Give = Callable[..., Awaitable[Any]]


@pytest.fixture
def give(served: str, client: aiohttp.ClientSession) -> Give:
    """`await give(422, {…})`: the problem that a body is answered with."""

    async def give(status: int, body: Any, kind: str = "application/json", **parameters: str) -> Any:
        sent = body if isinstance(body, bytes) else orjson.dumps(body)
        headers = {"Content-Type": kind}
        async with client.post(f"{served}/v1/feedback", data=sent, headers=headers, params=parameters) as answer:
            assert answer.status == status, await answer.text()
            return await answer.json(content_type="application/problem+json")

    return give


def pointers(problem: Any) -> list[str]:
    return [each["pointer"] for each in problem["errors"]]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"story": STORY, "verdict": "boring"}, "#/verdict"),
        ({"verdict": "not-one-story"}, "#"),
        ({"story": STORY, "verdict": "not-one-story", "articles": [7]}, "#/articles/0"),
        ({"story": STORY, "verdict": "not-one-story", "note": "x" * 2001}, "#/note"),
        ({"story": STORY, "verdict": "not-one-story", "votes": 9}, "#"),
    ],
)
async def test_what_is_no_verdict_is_told_so(give: Give, body: dict[str, Any], pointer: str) -> None:
    assert pointers(await give(422, body)) == [pointer]


async def test_what_is_no_json_is_told_apart_from_what_is_no_verdict(give: Give) -> None:
    await give(400, b'{"story": ')


async def test_a_form_of_another_page_is_no_verdict(give: Give) -> None:
    """A browser sends text/plain anywhere without asking; JSON it sends only to where it may."""
    await give(415, b'{"story": "x", "verdict": "not-one-story"}', kind="text/plain")


async def test_a_story_that_the_lane_does_not_know_has_no_verdict(give: Give) -> None:
    problem = await give(404, {"story": STORY, "verdict": "not-one-story"})
    assert problem["detail"] == f"there is no story '{STORY}' in this lane, or it is older than what is kept"


async def test_articles_that_are_not_of_the_story_are_named(give: Give, line: list[Event]) -> None:
    stories = {each.id: each for each in line if isinstance(each, Story) and each.articles}
    one, other = list(stories.values())[:2]
    articles = [one.members[0].id, other.members[0].id, "nobody"]
    problem = await give(422, {"story": one.id, "verdict": "not-one-story", "articles": articles})
    assert pointers(problem) == ["#/articles/1", "#/articles/2"]


async def test_a_parameter_that_means_nothing_is_named(give: Give) -> None:
    problem = await give(400, {"story": STORY, "verdict": "not-one-story"}, stroy=STORY)
    assert problem["errors"][0]["parameter"] == "stroy"
