"""What is a reader's own: read and muted stories, the last visit, language, digits; and Arabic as it should be."""

import re
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, expect

from schemas import Alert, Story

pytestmark = [pytest.mark.kafka, pytest.mark.asyncio(loop_scope="session")]

RATES = "المركزي الأردني يبقي سعر الفائدة عند 5.75 في المئة"


def alert_of(story: Story, text: str, line: int) -> Alert:
    """What a rule for words says of a story whose outlet wrote عاجل."""
    return Alert(
        id=f"test-{line}", rule="الفائدة", kind="words", text=text, breaking=True, burst=False, story=story.id,
        article=story.members[0].id, headline=story.headline, source=story.members[0].source, sources=1,
        at=story.last_seen_at, line=line,
    )  # fmt: skip


async def again(page: Page) -> None:
    await page.reload()
    await page.wait_for_selector(".card")


async def test_a_story_is_unread_until_it_is_opened_and_again_when_it_grows(desk: Any, open_page: Any) -> None:
    body = "زرع متطوعون من ثلاث مدارس خمسمئة شتلة أرز على السفح الشرقي، ووعدت البلدية بريها طوال الصيف المقبل."
    story = await desk.publish("akhdar.example", "خمسمئة شتلة أرز على السفح الشرقي", body)
    page = await open_page()
    card = page.locator(f'.card[data-id="{story}"]')
    await expect(card).to_have_class(re.compile("unread"))
    await card.locator("a").click()
    await expect(card).not_to_have_class(re.compile("unread"))
    await page.keyboard.press("Escape")
    await again(page)
    await expect(card).not_to_have_class(re.compile("unread"))
    await desk.publish("jabal.example", "متطوعون يزرعون الأرز", body)
    await expect(card).to_have_class(re.compile("unread"))
    await expect(card).to_contain_text("+1 منذ قرأتها")
    for name, unread in (("اجعلها مقروءة", False), ("اجعلها غير مقروءة", True)):
        await card.get_by_role("button", name="إجراءات").click()
        await page.get_by_role("menuitem", name=name, exact=True).click()
        assert ("unread" in (await card.get_attribute("class") or "")) == unread


async def test_what_is_muted_is_gone_until_it_is_called_back(open_page: Any) -> None:
    page = await open_page("?several=1")
    card = page.locator(".card", has_text=RATES)
    await card.get_by_role("button", name="إجراءات").click()
    await page.get_by_role("menuitem", name="اكتم هذه القصة").click()
    await expect(card).to_have_count(0)
    await again(page)
    await expect(card).to_have_count(0)
    await page.get_by_role("button", name="إعدادات").click()
    await page.get_by_role("button", name=re.compile("ألغِ كتم")).click()
    await expect(card).to_have_count(1)


async def test_the_next_visit_says_what_changed_since_the_last(desk: Any, open_page: Any) -> None:
    page = await open_page()
    await expect(page.locator("#visit")).to_be_hidden()
    address = page.url
    await page.goto("about:blank")
    title = "جامعة الساحل تفتح مرصدا فلكيا للزوار"
    story = await desk.publish("najm-agency.example", title, "يستقبل المرصد الزوار ليلة كل خميس، وأول ما يرى منه زحل.")
    await page.goto(address)
    await expect(page.locator("#visit")).to_contain_text("قصة جديدة")
    await page.get_by_role("button", name="اعرضها وحدها").click()
    await expect(page.locator(".card")).to_have_count(1)
    await expect(page.locator(f'.card[data-id="{story}"]')).to_contain_text("جديدة")
    await page.get_by_role("button", name="رأيتها").click()
    await expect(page.locator("#visit")).to_be_hidden()
    assert await page.locator(".card").count() > 1


async def test_a_list_that_is_paused_holds_still_and_says_what_waits(desk: Any, open_page: Any) -> None:
    page = await open_page()
    await page.keyboard.press("p")
    before = await page.locator(".card .headline").all_text_contents()
    await desk.publish("sahafi.example", "افتتاح معرض الصحف القديمة", "يضم المعرض أعدادا من صحف صدرت قبل قرن كامل.")
    await expect(page.locator("#pill")).to_contain_text("تحديث ينتظر")
    assert await page.locator(".card .headline").all_text_contents() == before
    await page.locator("#pill").click()
    await expect(page.locator(".card .headline").first).to_have_text("افتتاح معرض الصحف القديمة")


async def test_english_is_from_left_to_right_and_its_stories_still_arabic(open_page: Any) -> None:
    page = await open_page("?several=1&lang=en")
    assert await page.evaluate("[document.documentElement.lang, document.documentElement.dir]") == ["en", "ltr"]
    headline = page.locator(".card .headline", has_text=RATES)
    assert [await headline.get_attribute(name) for name in ("lang", "dir")] == ["ar", "rtl"]
    await page.get_by_role("button", name="العربية").click()
    await expect(page.locator("html")).to_have_attribute("dir", "rtl")
    await expect(page.locator(".card .headline", has_text="Sarab 3").first).to_have_attribute("dir", "ltr")


async def test_digits_and_zone_are_the_readers_and_the_calendar_is_gregorian(open_page: Any) -> None:
    page = await open_page("?several=1")
    await expect(page.locator("#clock")).to_contain_text(re.compile(r"20\d\d.*غرينتش\+3"))
    await page.get_by_role("button", name="إعدادات").click()
    await expect(page.locator("dialog")).to_contain_text("غرينتش+03:00")
    await page.locator("dialog label", has_text="الأرقام").locator("select").select_option("arab")
    await expect(page.locator("#clock")).to_contain_text(re.compile("٢٠[٠-٩]{2}"))
    await page.wait_for_selector(".card")
    await expect(page.locator(".card", has_text="5.75")).to_contain_text(
        "٦ أخبار"
    )  # ours; what was sent stays as it is


@pytest.mark.parametrize("query", ["?several=1", "?lang=en", "?wall=1"])
async def test_lines_are_high_enough_for_arabic_and_letters_stay_joined(open_page: Any, query: str) -> None:
    page = await open_page(query)
    if "several" in query:
        await page.locator(".card a", has_text=RATES).click()
        await page.wait_for_selector("#story .members")
    poor = await page.evaluate(
        """() => [...document.querySelectorAll('body *')]
             .filter(node => node.textContent.trim() && !node.closest('svg, option'))
             .map(node => [node, getComputedStyle(node)])
             .filter(([, style]) => style.letterSpacing !== 'normal'
               || parseFloat(style.lineHeight) / parseFloat(style.fontSize) < 1.7)
             .map(([node, style]) => `${node.tagName}.${node.className} ${style.lineHeight} of ${style.fontSize}`)"""
    )
    assert poor == []


async def test_lists_are_sorted_as_an_arabic_index_is(open_page: Any) -> None:
    page = await open_page()
    found = await page.evaluate(
        """async () => { const {byName} = await import('/page/locale.js');
             return ['الرياض', 'بغداد', 'القاهرة', 'أربيل', 'إربد', 'دمشق', 'الدوحة', 'آسفي', 'ال'].sort(byName); }"""
    )
    assert found.index("دمشق") < found.index("الدوحة") < found.index("الرياض") < found.index("القاهرة")
    assert found.index("إربد") < found.index("بغداد")
    places = await page.locator("#places .chip bdi").all_text_contents()
    assert places == await page.evaluate(
        "async names => names.sort((await import('/page/locale.js')).byName)", list(places)
    )


async def test_code_points_become_utf_16_units(open_page: Any) -> None:
    page = await open_page()
    text = "أ🚚ب👩‍👩‍👧ج"
    found = await page.evaluate(
        """async ([text, marks]) => (await import('/page/offsets.js')).spans(text, marks)
             .map(mark => text.slice(mark.start, mark.end))""",
        [text, [{"start": start, "end": start + 1} for start in range(len(text))]],
    )
    assert found == list(text)


async def test_one_gets_about_by_keyboard(open_page: Any) -> None:
    page = await open_page()
    await page.keyboard.press("j")
    await page.keyboard.press("j")
    second = await page.locator(".card a").nth(1).get_attribute("data-open")
    assert await page.evaluate("document.activeElement.dataset.open") == second
    await page.keyboard.press("Enter")
    await expect(page.locator("#story-title")).to_be_focused()
    await page.keyboard.press("Escape")
    assert await page.evaluate("document.activeElement.dataset.open") == second
    await page.keyboard.press("/")
    await expect(page.locator("#q")).to_be_focused()


async def test_what_is_asked_for_anew_leaves_the_focus_where_it_is(open_page: Any) -> None:
    page = await open_page("?source=sada-khalij.example", wait=False)
    await page.clock.install()
    await page.reload()
    for name in ("#places a", "#rising li a", "#alerts li a", "#chosen button"):
        await page.locator(name).first.evaluate("node => { node.focus(); window.held = node; }")
        async with page.expect_response("**/v1/trends*"), page.expect_response("**/v1/alerts*"):
            await page.clock.run_for(16_000)  # names that rise are asked for every fifteen seconds
        await page.wait_for_timeout(100)
        assert await page.evaluate("document.activeElement === window.held"), name


@pytest.mark.parametrize(("query", "scheme"), [("?several=1", "light"), ("?several=1&lang=en", "dark")])
async def test_axe_finds_nothing_serious(open_page: Any, query: str, scheme: str) -> None:
    page = await open_page(query, color_scheme=scheme, bypass_csp=True)  # axe-core brings styles of its own
    await page.locator(".card a", has_text=RATES).click()
    await page.wait_for_selector("#story .members")
    assert await serious(page) == []
    await page.locator("#settings").click()
    assert await serious(page) == []


async def serious(page: Page) -> list[tuple[str, list[str]]]:
    """What axe-core holds against the page as it stands: the rule, and the elements."""
    found = await Axe().run(page)
    return [
        (each["id"], [node["html"] for node in each["nodes"]])
        for each in found.response["violations"]
        if each["impact"] in ("serious", "critical")
    ]


async def test_health_says_who_works_and_stale_news_says_so(open_page: Any) -> None:
    page = await open_page()
    await expect(page.locator("#health tbody tr")).to_have_count(3)
    await expect(page.locator("#health dl")).to_contain_text("رسائل مرفوضة")
    await expect(page.locator("#stale")).to_contain_text("لا عامل يعمل على")  # nobody works on the tests' lane


async def test_names_that_rise_lead_to_their_stories(open_page: Any) -> None:
    page = await open_page()
    first = page.locator("#rising li a").first
    await expect(first).to_contain_text("سراب 3")
    await first.click()
    await expect(page.locator(".card .headline").first).to_contain_text("سراب 3")
    await page.get_by_role("button", name="يوم", exact=True).click()
    await expect(page.locator("#rising [aria-pressed=true]")).to_have_text("يوم")


async def test_an_alert_leaves_a_quiet_mark_and_is_told_by_the_browser_where_one_asked(
    desk: Any, gateway: Any, browser: Any
) -> None:
    context = await browser.new_context(permissions=["notifications"])
    await context.add_init_script(
        "window.told = []; window.Notification = class { constructor(title, options) { told.push([title, options]); }"
        " addEventListener() {} static permission = 'granted'; static requestPermission = async () => 'granted'; };"
    )
    page = await context.new_page()
    await page.goto(gateway.url)
    await expect(page.locator("#alerts li").first).to_be_visible()
    await expect(page.locator("#mark")).to_be_hidden()  # what was there before the first visit is no news
    await page.evaluate("document.querySelector('#alerts button').click()")  # no pointer: who points at them, looks
    story = next(each for each in desk.stories.values() if each.headline == RATES)
    await desk.write([alert_of(story, "\u202eالفائدة: خبر جديد", line=10_000_000)])
    await expect(page.locator("#mark")).to_have_text("1", timeout=15_000)
    [[title, options]] = await page.evaluate("told")
    assert title == "\u2068الفائدة: خبر جديد\u2069"  # isolated, and its override left out
    assert RATES in options["body"]
    row = page.locator("#alerts li", has_text="الفائدة ·")
    await expect(row.locator(".flag.breaking")).to_have_text("عاجل")
    await row.hover()
    await expect(page.locator("#mark")).to_be_hidden()
    await row.locator("a").click()
    await expect(page.locator("#story-title")).to_have_text(RATES)
    await context.close()


async def test_a_browser_with_notifications_for_workers_only_shows_the_alert_all_the_same(
    desk: Any, open_page: Any
) -> None:
    page = await open_page(wait=False)
    await page.add_init_script(
        "localStorage.setItem('khabar.notify', 'true'); window.Notification = class { constructor() { throw new"
        " TypeError('Illegal constructor'); } static permission = 'granted'; };"
    )
    await page.reload()
    await expect(page.locator("#alerts li").first).to_be_visible()
    story = next(each for each in desk.stories.values() if each.headline == RATES)
    await desk.write([alert_of(story, "الفائدة: على هاتف", line=11_000_000)])
    await expect(page.locator("#toast")).to_contain_text("منع المتصفح", timeout=15_000)
    await expect(page.locator("#alerts li.new", has_text="الفائدة ·").first).to_be_visible()


async def test_a_gateway_that_wants_a_token_is_given_one(browser: Any, gateway: Any) -> None:
    context = await browser.new_context()
    page = await context.new_page()

    async def guard(route: Any) -> None:
        request = route.request
        known = request.headers.get("authorization") == "Bearer s3cret" or "access_token=s3cret" in request.url
        problem = {"title": "Unauthorized", "status": 401, "detail": "reading needs a token"}
        await (route.continue_() if known else route.fulfill(status=401, json=problem))

    await page.route("**/v1/**", guard)
    await page.goto(gateway.url)
    await page.fill("#token", "s3cret")
    await page.get_by_role("button", name="ادخل").click()
    await page.wait_for_selector(".card")
    await expect(page.locator("#state")).to_have_text("مباشر")
    await context.close()
