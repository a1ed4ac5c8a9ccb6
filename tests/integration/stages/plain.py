"""A stage in a process of its own, with cores that do as the test says: python plain.py normalize

The title خلل makes the normalizer fail. KHABAR_TEST_BATCHES ends deduplicate, with exit code 9, after so many batches
that moved what it acknowledges; KHABAR_TEST_LIMIT makes batches small; KHABAR_TEST_SLOW makes each record take so long;
KHABAR_TEST_BUG names a method of the stage, not of its core, that fails; KHABAR_TEST_ALONE tells that there is one
process of the stage at a time: its group knows it by name, and the next need not wait until the one before is missed.
"""

import logging
import os
import sys
import time
from collections.abc import Mapping
from functools import partial

from faust.types import TP

from schemas import NormalizedArticle, RawArticle, Received, TaggedArticle, decode, decode_raw
from streams import driver
from streams import stage as stage_module
from streams.driver import Consumer
from streams.stage import Records, Stage
from streams.turn import Arrival

SLOW = float(os.environ.get("KHABAR_TEST_SLOW", "0"))
BUG = os.environ.get("KHABAR_TEST_BUG")
BATCHES = int(os.environ.get("KHABAR_TEST_BATCHES", "0"))
stage_module._LARGEST_BATCH = int(os.environ.get("KHABAR_TEST_LIMIT", "500"))


def normalize() -> Stage:
    from agents.normalize import Normalizer

    app = Stage("normalize", reads=RawArticle, writes=NormalizedArticle)

    @app.agent(app.source)
    async def agent(records: Records) -> None:
        core = await app.load(Normalizer.shipped)

        def think(arrival: Arrival) -> NormalizedArticle:
            article = decode_raw(arrival.value)
            time.sleep(SLOW)
            if article.title == "خلل":
                raise ZeroDivisionError("a bug on purpose")
            return core.normalize(article, Received(value=arrival.value, seen_us=arrival.seen_us))

        await app.each_batch(records, think)

    return app


def tag() -> Stage:
    from agents.tag import Tagger

    app = Stage("tag", reads=NormalizedArticle, writes=TaggedArticle)

    @app.agent(app.source)
    async def agent(records: Records) -> None:
        core = await app.load(Tagger.off)

        def think(arrival: Arrival) -> TaggedArticle:
            time.sleep(SLOW)
            return core.tag(decode(NormalizedArticle, arrival.value))

        await app.each_batch(records, think)

    return app


def deduplicate() -> Stage:
    from agents.deduplicate import agent

    moved: set[int] = set()
    acknowledge, commit = Consumer.acknowledge, Consumer._commit

    def noticed(self: Consumer, partition: TP, generation: int, offset: int) -> None:
        if offset != self.done.get(partition):  # a batch that only holds more back moves nothing
            moved.add(offset)
        acknowledge(self, partition, generation, offset)

    async def ending(self: Consumer, offsets: Mapping[TP, int]) -> bool:
        done = await commit(self, offsets)
        if BATCHES and len(moved) >= BATCHES and not moved.isdisjoint(offsets.values()):
            os._exit(9)
        return done

    Consumer.acknowledge, Consumer._commit = noticed, ending  # type: ignore[method-assign]
    return agent.app


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    app = {"normalize": normalize, "tag": tag, "deduplicate": deduplicate}[sys.argv[1]]()
    if BUG:
        setattr(app, BUG, lambda *given: 1 // 0)
    if "KHABAR_TEST_ALONE" in os.environ:
        driver.make_consumer = partial(driver.make_consumer, group_instance_id="only")
    app.work()
