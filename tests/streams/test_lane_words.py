"""A lane that is another one is told by what the operator typed, and how far its stages are by their work."""

import pytest

from schemas import LAST, Lane, Progress
from streams.lanes import _differences
from streams.replay import _through

ENDS = {"normalize": {0: 50, 1: 50}, "tag": {0: 40, 1: 40}, "deduplicate": {0: 80}}


def a_lane(until: str = "2026-05-01T00:00:00Z", tag: str = "1", **inputs: str) -> Lane:
    return Lane(kind="replay", since=None, until=until, versions={"tag": tag}, inputs={"published_at": ""} | inputs)


@pytest.mark.parametrize(
    ("lane", "said"),
    [
        (a_lane(map="body=content"), "--map is body=text, not body=content"),
        (a_lane(map="body=text", published_at="2026-05-01"), "--published-at is not given, not 2026-05-01"),
        (a_lane(map="body=text", **{"file a.jsonl": "7 bytes"}), "file a.jsonl is not given, not 7 bytes"),
        (
            a_lane("2026-06-01T00:00:00Z", map="body=text"),
            "--to is 2026-05-01T00:00:00Z, not 2026-06-01T00:00:00Z",
        ),
        (a_lane(tag="2", map="body=text"), "version of tag is 1, not 2"),
    ],
    ids=["map", "date", "file", "bounds", "version"],
)
def test_another_lane_is_told_in_the_words_of_the_command(lane: Lane, said: str) -> None:
    assert _differences(a_lane(map="body=text"), lane) == said


def test_the_work_of_each_stage_is_a_third_of_what_is_done() -> None:
    behind = {"normalize": 0, "tag": 80, "deduplicate": 80}
    assert _through(ENDS, behind, None) == pytest.approx(1 / 3)
    behind["tag"] = 40
    assert _through(ENDS, behind, None) == pytest.approx(1 / 2)
    decided = Progress(line=9, raw={"0": 49}, passed="1")
    assert _through(ENDS, behind | {"tag": 0}, decided) == pytest.approx(5 / 6)
    assert _through(ENDS, behind, Progress(line=9, raw={}, passed=LAST)) == 1.0
