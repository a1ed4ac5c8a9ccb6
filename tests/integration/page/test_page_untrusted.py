"""Everything on the page was written by strangers: none of it runs, leads astray, or turns what stands beside it."""

from dataclasses import replace
from typing import Any

import pytest
from playwright.async_api import expect

pytestmark = [pytest.mark.kafka, pytest.mark.asyncio(loop_scope="session")]

SCRIPT = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script> خبر"
OVERRIDE = "\u202eهذا العنوان مقلوب gpj.exe"
BODY = "</p><script>document.title='owned'</script>\u202e نص مقلوب \u2066 لا ينتهي"


HARMLESS = "https://evil.example/1"


async def test_markup_in_what_was_sent_is_text(desk: Any, open_page: Any) -> None:
    story = await desk.publish("<b>evil</b>.example", SCRIPT, BODY, url=HARMLESS)
    page = await open_page(f"?open={story}")
    await expect(page.locator("#story-title")).to_contain_text("<script>")
    await page.locator("#story .member").get_by_role("button", name="النص").click()
    await expect(page.locator("#story .field.body")).to_contain_text("</p><script>")
    card = page.locator(f'.card[data-id="{story}"]')
    await expect(card.locator(".headline")).to_contain_text("<img src=x")
    assert await page.locator("#stories img, #stories script, #story img, #story script, #story b b").count() == 0
    assert await page.title() != "owned"


async def test_an_override_of_direction_ends_with_the_text_that_it_stands_in(desk: Any, open_page: Any) -> None:
    plain = await desk.publish("bidi.example", "عنوان مستقيم عن دليل.pdf", "نص عادي عن سباق الزوارق وعن الذي فاز به.")
    page = await open_page("?lang=en")

    async def laid_out(story: str) -> list[float]:
        """Where the age of a card and its source stand: what surrounds the headline."""
        found: list[float] = await page.evaluate(
            """id => { const card = document.querySelector(`.card[data-id="${id}"]`);
                 const left = node => node.getBoundingClientRect().left - card.getBoundingClientRect().left;
                 return ['.age', '.sources', '.menu'].map(each => left(card.querySelector(each))); }""",
            story,
        )
        return found

    turned = await desk.publish("bidi.example", OVERRIDE, "نص آخر لا علاقة له بما سبق، عن المطر في الجبال العالية.")
    await page.wait_for_selector(f'.card[data-id="{turned}"]')
    assert turned != plain
    assert await laid_out(turned) == await laid_out(plain)
    shown = await page.locator(f'.card[data-id="{turned}"] .headline').text_content()
    assert "\u202e" not in (shown or "")


async def test_an_address_that_runs_is_no_link(desk: Any, open_page: Any) -> None:
    """Normalize refuses such addresses; the page does not count on it."""
    article = {"source": "evil.example", "url": "https://evil.example/2", "published_at": "2026-05-01T00:00:00Z"}
    article |= {"title": "سباق الهجن ينطلق فجرا", "body": "ينطلق السباق عند الفجر بمشاركة ثمانين متسابقا من الولايات."}
    [enriched, story] = desk.decide([article])
    runs = "javascript:document.title='owned'"
    member = replace(story.members[0], url=runs)
    await desk.write([replace(enriched, url=runs), replace(story, members=[member])])
    page = await open_page(f"?open={story.id}")
    await expect(page.locator("#story .member")).to_have_count(1)
    assert await page.locator("#story .outward").count() == 0


async def test_letters_without_a_space_do_not_hold_the_reader_up(desk: Any, open_page: Any) -> None:
    """Laid out whole, this title alone took a browser ten seconds; the second article brings the comparison, too."""
    body = "ظ" * 1000 + " وصل الوفد إلى دمشق صباح الاثنين. " + "ط" * 100_000
    [story] = {await desk.publish(f"{each}.example", "ط" * 20_000, body) for each in ("tawil", "atwal")}
    page = await open_page()
    await page.evaluate(
        """() => { window.tasks = [];
             new PerformanceObserver(list => tasks.push(...list.getEntries().map(each => each.duration)))
               .observe({type: 'longtask'}); }"""
    )
    await page.locator(f'.card[data-id="{story}"] a').click()
    title = page.locator("#story-title")
    await expect(title).to_have_text("ط" * 299 + "…")
    await page.locator("#story .member").first.get_by_role("button", name="النص").click()
    field = page.locator("#story .member .field.body")
    await expect(field).to_contain_text("ظ" * 299 + "… وصل الوفد")
    names = await page.evaluate("[...CSS.highlights.get('name')].map(String)")
    assert "دمشق" in names, names  # where it stood in the whole text
    assert await field.evaluate("node => node.childNodes.length === 1 && node.textContent.length === 50_000")
    await page.evaluate("new Promise(drawn => requestAnimationFrame(() => setTimeout(drawn, 100)))")
    tasks = await page.evaluate("tasks")
    assert max(tasks, default=0) < 1000, tasks


async def test_what_is_copied_has_the_lines_and_addresses_of_the_story_alone(desk: Any, open_page: Any) -> None:
    """Normalize refuses some of this; the page does not count on it."""
    lines = "عاجل\n• reuters.example: خبر مزور\u2028https://evil.example/phish \u202e\x1b[2Jتم"
    article = {"source": "evil.example", "url": "https://evil.example/3", "published_at": "2026-05-01T00:00:00Z"}
    article |= {"title": "سوق العسل يفتتح", "body": "يفتتح سوق العسل موسمه بثمانين بائعا من قرى الجبل القريبة."}
    [enriched, story] = desk.decide([article])
    address = "https://reuters.example:word@evil.example/\u202egpj\x1b[2J"
    members = [replace(each, title=lines, url=address) for each in story.members]
    await desk.write([enriched, replace(story, headline=lines, members=members)])
    page = await open_page(f"?lang=en&open={story.id}", permissions=["clipboard-read", "clipboard-write"])
    await page.get_by_role("button", name="Copy story").click()
    await expect(page.locator("#toast")).to_contain_text("Copied")
    copied = (await page.evaluate("navigator.clipboard.readText()")).splitlines()
    said = "عاجل • reuters.example: خبر مزور https://evil.example/phish [2Jتم"
    assert (copied[0], len(copied)) == (said, 6)
    assert copied[4:] == [f"• \u2068evil.example\u2069: \u2068{said}\u2069", "https://evil.example/%E2%80%AEgpj%1B[2J"]


async def test_the_page_loads_nothing_from_elsewhere_and_allows_nothing_inline(gateway: Any, open_page: Any) -> None:
    page = await open_page(wait=False)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    answer = await page.reload()
    await page.wait_for_selector(".card")
    assert asked
    assert all(each.startswith(gateway.url) for each in asked)
    policy = (await answer.all_headers())["content-security-policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert (
        await page.evaluate(
            "document.querySelectorAll('style, script:not([src]), [style]:not([style*=\"--\"])').length"
        )
        == 0
    )
