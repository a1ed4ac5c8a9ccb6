"""What a stage reads waits for its agent, even if the agent is not there yet."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

from faust.types import TP

from schemas import NormalizedArticle, TaggedArticle
from streams.driver import Slice
from streams.settings import Settings
from streams.stage import Stage


async def test_what_was_read_before_the_agent_listens_comes_first() -> None:
    stage = Stage("tag", reads=NormalizedArticle, writes=TaggedArticle, settings=Settings())
    early, late = (Slice(TP("normalized", number), 0, []) for number in (0, 1))
    stage.arrived(early)
    records = cast(Any, SimpleNamespace(channel=SimpleNamespace(queue=asyncio.Queue())))
    stage.listen(records)
    stage.arrived(late)
    assert stage.waiting() == 2
    assert [records.channel.queue.get_nowait() for _ in range(2)] == [early, late]
