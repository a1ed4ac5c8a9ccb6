"""`khabar serve` takes articles in: over real sockets, into a real Kafka, through kills and a broker that is away."""

import asyncio
import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import aiohttp
import hypothesis
import orjson
import pytest
import schemathesis
from prometheus_client import CollectorRegistry
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from agents.normalize.identity import identify
from deploy.broker import Broker
from schemas import Lane
from streams import lanes
from streams.gateway.app import application
from streams.gateway.push import Limits, Push
from streams.gateway.server import Server, listen
from streams.read import read_topic
from streams.settings import Settings

pytestmark = pytest.mark.kafka

PRODUCER = "of-the-producer"
TOKENS = f"{sha256(PRODUCER.encode()).hexdigest()}=sahifa.example"
BEARER = {"Authorization": f"Bearer {PRODUCER}"}
LINES = BEARER | {"Content-Type": "application/x-ndjson"}
ONE = BEARER | {"Content-Type": "application/json"}


def article(number: int, **more: Any) -> dict[str, Any]:
    return {"source_id": str(number), "title": f"خبر رقم {number}", "body": "اجتمع المجلس اليوم."} | more


def ndjson(records: list[Any]) -> bytes:
    return b"".join(each if isinstance(each, bytes) else orjson.dumps(each) + b"\n" for each in records)


@pytest.fixture
async def lived(settings: Settings) -> Settings:
    """A live lane that is there already, as `khabar serve` wants it."""
    await lanes.ensure(settings)
    return settings


@contextmanager
def gateway(settings: Settings, log: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A running `khabar serve` and its address; whoever asked for it ends it, or it is killed."""
    environment = os.environ | settings.environment() | {"KHABAR_PUSH_TOKENS": TOKENS, "KHABAR_GATEWAY_RATE": "0"}
    with log.open("ab") as said:
        command = [sys.executable, "-m", "deploy", "serve", "--port", "0"]
        process = subprocess.Popen(command, env=environment, stderr=said)
    try:
        until = time.monotonic() + 60
        while b" is served at " not in (text := log.read_bytes()):
            assert process.poll() is None, text.decode()
            assert time.monotonic() < until, text.decode()
            time.sleep(0.05)
        yield process, text.rpartition(b" is served at ")[2].split()[0].decode()
    finally:
        process.kill()
        process.wait(10)


@pytest.fixture
async def pushing() -> AsyncIterator[Callable[..., Any]]:
    """`url = await pushing(settings, Limits(…))`: a gateway that takes articles until the test ends."""
    running: list[tuple[Server, asyncio.Task[None]]] = []

    async def start(settings: Settings, limits: Limits | None = None) -> str:
        registry = CollectorRegistry()
        push = Push(settings, lambda each: identify(each).id, registry, limits)
        listening, started = listen("127.0.0.1", 0), asyncio.Event()
        server = Server(application(settings, [push], registry), started.set)
        running.append((server, asyncio.create_task(server.serve([listening]))))
        async with asyncio.timeout(60):
            await started.wait()
        return f"http://127.0.0.1:{listening.getsockname()[1]}"

    yield start
    for server, task in running:
        server.should_exit = True
        await asyncio.wait_for(task, 10)


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def post(client: Any, url: str, data: bytes, headers: dict[str, str] = LINES) -> tuple[int, Any]:
    async with client.post(url + "/v1/articles", data=data, headers=headers) as answer:
        return answer.status, await answer.json(content_type=None)


async def raw(settings: Settings) -> list[tuple[bytes, bytes]]:
    return [(record.key or b"", record.value or b"") async for record in read_topic(settings, "raw")]


@pytest.fixture
def settings(kafka: str, lane: str) -> Settings:
    return Settings(broker=kafka, lane=lane, push_tokens=TOKENS, gateway_rate=0)


async def test_what_is_pushed_is_in_raw_as_it_was_sent(settings: Settings, pushing: Any, client: Any) -> None:
    url = await pushing(settings)
    sent = b' {"source":"sahifa.example", "url":"https://sahifa.example/1","title":"\\u062e\\u0628\\u0631"}'
    status, said = await post(client, url, sent, ONE)
    assert status == 202
    assert len(said["id"]) == 32
    assert await raw(settings) == [(b"https://sahifa.example/1", sent)]


async def test_a_batch_is_answered_record_by_record_and_the_good_ones_are_taken(
    settings: Settings, pushing: Any, client: Any
) -> None:
    url = await pushing(settings)
    bad = [b"nonsense\n", article(2, source="akhbar.example"), article(3, published_at="yesterday")]
    body = gzip.compress(ndjson([article(1), *bad, article(4), b"\n", {"source_id": "1", "status": "canceled"}]))
    status, said = await post(client, url, body, LINES | {"Content-Encoding": "gzip"})
    assert (status, said["taken"], said["refused"]) == (207, 3, 3)
    assert [(each["line"], each["status"]) for each in said["records"]] == [
        (1, 202), (2, 400), (3, 422), (4, 422), (5, 202), (7, 202),
    ]  # fmt: skip
    assert [each["error"].get("pointer") for each in said["records"] if "error" in each] == [
        None, "#/source", "#/published_at",
    ]  # fmt: skip
    async with client.get(url + "/metrics") as answer:
        counted = await answer.text()
    for outcome, count in (("taken", 3), ("invalid", 1), ("undated", 1), ("not-json", 1)):
        sample = f'khabar_push_records_total{{outcome="{outcome}",source="sahifa.example"}} {count}.0'
        assert sample in counted
    kept = await raw(settings)
    assert [orjson.loads(value)["source_id"] for _, value in sorted(kept, key=lambda each: each[1])] == ["1", "1", "4"]
    same = [value for key, value in kept if key == b"sahifa.example\n1"]
    assert [orjson.loads(value).get("status") for value in same] == [None, "canceled"]  # in the order of the lines
    status, problem = await post(client, url, ndjson(bad))
    assert (status, problem["status"], [each["line"] for each in problem["errors"]]) == (422, 422, [1, 2, 3])


async def test_only_producers_push_and_into_this_lane(settings: Settings, pushing: Any, client: Any) -> None:
    url = await pushing(settings)
    for headers in ({}, {"Authorization": "Bearer guessed"}):
        status, problem = await post(client, url, ndjson([article(1)]), LINES | {"Authorization": ""} | headers)
        assert (status, problem["title"]) == (401, "Unauthorized")
    assert (await post(client, url, b"", ONE))[0] == 400
    async with client.post(url + "/v1/articles?lane=other", data=b"{}", headers=ONE) as answer:
        assert answer.status == 404
    assert await raw(settings) == []


async def test_a_replays_lane_takes_no_pushed_articles(settings: Settings, pushing: Any, client: Any) -> None:
    await lanes.create(settings, Lane(kind="replay", since=None, until=None, versions={}))
    status, problem = await post(client, await pushing(settings), ndjson([article(1)]))
    assert (status, "is a replay's" in problem["detail"]) == (409, True)


async def test_who_sends_too_much_is_told_when_to_come_again(settings: Settings, pushing: Any, client: Any) -> None:
    small = await pushing(settings, Limits(records=2, in_flight=2_000, body=1_000))
    for body, status in ((ndjson([article(1)] * 3), 413), (b"x" * 1_001, 413), (ndjson([article(1)]), 202)):
        assert (await post(client, small, body))[0] == status
    full = await pushing(settings, Limits(in_flight=50))
    slow = await pushing(settings, Limits(behind=0))
    for url in (full, slow):
        async with asyncio.timeout(10):
            while (await post(client, url, ndjson([article(1)])))[0] != 429:
                await asyncio.sleep(0.1)
        async with client.post(url + "/v1/articles", data=ndjson([article(1)]), headers=LINES) as answer:
            assert 1 <= int(answer.headers["Retry-After"]) <= 60


async def test_a_broker_that_is_away_is_503_and_comes_back(
    broker: Broker, lane: str, pushing: Any, client: Any
) -> None:
    settings = Settings(broker=broker.bootstrap, lane=lane, push_tokens=TOKENS, gateway_rate=0)
    url = await pushing(settings, Limits(wait=1.0))
    assert (await post(client, url, ndjson([article(0)])))[0] == 202
    broker.kill()
    assert (await post(client, url, ndjson([article(1)])))[0] == 503
    began = time.monotonic()
    status, problem = await post(client, url, ndjson([article(2)]))
    assert (status, "send it again" in problem["detail"]) == (503, True)
    assert time.monotonic() - began < 0.5  # whoever asks while it is known to be away does not wait
    async with client.get(url + "/readyz") as answer:
        assert answer.status == 503
    broker.start()
    async with asyncio.timeout(60):
        while (await post(client, url, ndjson([article(3)])))[0] != 202:
            await asyncio.sleep(0.2)
    kept = {orjson.loads(value)["source_id"] for _, value in await raw(settings)}
    assert {"0", "3"} <= kept <= {"0", "1", "3"}  # 1 was on its way, 2 was not taken


@contextmanager
def producers(url: str, count: int = 4) -> Iterator[set[str]]:
    """Producers that push a batch after the other until they are cut off; what was answered with 202."""
    taken: set[str] = set()

    async def produce(number: int) -> None:
        async with aiohttp.ClientSession() as session:
            for batch in range(1_000_000):
                ids = [f"{number}-{batch}-{each}" for each in range(20)]
                try:
                    status, _ = await post(session, url, ndjson([{"source_id": id_, "title": "خبر"} for id_ in ids]))
                except aiohttp.ClientError:
                    return
                assert status == 202
                taken.update(ids)

    tasks = [asyncio.create_task(produce(number)) for number in range(count)]
    yield taken
    for task in tasks:
        task.cancel()


async def test_what_was_answered_with_202_survives_kill_9(lived: Settings, tmp_path: Path) -> None:
    with gateway(lived, tmp_path / "serve.log") as (process, url), producers(url) as taken:
        async with asyncio.timeout(30):
            while len(taken) < 2_000:
                await asyncio.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        await asyncio.sleep(0.2)
    kept = [orjson.loads(value)["source_id"] for _, value in await raw(lived)]
    assert taken <= set(kept)
    assert len(kept) == len(set(kept))  # nobody sent anything again


async def test_sigterm_lets_every_request_under_way_have_its_answer(lived: Settings, tmp_path: Path) -> None:
    with gateway(lived, tmp_path / "serve.log") as (process, url):

        async def body() -> AsyncIterator[bytes]:
            yield orjson.dumps(article(1)) + b"\n"
            process.send_signal(signal.SIGTERM)
            await asyncio.sleep(1.0)
            yield orjson.dumps(article(2)) + b"\n"

        async with aiohttp.ClientSession() as session:
            status, said = await post(session, url, body(), LINES)  # type: ignore[arg-type] # aiohttp takes iterators
            assert (status, said["taken"]) == (202, 2)
            assert await asyncio.to_thread(process.wait, 10) == 0
            with pytest.raises(aiohttp.ClientConnectionError):
                await post(session, url, b"")
    assert len(await raw(lived)) == 2
    assert (tmp_path / "serve.log").read_text("utf-8").count("\n") == 1  # nothing to complain of


@schemathesis.serializer("application/x-ndjson")
def as_lines(context: Any, value: Any) -> bytes:
    """What schemathesis makes up for a batch: text, or, where it does otherwise than described, anything."""
    return value.encode() if isinstance(value, str) else json.dumps(value, default=str).encode()  # integers of any size


def test_whatever_is_asked_the_answer_is_one_that_is_described(kafka: str, lane: str, tmp_path: Path) -> None:
    served = Settings(broker=kafka, lane=lane)
    asyncio.run(lanes.ensure(served))
    with gateway(served, tmp_path / "serve.log") as (_, url):
        schema = schemathesis.openapi.from_url(url + "/openapi.json").exclude(path_regex="^/v1/stream/")  # endless
        operations = [each.ok() for each in schema.get_all_operations()]
        assert "POST /v1/articles" in {each.label for each in operations}
        for operation in operations:
            fuzz(operation, 60 if operation.label == "POST /v1/articles" else 6)
    assert "Traceback" not in (tmp_path / "serve.log").read_text("utf-8")


def fuzz(operation: Any, examples: int) -> None:
    """Send what fits the description of an operation, and what does not."""
    described, otherwise = map(operation.as_strategy, (GenerationMode.POSITIVE, GenerationMode.NEGATIVE))

    @hypothesis.given(described | otherwise)
    @hypothesis.settings(max_examples=examples, suppress_health_check=list(hypothesis.HealthCheck))
    def fuzzed(case: Any) -> None:
        # What fits a schema may still be refused: which article it is, and from whom, is more than a schema can say.
        case.call_and_validate(headers=BEARER, excluded_checks=[positive_data_acceptance, negative_data_rejection])

    fuzzed()
