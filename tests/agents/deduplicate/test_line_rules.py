"""The rules of the line, one by one, on small examples."""

from types import SimpleNamespace

import pytest

from agents.deduplicate.line import Entry, Line
from schemas import FIRST, LAST, Progress, Refused


class Everything:
    """A core to which an article is a name: known once it was decided; `bug` fails."""

    def __init__(self, known=()):
        self.names = set(known)

    def known(self, article):
        return article.name in self.names

    def decide(self, article, line):
        if self.known(article):
            return []
        if article.name == "bug":
            raise ZeroDivisionError
        self.names.add(article.name)
        return [f"{line}:{article.name}"]


@pytest.fixture(autouse=True)
def articles(monkeypatch):
    monkeypatch.setattr("agents.deduplicate.line.TaggedArticle", SimpleNamespace)


def article(offset, partition, raw, name, place=""):
    return Entry(offset, (partition, raw), place, SimpleNamespace(name=name), None)


def mark(offset, partition, raw, place):
    return Entry(offset, (partition, raw), place, None, None)


def live(progress=None, known=()):
    return Line(Everything(known), kind="live", partitions=2, progress=progress)


def replay(progress=None, known=()):
    return Line(Everything(known), kind="replay", partitions=2, progress=progress)


def names(taken):
    return [event for _, _, events in taken.decided for event in events]


def test_a_live_line_decides_in_the_order_of_the_log_and_numbers_by_offset():
    taken = live().take([article(3, 0, 0, "a"), article(4, 1, 0, "b"), article(7, 0, 1, "c")])
    assert names(taken) == ["3:a", "4:b", "7:c"]
    assert taken.progress == Progress(line=7, raw={"0": 1, "1": 0}, passed=FIRST)
    assert taken.acknowledged == 8


def test_a_raw_position_is_taken_once_also_after_a_restart():
    line = live()
    line.take([article(0, 0, 0, "a"), article(1, 0, 1, "bug")])
    assert names(line.take([article(2, 0, 0, "other bytes")])) == []
    again = live(Progress(line=0, raw={"0": 1}, passed=FIRST), known={"a"})
    taken = again.take([article(1, 0, 1, "bug"), article(2, 0, 2, "c")])
    assert (names(taken), taken.failed) == (["2:c"], [])


def test_a_replay_line_waits_for_marks_from_every_partition_and_decides_by_place():
    line = replay()
    assert names(line.take([article(0, 0, 0, "late", "20"), article(1, 1, 0, "early", "10")])) == []
    assert names(line.take([mark(2, 0, 1, "30")])) == []
    taken = line.take([mark(3, 1, 1, "15")])
    assert names(taken) == ["0:early"]
    assert (taken.progress.passed, taken.acknowledged, line.held) == ("15", 0, 1)
    assert names(line.take([mark(4, 1, 2, LAST)])) == ["1:late"]


def test_what_is_held_articles_and_marks_alike_is_not_acknowledged():
    line = replay()
    assert line.take([mark(0, 0, 0, LAST)]).acknowledged == 0
    assert line.take([article(1, 1, 0, "a", "10")]).acknowledged == 0
    assert line.take([mark(2, 1, 1, LAST)]).acknowledged == 3


def test_an_idle_partition_s_end_mark_comes_again_after_a_restart():
    line = replay()
    taken = line.take([mark(0, 0, 0, LAST), mark(1, 1, 0, "05"), article(2, 1, 1, "a", "10")])
    again = replay(taken.progress)
    rest = [mark(0, 0, 0, LAST), mark(1, 1, 0, "05"), article(2, 1, 1, "a", "10"), mark(3, 1, 2, LAST)]
    assert names(again.take(rest[taken.acknowledged :])) == ["0:a"]


def test_the_highest_mark_of_a_partition_counts():
    line = replay()
    line.take([mark(0, 0, 0, "30"), mark(1, 0, 1, "10"), article(2, 0, 2, "a", "25")])
    assert names(line.take([mark(3, 1, 0, "30")])) == ["0:a"]


def test_equal_places_are_one_article():
    line = replay()
    line.take([article(0, 0, 0, "a", "10"), article(1, 1, 0, "a", "10")])
    assert line.held == 1


@pytest.mark.parametrize(("name", "causes"), [("known", []), ("unknown", ["late"])])
def test_what_comes_below_a_place_that_was_passed_is_a_repeat_or_late(name, causes):
    line = replay(Progress(line=5, raw={}, passed="50"), known={"known"})
    taken = line.take([article(9, 0, 3, name, "40")])
    assert [error.cause for _, error in taken.failed] == causes
    assert names(taken) == []


def test_what_was_refused_before_a_restart_is_not_refused_again():
    line = replay()
    taken = line.take([article(0, 0, 0, "bug", "10"), article(1, 0, 1, "b", "20"), mark(2, 0, 2, "15"),
                       mark(3, 1, 0, "15")])  # fmt: skip
    assert [type(error) for _, error in taken.failed] == [ZeroDivisionError]
    again = replay(taken.progress)
    rest = again.take([article(0, 0, 0, "bug", "10"), article(1, 0, 1, "b", "20")])
    assert (rest.failed, rest.progress) == ([], None)
    assert again.held == 1


def test_decisions_are_numbered_and_repeats_are_not():
    line = replay()
    entries = [article(0, 0, 0, "a", "10"), article(1, 0, 1, "a", "11"), article(2, 0, 2, "b", "12")]
    taken = line.take([*entries, mark(3, 0, 3, "20"), mark(4, 1, 0, "20")])
    assert names(taken) == ["0:a", "1:b"]
    assert taken.outcomes == {"out": 2, "repeat": 1, "mark": 2}


def test_an_unreadable_record_is_refused_once():
    unreadable = Entry(0, (0, 0), "10", Refused("not JSON", cause="not-json"), None)
    taken = replay().take([unreadable])
    assert [error.cause for _, error in taken.failed] == ["not-json"]
    assert replay(taken.progress).take([unreadable]).failed == []


def test_nothing_is_written_where_nothing_changed():
    line = live(Progress(line=4, raw={"0": 9}, passed=FIRST), known={"a"})
    taken = line.take([article(5, 0, 10, "a")])
    assert (taken.progress, taken.acknowledged) == (None, 6)


def test_a_process_without_memory_left_does_not_blame_the_record():
    core = Everything()
    core.decide = lambda article, line: (_ for _ in ()).throw(MemoryError)
    with pytest.raises(MemoryError):
        Line(core, kind="live", partitions=1, progress=None).take([article(0, 0, 0, "a")])


def test_an_article_of_a_partition_whose_marks_nobody_waits_for_ends_the_line_undecided():
    line = replay()
    with pytest.raises(LookupError, match="raw partition 2 was added"):
        line.take([article(0, 2, 0, "a", "p1")])
