"""Deciding half, restoring from what was emitted and deciding the rest is deciding all; and what memory keeps."""

import random
import statistics
import subprocess
import sys
import time
from dataclasses import replace

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.deduplicate import Deduplicator, window
from schemas import Refused, to_rfc3339

SENTENCES = [
    "أعلن المجلس البلدي في مدينة الواحة بدء توسعة الطريق الساحلي بكلفة 80 مليونا",
    "وقال رئيس المجلس فهد الراسي إن العمل يستمر عشرين شهرا على ثلاث مراحل متتابعة",
    "وانتقد صيادون في ميناء الزهراء المشروع لأنه يقطع عنهم مرسى القوارب القديم",
    "وتعهدت الشركة المنفذة بإنشاء مرسى بديل قبل نهاية الخريف وتعويض المتضررين",
    "فاز فريق النخيل على ضيفه الساحل بهدفين مقابل هدف في افتتاح دوري المناطق",
    "وسجل المهاجم رائد الكندي هدفي الفوز في الشوط الثاني أمام سبعة آلاف متفرج",
    "حذر مركز الأرصاد من رياح مثيرة للغبار على السهول الشرقية يومي الاثنين والثلاثاء",
    "ودعا المركز السائقين إلى خفض السرعة وتجنب السفر ليلا إلا للضرورة القصوى",
]
BASE = 1_777_000_000_000_000
HOUR = 3_600_000_000
PEOPLE = ("فهد الراسي", "رائد الكندي")

STEP = st.tuples(
    st.integers(0, 9),  # id
    st.lists(st.integers(0, 7), min_size=1, max_size=5),  # sentences
    st.integers(-90, 90),  # hours by which the date is off
    st.sampled_from(["usable", "usable", "usable", "usable", "withheld", "canceled"]),
    st.integers(-5, 40),  # hours since the record before
)


def records(steps, article):
    seen = BASE
    for number, chosen, off, status, later in steps:
        seen += later * HOUR
        text = None if status == "canceled" else ". ".join(SENTENCES[each] for each in chosen)
        source = f"s{number % 3}.example"
        at = to_rfc3339(seen + off * HOUR)
        yield article(number, text, source=source, at=at, seen=to_rfc3339(seen), status=status, people=PEOPLE)


def decide(line, articles):
    for each in articles:
        try:
            line.take(each)
        except Refused:
            line.events.append([])
    return line


def restored(line, article_log=None):
    fresh = Deduplicator.shipped()
    fresh.restore(list(line.enriched.values()), line.log if article_log is None else article_log)
    return fresh


@settings(max_examples=60)
@given(st.lists(STEP, min_size=2, max_size=30), st.data())
def test_restored_at_any_point_it_decides_the_rest_the_same(new_line, article, steps, data):
    articles = list(records(steps, article))
    whole = decide(new_line(), articles)
    cut = data.draw(st.integers(0, len(articles)))
    half = decide(new_line(), articles[:cut])
    half.deduplicator = restored(half)
    decide(half, articles[cut:])
    assert orjson.dumps(half.events) == orjson.dumps(whole.events)


@settings(max_examples=30)
@given(st.lists(STEP, min_size=2, max_size=30))
def test_the_log_of_the_window_is_enough_to_restore(new_line, article, steps):
    articles = list(records(steps, article))
    cut = len(articles) * 2 // 3
    half = decide(new_line(), articles[:cut])
    clocks, clock = [], ""
    for _, each in half.log:
        clock = max(clock, each.seen_at)
        clocks.append(clock)
    since = to_rfc3339(max(half.deduplicator._window.clock_us, 0) - window.WINDOW_US)
    recent = [entry for entry, at in zip(half.log, clocks, strict=True) if at >= since]
    other = restored(half, recent)
    whole = decide(new_line(), articles)
    half.deduplicator = other
    decide(half, articles[cut:])
    assert orjson.dumps(half.events) == orjson.dumps(whole.events)


@settings(max_examples=30)
@given(st.lists(STEP, min_size=1, max_size=20))
def test_every_record_given_again_is_a_repeat(new_line, article, steps):
    line = new_line()
    for each in records(steps, article):
        try:
            line.take(each)
        except Refused:
            continue
        assert line.deduplicator.known(each)
        assert line.take(each) is None


@settings(max_examples=30)
@given(st.lists(STEP, min_size=1, max_size=20))
def test_a_story_is_a_function_of_its_members_decisions(new_line, article, steps):
    line = decide(new_line(), records(steps, article))
    for story in line.stories.values():
        members = [
            each
            for each in line.enriched.values()
            if each.status == "usable" and each.story is not None and each.story.id == story.id
        ]
        members.sort(key=lambda each: each.lines[0].line)
        last = [each for each in line.enriched.values() if each.story is not None and each.story.id == story.id]
        assert max(each.lines[-1].line for each in last) == story.line
        assert [each.id for each in story.members] == [each.id for each in members]
        assert story.articles == len(members)
        own = {each.source for each in members if each.relation.kind in ("new", "same-story")}
        assert story.distinct_texts == len(own)


def test_memory_keeps_the_window_and_no_more(line, article):
    for day in range(1, 25):
        line.take(article(day, SENTENCES[day % 8], at=f"2026-05-{day:02}T00:00:00Z"))
    held = line.deduplicator._window
    assert len(held) == 4
    assert sum(map(len, (held._exact, held._newest, held._stories))) <= 12


def test_a_flood_of_like_articles_costs_no_more_than_its_bounds(line, article):
    random_ = random.Random(7)
    for number in range(600):
        chosen = random_.sample(SENTENCES[:5], 4)
        line.take(article(number, ". ".join(chosen) + f". {number}", at=to_rfc3339(BASE + number * 1_000_000)))
    held = line.deduplicator._window
    longest = max(len(each) for each in held._terms.values() if not isinstance(each, int))
    assert longest == window.POSTINGS
    last = line.log[-1][1]
    print_ = held._live[line.line].print
    assert len(held.find("another", print_, BASE, held.clock_us)) <= 2 * window.CANDIDATES
    assert line.enriched[last.id].story.id == line.log[0][1].id


@pytest.mark.parametrize(
    "count", [pytest.param(1500, id="1500"), pytest.param(10_000, id="10000", marks=pytest.mark.full)]
)
def test_the_last_of_a_flood_costs_what_the_first_did(article, count):
    texts = [article(each, f"{'. '.join(SENTENCES[:5])}. {each}", people=PEOPLE) for each in range(20)]
    deduplicator = Deduplicator.shipped()
    times = []
    for number in range(count):
        again = replace(texts[number % 20], id=f"{number:016x}", seen_at=to_rfc3339(BASE + number * 1_000_000))
        begun = time.process_time()
        events = deduplicator.decide(again, number)
        times.append(time.process_time() - begun)
    assert events[1].articles == count
    # From the 300th on a story lists its two hundred members and every key has its postings.
    assert statistics.median(times[-200:]) < 2 * statistics.median(times[300:500])


SCRIPT = """
import sys, orjson
sys.path.insert(0, {folder!r})
import conftest
line = conftest.Line()
texts = {texts!r}
for number in range(24):
    chosen = [texts[(number * k) % 8] for k in (1, 3, 5)]
    line.take(conftest.build(number % 20, ". ".join(chosen), people={people!r}, source=f"s{{number % 4}}.example"))
sys.stdout.buffer.write(orjson.dumps(line.events))
"""


@pytest.mark.parametrize("seeds", [("0", "1"), ("1", "4242")])
def test_the_bytes_do_not_depend_on_the_hash_seed_of_the_process(seeds, request):
    folder = str(request.path.parent)
    script = SCRIPT.format(folder=folder, texts=SENTENCES, people=PEOPLE)
    outputs = {
        subprocess.run(
            [sys.executable, "-c", script], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in seeds
    }
    assert len(outputs) == 1
    assert next(iter(outputs)).startswith(b"[[{")
