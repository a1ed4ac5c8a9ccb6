"""Publishing: what the broker will never take is known to whoever sent it, and harms nobody else."""

import asyncio
from collections.abc import Iterable

import pytest
from aiokafka.errors import MessageSizeTooLargeError

from schemas import RawArticle
from streams.delivery import Output
from streams.publishing import Publisher, Record, record_of
from streams.settings import Settings


class Choosy:
    """Takes everything but one value; what it took is in `taken`."""

    def __init__(self) -> None:
        self.taken: list[bytes | None] = []

    async def send(self, outputs: Iterable[Output]) -> None:
        values = [output.value for output in outputs]
        if b"bad" in values:
            raise MessageSizeTooLargeError
        self.taken += values

    async def close(self) -> None:
        pass


@pytest.fixture
def choosy() -> Choosy:
    return Choosy()


@pytest.fixture
def publisher(choosy: Choosy, monkeypatch: pytest.MonkeyPatch) -> Publisher:
    publisher = Publisher(Settings(), 4)
    monkeypatch.setattr(publisher, "_delivery", choosy)
    return publisher


async def test_a_refusal_for_good_is_raised_to_who_sent_it_and_to_who_runs_it(
    publisher: Publisher, choosy: Choosy
) -> None:
    running = asyncio.create_task(publisher.run())
    with pytest.raises(MessageSizeTooLargeError):
        await publisher.send([Record(b"k", b"good"), Record(b"k", b"bad")])
    with pytest.raises(MessageSizeTooLargeError):
        await running
    again = asyncio.create_task(publisher.run())  # for those who go on
    await publisher.send([Record(b"k", b"next")])
    assert choosy.taken == [b"next"]
    again.cancel()


def test_versions_of_an_article_have_one_key_and_the_bytes_may_be_the_producers() -> None:
    first, second = (RawArticle(url="https://example.org/a", title=title) for title in ("أول", "ثان"))
    found = [record_of(first), record_of(second, b"as sent")]
    assert [each and each.key for each in found] == [b"https://example.org/a"] * 2
    assert found[1] == Record(b"https://example.org/a", b"as sent")
    assert record_of(first, b"x" * (1 << 20)) is None
