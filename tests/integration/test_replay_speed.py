"""`khabar replay --speed`: articles arrive as far apart as their dates say, divided by it."""

from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from schemas import date_of
from streams import lanes
from streams.archives import Archive, Bounds, FieldMap, Placing
from streams.read import header, read_topic
from streams.replay import send
from streams.settings import Settings
from streams.turn import PLACE

pytestmark = pytest.mark.kafka

SPEED = 5.0
TOGETHER_MS = 200  # what is due within that goes out at once


async def test_with_a_speed_articles_are_as_far_apart_as_their_dates_divided_by_it(
    kafka: str, lane: str, tmp_path: Path
) -> None:
    """Thirty articles, three a second for ten seconds; the broker's clock says when each arrived."""
    settings = Settings(broker=kafka, lane=lane)
    dates = [1437436292 + number / 3 for number in range(30)]
    rows = [{"source": "صحيفة المرفأ", "title": f"خبر {date}", "published_at": date} for date in dates]
    (tmp_path / "a.jsonl").write_bytes(b"\n".join(map(orjson.dumps, rows)))
    bounds = Bounds.parse("2015-01-01", "2015-12-31", UTC, datetime(2026, 5, 4, tzinfo=UTC))
    told = list[tuple[str, str]]()
    await lanes.create(settings, lanes.LIVE)
    with Archive([tmp_path / "a.jsonl"], FieldMap({}), Placing(bounds)).sorted() as sorter:
        await send(settings, sorter, "", lambda each: told.append((each.phase, each.waiting)), speed=SPEED)
    raw = [record async for record in read_topic(settings, "raw")]
    sent = sorted((date_of(place.decode()), each.timestamp) for each in raw if (place := header(each, PLACE)))
    date, began = sent[0]
    behind = [arrived - began - (us - date) / 1000 / SPEED for us, arrived in sent]  # milliseconds
    assert len(behind) == 30
    assert min(behind) > -TOGETHER_MS - 100  # the first may have been on its way for some
    assert max(behind) < 1_500
    assert ("waiting", "the next article is due in 0 s") in told
