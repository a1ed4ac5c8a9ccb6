"""When a stage ends by itself, and what it says: exit code 2 where the operator has to act."""

import asyncio
import signal
import urllib.request

import pytest
from aiokafka.admin import RecordsToDelete
from aiokafka.structs import TopicPartition

from streams import lanes
from streams.kafka import make_admin, running
from streams.lag import Lag

pytestmark = pytest.mark.kafka


async def test_a_lane_pinned_to_another_version_is_refused(make_way, kafka, lane):
    way = make_way(kafka, lane)
    await way.make(kind="replay", versions={"normalize": "an older one"})
    assert await way.ended(way.start("normalize")) == 2
    assert f"lane {lane} is pinned to version an older one of normalize" in way.said("normalize")


async def test_a_lane_that_is_not_there_is_refused(make_way, kafka, lane):
    way = make_way(kafka, lane)
    assert await way.ended(way.start("normalize")) == 2
    assert f"there is no lane {lane}" in way.said("normalize")


async def test_a_position_that_is_gone_from_the_log_is_not_jumped_over(way, write):
    await way.send([write(number) for number in range(40)])
    process = way.start("normalize")
    await way.drained("normalize")
    process.send_signal(signal.SIGTERM)
    assert await way.ended(process) == 0
    await way.send([write(number) for number in range(40)])
    async with running(make_admin(way.settings), way.settings) as admin:
        await admin.delete_records({TopicPartition(way.names.name("raw"), 1): RecordsToDelete(before_offset=13)})
    assert await way.ended(way.start("normalize")) == 2
    assert "partition 1: offsets 10 to 12 are gone" in way.said("normalize")


async def test_a_stage_whose_topic_is_deleted_notices_and_ends(way, write):
    process = way.start("normalize")
    await way.send([write(1)])
    await way.until("normalized", 1)
    await lanes.remove(way.settings)
    assert await way.ended(process) == 2
    assert "was deleted under its reader" in way.said("normalize")


async def test_a_bug_of_the_shell_ends_the_process_with_nothing_acknowledged_and_the_batch_comes_again(way, write):
    await way.send([write(number) for number in range(20)])
    way.start("tag")
    # When its core is done and nothing is sent yet, and in the place of what sends.
    for stage, place, writes in (("normalize", "took", "normalized"), ("deduplicate", "until_stopped", "enriched")):
        assert await way.ended(way.start(stage, KHABAR_TEST_ALONE="1", KHABAR_TEST_BUG=place), 90) == 70
        assert "what is not acknowledged comes again" in way.said(stage)
        assert "ZeroDivisionError" in way.said(stage)
        async with Lag(way.settings) as lag:
            assert set((await lag.stands(stage)).values()) <= {0}
        assert await way.records(writes) == []
        way.start(stage, KHABAR_TEST_ALONE="1")
        await way.until(writes, 20)
    assert sorted(event["source_id"] for event in await way.values("enriched")) == sorted(f"a{n}" for n in range(20))


async def test_a_worker_says_how_it_is(way, write, unused_tcp_port):
    def get(path):
        with urllib.request.urlopen(f"http://127.0.0.1:{unused_tcp_port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()

    process = way.start("normalize", KHABAR_METRICS_PORT=unused_tcp_port)
    await way.send([write(number) for number in range(30)] + [b"{"])
    await way.drained("normalize")
    assert await asyncio.to_thread(get, "/healthz") == (200, "ok\n")
    assert await asyncio.to_thread(get, "/readyz") == (200, "ok\n")
    _, metrics = await asyncio.to_thread(get, "/metrics")
    labels = f'lane="{way.settings.lane}"'
    assert f'khabar_records_total{{{labels},outcome="out",stage="normalize"}} 30.0' in metrics
    assert f'khabar_records_total{{{labels},outcome="refused",stage="normalize"}} 1.0' in metrics
    assert f'khabar_consumer_lag_records{{{labels},partition="0",stage="normalize"}} 0.0' in metrics
    process.send_signal(signal.SIGTERM)
    assert await way.ended(process) == 0
