"""What is published is on the screen: at once, in its story, once, and after whatever happened to the gateway."""

import asyncio
import re
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

import orjson
import pytest
from playwright.async_api import expect

from schemas import Alert, RawArticle
from streams import lanes
from streams.kafka import make_producer, running
from streams.settings import Settings
from streams.topics import Topics

NEWS = {
    "حريق في مستودع أخشاب بطرف المدينة": "أخمد الإطفائيون عند الفجر حريقا شب في مستودع للأخشاب، ولم يصب أحد.",
    "مكتبة الحي تمدد ساعات القراءة": "تبقى قاعة المطالعة مفتوحة حتى العاشرة مساء طوال موسم الامتحانات.",
    "عداءة من الريف تفوز بسباق الجبل": "قطعت سلمى الحاج اثنين وعشرين كيلومترا صعودا في أقل من ساعتين.",
    "خط حافلات جديد يصل الجامعة بالميناء": "تسير الحافلات كل ربع ساعة، والتذكرة بنصف السعر للطلاب.",
    "مزارعو اللوز يشكون صقيع نيسان": "قدر اتحاد الفلاحين ما أتلفه البرد من الأزهار بثلث المحصول.",
    "ترميم مئذنة القرن الرابع عشر يبدأ الشهر المقبل": "ينصب البناؤون السقالات حول المئذنة ويعالجون حجارتها بالكلس.",
    "مستشفى الأطفال يتسلم جهاز تصوير": "تبرعت جمعية المغتربين بثمن الجهاز الذي يخفض مدة الانتظار إلى يومين.",
    "فرقة هواة تعزف في محطة القطار": "تجمع المسافرون حول عازفي العود والقانون ساعة كاملة قبل رحلة المساء.",
    "بحيرة السد تستقبل أسراب البلشون": "أحصى مراقبو الطيور ثلاثة آلاف طائر، وهو ضعف ما رأوه في الموسم الماضي.",
}

pytestmark = [pytest.mark.kafka, pytest.mark.asyncio(loop_scope="session")]

BRIDGE = (
    "أعادت بلدية المرفأ فتح الجسر القديم أمام السيارات بعد أربعة أشهر من الترميم، وقال المهندس المشرف إن الدعائم "
    "الحجرية استبدلت كلها، وإن الحمولة المسموح بها ارتفعت إلى اثني عشر طنا. وحضر الافتتاح عشرات من سكان الحي."
)


async def test_an_article_that_joins_a_story_is_seen_on_its_card_and_in_the_open_story(
    desk: Any, open_page: Any
) -> None:
    page = await open_page()
    story = await desk.publish("marfa.example", "إعادة فتح الجسر القديم في المرفأ", BRIDGE)
    card = page.locator(f'.card[data-id="{story}"]')
    await expect(card.locator(".headline")).to_have_text("إعادة فتح الجسر القديم في المرفأ")
    await card.locator("a").click()
    await expect(page.locator("#story .member")).to_have_count(1)
    again = await desk.publish("alsahil.example", "الجسر القديم في المرفأ يعود إلى الخدمة", BRIDGE)
    assert again == story
    await expect(card.locator(".counts")).to_contain_text("خبران")
    await expect(card.locator(".latest")).to_contain_text("alsahil.example")
    await expect(page.locator("#story summary")).to_contain_text("إعادة نشر واحدة")
    await page.locator("#story summary").click()
    await expect(page.locator("#story .reprints .member")).to_contain_text("الجسر القديم في المرفأ يعود إلى الخدمة")


async def test_a_page_whose_gateway_was_killed_goes_on_without_a_gap_or_a_repeat(
    desk: Any, gateway: Any, open_page: Any
) -> None:
    page = await open_page()
    titles = list(NEWS)
    for number, title in enumerate(titles):
        if number == 3:
            gateway.kill()
        if number == 6:
            await expect(page.locator("#stale")).to_contain_text("انقطع الاتصال", timeout=10_000)
            await gateway.start()
        await desk.publish(
            "port.example", title, f"{title}: دخلت المرفأ {number + 20} سفينة، وغادرته {number + 3} سفن."
        )
    await expect(page.locator(".card", has_text=titles[-1])).to_have_count(1, timeout=20_000)
    await expect(page.locator("#stale")).not_to_contain_text("انقطع الاتصال")
    shown = await page.locator(".card .headline").all_text_contents()
    assert [sum(each == title for each in shown) for title in titles] == [1] * len(titles)


async def test_a_connection_that_died_without_a_word_is_made_anew(open_page: Any) -> None:
    page = await open_page()
    await page.route("**/v1/health*", lambda route: route.abort())
    async with page.expect_request(lambda request: "/v1/stream/" in request.url):
        pass
    await expect(page.locator("#state")).to_have_text("مباشر")


async def test_a_gateway_that_does_not_reach_kafka_is_not_called_live_and_shows_no_old_figures(open_page: Any) -> None:
    page = await open_page("?lang=en")
    figures = page.locator("#health td")
    await expect(figures.last).to_have_text(re.compile(r"\d"))
    await expect(page.locator("#state")).to_have_text("Live")
    await page.evaluate(
        """() => { const asked = fetch; window.kafka = false;
             window.fetch = (path, ...more) => window.kafka || !path.startsWith('/v1/health') ? asked(path, ...more)
               : Promise.resolve(new Response('{"status": 503}', {status: 503})); }"""
    )
    banner = page.locator("#stale")
    await expect(banner).to_contain_text("cannot be read from Kafka", timeout=10_000)
    await expect(banner).not_to_have_class(re.compile("mild"))
    await expect(page.locator("#state")).to_have_class("state broken")
    await expect(page.locator("#state")).not_to_have_text("Live")
    assert set(await figures.all_text_contents()) == {"—"}
    await page.evaluate("window.kafka = true")
    await expect(page.locator("#state")).to_have_text("Live", timeout=10_000)
    await expect(banner).not_to_contain_text("Kafka")
    await expect(figures.last).to_have_text(re.compile(r"\d"))


async def test_a_quiet_night_is_said_and_what_is_past_the_time_range_goes(open_page: Any) -> None:
    page = await open_page("?range=6h")

    async def served(route: Any) -> None:
        health = await (await route.fetch()).json()
        await route.fulfill(json=health | {"stages": [each | {"members": 1} for each in health["stages"]]})

    await page.route("**/v1/health*", served)
    await page.clock.set_fixed_time(datetime.now(UTC) + timedelta(hours=7))
    await expect(page.locator(".card")).to_have_count(0, timeout=10_000)
    await expect(page.locator("#stale")).to_contain_text("لا جديد منذ", timeout=10_000)
    await expect(page.locator("#stale")).to_have_class(re.compile("mild"))


async def test_an_alert_marks_its_card_and_no_reader_waits_for_it(desk: Any, open_page: Any) -> None:
    page = await open_page()
    story = await desk.publish(
        "jisr.example", "عاجل: جسر النهر يفتح للمشاة", "فتحت البلدية جسر النهر للمشاة قبل موعده بأسبوع."
    )
    card = page.locator(f'.card[data-id="{story}"]')
    await expect(card).to_be_visible()
    await page.keyboard.press("p")
    told, member = desk.stories[story], desk.stories[story].members[0]
    alert = Alert(
        id=f"marked-{story}", rule="الجسر", kind="words", text="الجسر", breaking=True, burst=False, story=story,
        article=member.id, headline=member.title, source=member.source, sources=1, at=told.last_seen_at, line=told.line,
    )  # fmt: skip
    await desk.write([alert])
    await expect(card.locator(".flag.breaking")).to_be_visible(timeout=10_000)
    await expect(page.locator("#pill")).to_be_hidden()


async def test_filters_are_kept_in_the_address_and_hold_for_what_comes(desk: Any, open_page: Any) -> None:
    page = await open_page()
    await page.select_option("#source", "yawmi.example")
    await expect(page).to_have_url(re.compile("source=yawmi.example"))
    await expect(page.locator(".card").first).to_contain_text("yawmi.example")
    for card in await page.locator(".card").all():
        await expect(card).to_contain_text("yawmi.example")
    shown = await page.locator(".card").count()
    await desk.publish("other.example", "سوق الخضار يفتح أبوابه باكرا", "يفتح سوق الخضار أبوابه عند الخامسة صباحا.")
    wanted = await desk.publish("yawmi.example", "أسعار الزيتون تتراجع", "تراجعت أسعار الزيتون في أسواق الجملة.")
    await expect(page.locator(f'.card[data-id="{wanted}"]')).to_be_visible()
    await expect(page.locator(".card")).to_have_count(shown + 1)
    await page.go_back()
    await expect(page.locator("#chosen .chip")).to_have_count(0)
    await expect(page.locator(".card", has_text="سوق الخضار")).to_be_visible()


async def test_what_one_types_is_searched_at_once(open_page: Any) -> None:
    page = await open_page()
    await page.locator("#q").press_sequentially("الكوليرا", delay=20)
    await expect(page.locator(".card")).to_have_count(1)
    await expect(page.locator(".card .headline")).to_contain_text("الكوليرا")
    await expect(page).to_have_url(re.compile("q="))
    await page.fill("#q", "كلمةلاتوجدفيأيخبر")
    await expect(page.locator("#none")).to_have_text("لا قصة تطابق هذه المرشّحات.")


async def test_a_published_article_is_on_the_screen_within_a_second(
    gateway: Any, settings: Settings, open_page: Any, workers: Callable[[Settings], AbstractContextManager[None]]
) -> None:
    """All the way: raw topic, three workers, gateway, page. The middle of five; without names, to spare the machine."""
    quick = Settings(broker=settings.broker, lane=f"{settings.lane}-raw", tagger="off", metrics_port=0)
    await lanes.create(quick, lanes.LIVE)
    topic = Topics(quick.prefix, quick.lane).name(RawArticle)
    took = []
    with workers(quick):
        async with running(make_producer(quick, linger_ms=0), quick) as producer:
            page = await open_page(f"?lane={quick.lane}", wait=False)
            for number in range(6):
                title = f"البلدية تعلن مناقصة الطريق رقم {number}"
                raw = {"source": "baladiya.example", "source_id": str(number), "title": title, "body": title * 3}
                sent = time.monotonic()
                await producer.send_and_wait(topic, value=orjson.dumps(raw), key=b"k")
                await page.wait_for_selector(f'.card:has-text("{title}")', timeout=60_000)
                took.append(time.monotonic() - sent)
                await asyncio.sleep(0.3)
    assert median(took[1:]) < 1.0, took  # the first waits for the workers' start
