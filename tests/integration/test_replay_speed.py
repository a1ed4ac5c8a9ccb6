"""How fast a replay sends: as far apart as dates say, divided by `--speed`; and how fast it can (`khabar bench`)."""

from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from deploy.ceilings import sending
from schemas import date_of
from streams import lanes
from streams.archives import Archive, Bounds, FieldMap, Placed, Placing
from streams.read import header, read_topic
from streams.replay import send
from streams.settings import Settings
from streams.turn import PLACE

pytestmark = pytest.mark.kafka

SPEED = 50.0
TOGETHER_MS = 200  # what is due within that goes out at once


async def test_with_a_speed_articles_are_as_far_apart_as_their_dates_divided_by_it(
    kafka: str, lane: str, tmp_path: Path
) -> None:
    """Thirty articles of a hundred seconds; the broker's clock says when each arrived."""
    settings = Settings(broker=kafka, lane=lane)
    dates = [1437436292 + number * 10 / 3 for number in range(30)]
    rows = [{"source": "صحيفة المرفأ", "title": f"خبر {date}", "published_at": date} for date in dates]
    (tmp_path / "a.jsonl").write_bytes(b"\n".join(map(orjson.dumps, rows)))
    bounds = Bounds.parse("2015-01-01", "2015-12-31", UTC, datetime(2026, 5, 4, tzinfo=UTC))
    await lanes.create(settings, lanes.LIVE)
    with Archive([tmp_path / "a.jsonl"], FieldMap({}), Placing(bounds)).sorted() as sorter:
        await send(settings, sorter, "", lambda _: None, speed=SPEED)
    raw = [record async for record in read_topic(settings, "raw")]
    sent = sorted((date_of(place.decode()), each.timestamp) for each in raw if (place := header(each, PLACE)))
    date, began = sent[0]
    behind = [arrived - began - (us - date) / 1000 / SPEED for us, arrived in sent]  # milliseconds
    assert len(behind) == 30
    assert min(behind) > -TOGETHER_MS - 100  # the first may have been on its way for some
    assert max(behind) < 30_000  # of a busy machine; without the speed the last would be 98 s late


async def test_what_a_replay_can_send_is_measured_with_nobody_behind_it(kafka: str, lane: str) -> None:
    settings, said = Settings(broker=kafka, lane=lane), list[str]()
    articles = [Placed(f"{number:09}", "", orjson.dumps({"title": f"خبر {number}"})) for number in range(1_200)]
    figure = await sending(settings, articles, said.append)
    assert figure.part == "sending, nobody behind"
    assert figure.rate > 100
    assert 0 < figure.cpu_us < 10_000
    assert await lanes.find(settings) is None
