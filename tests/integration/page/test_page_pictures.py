"""The pictures of the README, taken of the samples; look at them. `KHABAR_PICTURES` names the folder they go to."""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from streams.settings import Settings

pytestmark = [pytest.mark.kafka, pytest.mark.full, pytest.mark.asyncio(loop_scope="session")]

STORY = "فولكوف: موسكو وواشنطن"
LARGEST = 300_000  # bytes: the README is read over a phone, too
PHONE: dict[str, Any] = {"width": 390, "height": 844, "device_scale_factor": 2}
WALL: dict[str, Any] = {"width": 1600, "height": 900, "color_scheme": "dark"}


PICTURES: list[tuple[str, str, dict[str, Any], bool]] = [
    ("desktop-ar", "", {}, False),
    ("desktop-en", "?lang=en", {"color_scheme": "dark"}, False),
    ("phone-ar", "?several=1", PHONE, False),
    ("phone-en", "?lang=en&several=1", PHONE, True),
    ("wall-ar", "?wall=1&several=1", WALL, False),
    ("story-ar", "?several=1", {"height": 1000}, True),
    ("compare-ar", "?several=1", {"width": 1280, "height": 860}, True),
]


async def test_pictures(
    open_page: Any,
    settings: Settings,
    tmp_path: Path,
    workers: Callable[[Settings], AbstractContextManager[None]],
) -> None:
    folder = Path(os.environ.get("KHABAR_PICTURES", tmp_path))
    with workers(Settings(broker=settings.broker, lane=settings.lane, tagger="off", metrics_port=0)):
        page = await open_page()
        await page.wait_for_selector("#health tbody tr:not(.bad)", timeout=60_000)
        await page.wait_for_timeout(15_000)  # until all stages have begun, and were seen to
        for name, query, shape, story in PICTURES:
            page = await open_page(query, **shape)
            await page.wait_for_selector("#health tbody tr", state="attached")
            if story:
                await page.locator(".card a", has_text=STORY).click()
                await page.wait_for_selector("#story .members")
                await page.evaluate("window.scrollTo(0, 0)")
            if name.startswith("compare"):
                await page.locator(".compare").evaluate("node => node.scrollIntoView()")
            await page.mouse.move(0, 0)
            await page.wait_for_timeout(1200)  # alerts and trends have been asked for, and fonts are there
            await page.screenshot(path=folder / f"{name}.png")
            assert (folder / f"{name}.png").stat().st_size < LARGEST
