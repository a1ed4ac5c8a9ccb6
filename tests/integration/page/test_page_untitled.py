"""An article without a title: the first words of its text stand where a headline would, and say that they are none."""

from typing import Any

import pytest
from playwright.async_api import expect

from schemas import Alert

pytestmark = [pytest.mark.kafka, pytest.mark.asyncio(loop_scope="session")]

BODY = (
    "<p>وصلت إلى مرفأ النوارس</p> فجر اليوم سفينة محملة بثلاثة آلاف طن من القمح، هي الأولى منذ أن أعيد تشغيل "
    "الصوامع في مطلع الشهر، وقال مدير المرفأ إن تفريغها يستغرق أربعة أيام."
)
WORDS = (
    "وصلت إلى مرفأ النوارس فجر اليوم سفينة محملة بثلاثة آلاف طن من القمح، هي الأولى منذ أن "
    "أعيد تشغيل الصوامع في مطلع الشهر…"
)


async def test_first_words_stand_for_a_headline_wherever_one_shows(desk: Any, open_page: Any) -> None:
    story = await desk.publish("nawaris.example", None, BODY)
    page = await open_page("?lang=en", permissions=["clipboard-read", "clipboard-write"])
    card = page.locator(f'.card[data-id="{story}"]')
    await expect(card.locator(".headline")).to_have_text(WORDS)
    assert [await card.locator(".headline").get_attribute(name) for name in ("lang", "dir")] == ["ar", "rtl"]
    await expect(card.locator(".flag.none")).to_have_text("Untitled")

    await card.locator("a").click()
    title = page.locator("#story-title")
    await expect(title).to_have_text(WORDS)
    assert await title.get_attribute("dir") == "rtl"
    await expect(page.locator("#story .head .kind")).to_have_text("Untitled")
    await expect(page.locator("#story .member .said")).to_have_text(WORDS)
    await expect(page.locator("#story .member .kind").last).to_have_text("Untitled")

    await page.get_by_role("button", name="Copy story").click()
    await expect(page.locator("#toast")).to_contain_text("Copied")
    copied: str = await page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith(f"Untitled: \u2068{WORDS}\u2069\n")
    await page.get_by_role("button", name="These are not one story").click()
    await expect(page.locator("dialog .choose label")).to_contain_text(WORDS)


async def test_an_alert_of_it_is_marked_too(desk: Any, open_page: Any) -> None:
    story = await desk.publish("nawaris.example", None, BODY.replace("القمح", "الشعير"))
    member = desk.stories[story].members[0]
    alert = Alert(
        id=f"untitled-{story}", rule="المرفأ", kind="words", text="المرفأ: وصلت", breaking=False, burst=False,
        story=story, article=member.id, headline="وصلت إلى مرفأ النوارس فجر اليوم", source=member.source, sources=1,
        at=member.seen_at, line=desk.stories[story].line,
    )  # fmt: skip
    await desk.write([alert])
    page = await open_page()
    row = page.locator("#alerts li", has_text="المرفأ ·")
    await expect(row.locator(".line.untitled")).to_have_text("وصلت إلى مرفأ النوارس فجر اليوم")
    await expect(row.locator(".flag.none")).to_have_text("بلا عنوان")
