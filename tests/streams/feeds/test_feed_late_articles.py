"""What a feed shows on its first poll joins the stories that are there, all the way, and makes no news of its own."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from agents.alerts import Alerts
from agents.alerts.rules import parse_rules
from agents.normalize.words import Words
from deploy.chain import Chain
from schemas import EnrichedArticle, Story, place_of
from streams.archives import Placed
from streams.feeds import Feed, Source

FERRY = (
    "أعلنت هيئة الموانئ في مدينة المرفأ اليوم استئناف رحلات العبّارة بين الضفتين بعد توقف دام ثلاثة أسابيع، "
    "وقال مدير الهيئة سامي الدالي إن أعمال الصيانة شملت المحركات والأرصفة، "
    "وإن أولى الرحلات تنطلق صباح الخميس بطاقة أربعمئة راكب."
)
GROWS = "[[rule]]\nname = 'يكبر'\ngrowth = { sources = 2, minutes = 60 }\n"


async def test_an_article_of_a_first_poll_joins_its_story_and_does_not_make_it_grow(
    site: Any, desk: Any, sent: Any, rss: Callable[..., bytes]
) -> None:
    known, new = (Feed(url=f"{site.root}/{name}", source=Source(id=f"{name}.example")) for name in ("nahar", "wakala"))
    item = {"title": "عودة العبّارة", "link": "https://nahar.example/1", "description": FERRY}
    site.pages["/nahar"] = rss()
    await desk.poll(known)
    site.pages["/nahar"] = rss(item)
    site.pages["/wakala"] = rss(item | {"title": "العبّارة تعود", "link": "https://wakala.example/7"})
    desk.now += 60
    await desk.poll(known)
    await desk.poll(new)
    assert [article["late"] for article in sent.articles] == [False, True]
    seen = [int(desk.now * 1e6) + number for number in range(2)]
    places = [place_of(us, canceled=False, value=each.value) for us, each in zip(seen, sent.records, strict=True)]
    records = [Placed(place, "raw", each.value) for place, each in zip(places, sent.records, strict=True)]
    (first, _), (second, story) = [each for each in Chain.shipped("off").run(records) if isinstance(each, list)]
    assert isinstance(first, EnrichedArticle)
    assert isinstance(second, EnrichedArticle)
    assert isinstance(story, Story)
    assert (first.late, second.late) == (False, True)
    assert first.story is not None
    assert second.story is not None
    assert second.story.id == first.story.id == story.id
    assert second.relation is not None
    assert second.relation.kind != "new"

    def alerts(*line: EnrichedArticle) -> int:
        watch = Alerts(parse_rules(GROWS, words := Words.shipped(), "rules.toml"), words)
        return sum(1 for article in line for _ in watch.take(article))

    assert alerts(first, replace(second, late=False)) == 1
    assert alerts(first, second) == 0
