"""A broker that its controller takes for dead answers, and names no broker: who starts then is told to try again."""

from typing import Any

import pytest
from aiokafka.client import AIOKafkaClient

from schemas import Unavailable
from streams.kafka import make_producer, running
from streams.settings import Settings


async def test_a_producer_of_transactions_that_starts_while_no_broker_is_in_service_is_no_bug(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def told_no_broker(_: Any) -> None:
        """What is left of the answer: Kafka's client knows of none, and says nothing."""

    monkeypatch.setattr(AIOKafkaClient, "bootstrap", told_no_broker)
    settings = Settings(broker="127.0.0.1:19092")
    with pytest.raises(Unavailable, match="no broker in service"):
        async with running(make_producer(settings, transactional_id="a"), settings):
            pytest.fail("it cannot have started")
