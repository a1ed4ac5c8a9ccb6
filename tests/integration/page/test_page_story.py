"""An opened story: who told it, in whose words, what two texts share, and what a reader may do with it."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from playwright.async_api import Page, expect

from schemas import Feedback
from streams.read import newest
from streams.settings import Settings

pytestmark = [pytest.mark.kafka, pytest.mark.asyncio(loop_scope="session")]

VOLKOV = "فولكوف: موسكو وواشنطن متفقتان على إعادة تشغيل محطة المياه في ريف الحسكة"
RATES = "المركزي الأردني يبقي سعر الفائدة عند 5.75 في المئة"


async def opened(open_page: Any, headline: str, query: str = "?several=1", **options: Any) -> Page:
    page: Page = await open_page(query, **options)
    await page.locator(".card a", has_text=headline).click()
    await page.wait_for_selector("#story .members")
    return page


async def marked(page: Page, kind: str) -> list[str]:
    """The stretches of text that a highlight draws over."""
    found: list[str] = await page.evaluate(f"[...(CSS.highlights.get('{kind}') ?? [])].map(String)")
    return found


async def test_reprints_are_folded_under_what_they_reprint(open_page: Any) -> None:
    page = await opened(open_page, RATES)
    heads = page.locator("#story .members > ol > li")
    await expect(heads).to_have_count(2)  # the first report and the one in words of its own
    await expect(heads.first.locator("summary")).to_contain_text("4 إعادات نشر")
    await expect(heads.first.locator(".reprints .member").first).to_be_hidden()
    await heads.first.locator("summary").click()
    await expect(heads.first.locator(".reprints .member")).to_have_count(4)
    await expect(heads.first.locator(".reprints .kind.copy").first).to_have_text("نسخة مطابقة")


async def test_two_texts_stand_side_by_side_with_what_they_share_marked_in_both(open_page: Any) -> None:
    page = await opened(open_page, VOLKOV)
    passages = await marked(page, "shared")
    said = [each for each in passages if "العطش لا ينتظر السياسيين" in each]
    assert len(said) == 2, passages  # once in each of the two texts
    buttons = page.locator(".passages button")
    assert await buttons.count() * 2 == len(passages)
    await buttons.last.click()
    texts = page.locator(".side .text")
    assert await texts.first.evaluate("node => node.scrollTop") > 0
    await expect(page.locator(".remarks")).to_contain_text("ما يختلف")


async def test_another_pair_is_compared_where_one_asks_for_it(open_page: Any) -> None:
    page = await opened(open_page, VOLKOV)
    copy = page.locator("#story .member", has_text="الأفق")
    await page.locator("#story summary").first.click()
    await copy.get_by_role("button", name="قارن").click()
    await expect(page.locator(".side select").last.locator("option:checked")).to_contain_text("الأفق")
    assert any(len(each) > 400 for each in await marked(page, "shared"))  # a copy shares everything


async def test_a_mark_is_no_element_and_leaves_the_letters_of_a_word_joined(desk: Any, open_page: Any) -> None:
    title = "قافلة إغاثة تصل إلى ريف بسوريا"
    body = "قال المنسق 🚚 إن القافلة الأولى وصلت بسوريا صباح الاثنين، وإن دمشق سهلت عبورها نحو حلب."
    await desk.publish("qafila.example", title, body)
    page = await opened(open_page, title, "")
    await page.locator("#story .member").get_by_role("button", name="النص").click()
    field = page.locator("#story .text .field.body")
    await expect(field).to_have_text(body)
    assert await field.evaluate("node => node.childNodes.length === 1 && node.firstChild.nodeType === 3")
    names = await marked(page, "name")
    assert "دمشق" in names, names  # behind an emoji: code points, not UTF-16 units
    assert "سوريا" in names, names  # within بسوريا


async def test_a_name_leads_to_the_stories_that_name_it(open_page: Any) -> None:
    page = await opened(open_page, VOLKOV)
    await page.locator("#story .chip", has_text="الحسكة").first.click()
    await expect(page.locator("#story")).to_be_hidden()
    await expect(page).to_have_url(re.compile("entity="))
    await expect(page.locator("#chosen .chip")).to_contain_text("الحسكة")
    await expect(page.locator(".card").first).to_contain_text("الحسكة")


async def test_a_name_in_the_text_can_be_clicked(open_page: Any) -> None:
    page = await opened(open_page, VOLKOV)
    await page.locator("#story .member").first.get_by_role("button", name="النص").click()
    box = await page.evaluate(
        """() => { const range = [...CSS.highlights.get('name')].find(each => String(each) === 'جنيف');
             range.startContainer.parentElement.scrollIntoView({block: 'center'});
             const {x, y, width, height} = range.getBoundingClientRect(); return [x + width / 2, y + height / 2]; }"""
    )
    await page.mouse.click(*box)
    await expect(page.locator("#chosen .chip")).to_contain_text("جنيف")


async def test_first_published_by_its_own_date_and_first_seen_by_us_are_two_things(desk: Any, open_page: Any) -> None:
    title = "قارب صيد ينقذ سائحين قبالة الجزيرة"
    body = "أنقذ قارب صيد أربعة سائحين بعدما تعطل محركهم قبالة الجزيرة، ونقلهم البحارة إلى الميناء سالمين قبل الغروب."
    first = await desk.publish("shatee.example", title, body)
    at = datetime.now(UTC) - timedelta(hours=5)
    assert first == await desk.publish("bahri.example", title, body, published_at=f"{at:%Y-%m-%dT%H:%M}:00Z")
    page = await opened(open_page, title)
    await expect(page.locator(".firsts > div").first).to_contain_text("بتاريخ ناشره")
    await expect(page.locator(".firsts > div").first).to_contain_text("bahri.example عند")
    await expect(page.locator(".firsts > div").first).to_contain_text(f"{at + timedelta(hours=3):%H:%M}")  # in Damascus
    await expect(page.locator(".firsts > div").last).to_contain_text("shatee.example")


async def test_a_story_is_copied_as_text_with_its_links(open_page: Any) -> None:
    page = await opened(open_page, RATES, permissions=["clipboard-read", "clipboard-write"])
    await page.get_by_role("button", name="انسخ القصة").click()
    await expect(page.locator("#toast")).to_contain_text("نُسخت")
    text: str = await page.evaluate("navigator.clipboard.readText()")
    assert text.startswith(RATES)
    assert [line for line in text.splitlines() if line.startswith("https://najm-agency.example/")]
    assert text.count("https://") == 6


async def test_a_page_that_comes_by_plain_http_copies_too(open_page: Any) -> None:
    page = await opened(open_page, RATES)
    await page.evaluate(
        """Object.defineProperty(navigator, 'clipboard', {value: undefined});
           document.addEventListener('copy', () => { window.copied = document.activeElement.value; });"""
    )
    button = page.get_by_role("button", name="انسخ القصة")
    await button.click()
    await expect(page.locator("#toast")).to_contain_text("نُسخت")
    assert (await page.evaluate("window.copied")).startswith(RATES)
    await expect(button).to_be_focused()


async def test_that_these_are_not_one_story_is_written_down(open_page: Any, settings: Settings) -> None:
    page = await opened(open_page, RATES)
    await page.get_by_role("button", name="ليست قصة واحدة").click()
    box = page.locator("dialog .choose input").last
    await box.check()
    await page.fill("dialog textarea", "خبر آخر عن المصرف نفسه")
    await page.get_by_role("button", name="أرسل").click()
    await expect(page.locator("#toast")).to_contain_text("سُجّل رأيك")
    story = re.search(r"open=(\w+)", page.url)
    assert story is not None
    record = await newest(settings, Feedback, story[1].encode())
    assert record is not None
    said = orjson.loads(record.value or b"")
    assert said["verdict"] == "not-one-story"
    assert len(said["articles"]) == 1
    assert said["note"] == "خبر آخر عن المصرف نفسه"


async def test_a_story_that_is_taken_back_while_it_stands_open_says_so(desk: Any, open_page: Any) -> None:
    item = {"source": "murtajil.example", "url": "https://murtajil.example/1", "published_at": "2026-05-01T00:00:00Z"}
    told = {"title": "خبر يُسحب بعد قليل", "body": "نشرت الصحيفة هذا الخبر على عجل، ثم تبين لها أنه لم يقع فسحبته."}
    events = desk.decide([item | told])
    await desk.write(events)
    page = await open_page(f"?open={events[1].id}")
    await expect(page.locator("#story-title")).to_have_text(told["title"])
    await desk.write(desk.decide([item | {"status": "canceled"}]))
    await expect(page.locator("#story .note")).to_have_text("سُحبت أخبار هذه القصة")


async def test_a_story_that_the_filters_keep_out_of_the_list_can_be_read(desk: Any, open_page: Any) -> None:
    story = next(each for each in desk.stories.values() if each.headline == VOLKOV)
    page = await open_page(f"?source=arz-news.example&open={story.id}")
    await expect(page.locator("#story-title")).to_have_text(VOLKOV)
    await page.keyboard.press("p")
    await page.keyboard.press("p")  # draws the list anew
    await expect(page.locator(f'.card[data-id="{story.id}"]')).to_have_count(0)


async def test_a_link_opens_the_story_and_back_closes_it(open_page: Any) -> None:
    page = await opened(open_page, RATES)
    address = page.url
    await page.go_back()
    await expect(page.locator("#story")).to_be_hidden()
    other = await open_page(address[address.index("?") :])
    await expect(other.locator("#story-title")).to_have_text(RATES)
    await other.keyboard.press("Escape")
    await expect(other.locator("#story")).to_be_hidden()
