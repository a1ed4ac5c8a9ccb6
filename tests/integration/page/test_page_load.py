"""A hundred events a second: the page keeps up, and a reader does not notice."""

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime
from statistics import median
from typing import Any

import orjson
import pytest
from playwright.async_api import Browser

from schemas import Story, to_rfc3339
from streams import lanes
from streams.settings import Settings

pytestmark = [pytest.mark.kafka, pytest.mark.asyncio(loop_scope="session")]

RATE = 100  # events a second
SECONDS = 6


def grown(stories: list[Story], number: int) -> Story:
    """Every other event is a story of its own, the others add an article to one of the last hundred."""
    now = to_rfc3339(int(datetime.now(UTC).timestamp()) * 1_000_000)
    line = 1_000_000 + number
    if number % 2 or len(stories) < 10:
        made = replace(
            stories[number % len(stories)], id=f"{line:032x}", first_seen_at=now, last_seen_at=now, line=line
        )
        stories.append(made)
        return made
    at = max(0, len(stories) - 1 - number * 7 % 100)
    story = stories[at]
    member = replace(story.members[-1], id=f"{line:032x}", source=f"outlet{number % 40}.example", seen_at=now)
    members = [*story.members, member]
    stories[at] = replace(story, members=members, articles=len(members), last_seen_at=now, line=line)
    return stories[at]


async def test_at_a_hundred_events_a_second_no_batch_holds_the_reader_up(
    desk: Any, settings: Settings, browser: Browser, open_page: Any
) -> None:
    """Script in the middle of all batches at most 8 ms; no task of more than 50 ms of the main thread's own time.

    Time of the thread, since this machine may be busy with other things; by the clock a task takes longer then.
    """
    lane = settings.on(f"{settings.lane}-load")  # its numbers of the line are none that come after the samples'
    await lanes.create(lane, lanes.LIVE)
    samples = [each for each in desk.stories.values() if each.articles]
    desk = desk.elsewhere(lane)
    await desk.write(samples)
    page = await open_page(f"?lane={lane.lane}")
    await page.evaluate("performance.clearMeasures()")
    await browser.start_tracing(page=page, categories=["toplevel", "disabled-by-default-devtools.timeline"])
    begun = time.monotonic()
    for number in range(RATE * SECONDS):
        await asyncio.sleep(max(0.0, begun + number / RATE - time.monotonic()))
        await desk.write([grown(samples, number)])
    await page.wait_for_selector(f'.card[data-id="{samples[-1].id}"]', state="attached")
    trace = orjson.loads(await browser.stop_tracing())
    batches = await page.evaluate(
        "performance.getEntriesByName('khabar-batch').map(each => [each.duration, each.detail])"
    )
    assert sum(events for _, events in batches) >= RATE * SECONDS
    assert median(script for script, _ in batches) <= 8.0
    assert longest_task(trace) <= 50.0


def longest_task(trace: dict[str, Any]) -> float:
    """Milliseconds of CPU of the longest task of the page's main thread."""
    events = trace["traceEvents"]
    threads = [
        (each["pid"], each["tid"])
        for each in events
        if each["name"] == "thread_name" and each["args"]["name"] == "CrRendererMain"
    ]
    busy = dict.fromkeys(threads, 0.0)
    tasks: dict[tuple[int, int], list[float]] = {thread: [] for thread in threads}
    for each in events:
        thread = (each["pid"], each["tid"])
        if thread in busy and each["name"].endswith("RunTask") and "tdur" in each:
            busy[thread] += each["tdur"]
            tasks[thread].append(each["tdur"])
    page = max(busy, key=lambda thread: busy[thread])  # the page that was worked in
    assert tasks[page]
    return max(tasks[page]) / 1000
