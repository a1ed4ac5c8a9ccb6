"""How large a batch is, where a group reads on, and what is acknowledged: the parts of a stage that need no Kafka."""

import asyncio
from types import SimpleNamespace

import pytest
from faust.types import TP

from schemas import Misconfigured, NormalizedArticle, RawArticle
from streams.driver import Bounds, Consumer, Slice
from streams.settings import Settings
from streams.stage import Stage, start_of

HERE = TP("khabar.live.articles.raw.v1", 1)


@pytest.fixture
def stage():
    made = Stage("normalize", reads=RawArticle, writes=NormalizedArticle, settings=Settings(metrics_port=0))
    made.listen(SimpleNamespace(channel=SimpleNamespace(queue=asyncio.Queue())))
    made.__dict__["_consumer"] = SimpleNamespace(generation=1)
    return made


def found(first, count, generation=1):
    return Slice(HERE, generation, [SimpleNamespace(offset=first + each) for each in range(count)])


def offsets(batch):
    return [record.offset for each in batch for record in each.records]


async def test_a_batch_is_what_has_arrived_at_once_when_anything_has(stage):
    stage.arrived(found(0, 1))
    assert offsets(await stage.next_batch()) == [0]
    stage.arrived(found(1, 3))
    stage.arrived(found(4, 2))
    assert offsets(await stage.next_batch()) == [1, 2, 3, 4, 5]


async def test_what_came_of_a_partition_in_many_polls_is_one_slice_and_so_one_transaction(stage):
    elsewhere = HERE._replace(partition=2)
    for first in range(3):
        stage.arrived(found(first, 1))
        stage.arrived(found(first, 1)._replace(partition=elsewhere))
    batch = await stage.next_batch()
    assert [(each.partition, offsets([each])) for each in batch] == [(HERE, [0, 1, 2]), (elsewhere, [0, 1, 2])]


async def test_a_batch_has_a_largest_size_and_the_rest_comes_next_in_order(stage):
    stage.took(10, 0.5)  # a slow core: 10 records are what is done in half a second
    stage.arrived(found(0, 25))
    assert [offsets(await stage.next_batch()) for _ in range(3)] == [
        list(range(10)), list(range(10, 20)), list(range(20, 25))
    ]  # fmt: skip


async def test_batches_grow_with_a_fast_core_and_shrink_with_a_slow_one(stage):
    for _ in range(10):
        stage.took(100, 0.001)
    assert stage._limit == 500
    stage.took(500, 5.0)
    assert stage._limit == 50
    stage.took(1, 30.0)
    assert stage._limit == 1


async def test_what_was_read_before_partitions_were_given_anew_is_dropped(stage):
    stage.arrived(found(0, 5, generation=0))
    stage.arrived(found(3, 2, generation=1))
    assert offsets(await stage.next_batch()) == [3, 4]


def test_what_is_stale_is_not_acknowledged():
    consumer = SimpleNamespace(generation=2, done={})
    Consumer.acknowledge(consumer, HERE, 1, 50)
    assert consumer.done == {}
    Consumer.acknowledge(consumer, HERE, 2, 60)
    assert consumer.done == {HERE: 60}


def test_a_group_reads_on_where_it_has_committed():
    assert start_of(HERE, Bounds(committed=40, first=0, end=100)) == 40
    assert start_of(HERE, Bounds(committed=100, first=100, end=100)) == 100


def test_a_new_group_begins_at_the_first_record_and_says_if_that_is_not_the_first_ever(caplog):
    assert start_of(HERE, Bounds(committed=None, first=0, end=9)) == 0
    assert caplog.text == ""
    assert start_of(HERE, Bounds(committed=None, first=7, end=9)) == 7
    assert "the log begins at offset 7" in caplog.text


def test_a_position_that_is_gone_is_refused_with_what_is_gone():
    with pytest.raises(Misconfigured, match=r"partition 1: offsets 40 to 59 are gone"):
        start_of(HERE, Bounds(committed=40, first=60, end=100))


def test_a_topic_that_ends_before_the_position_was_made_anew():
    with pytest.raises(Misconfigured, match=r"ends at offset 3, before the committed 40"):
        start_of(HERE, Bounds(committed=40, first=0, end=3))
