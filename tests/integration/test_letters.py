"""`khabar letters` on a real broker: every refused record listed once, and shown with its bytes."""

import asyncio
import base64
from dataclasses import replace

import orjson
import pytest
from typer.testing import CliRunner, Result

from deploy.cli import app
from schemas import DeadLetter, Misconfigured
from streams import cluster, letters
from streams.kafka import make_producer, running
from streams.settings import Settings
from streams.topics import Topics, by_name

pytestmark = pytest.mark.kafka

NOTE = DeadLetter(
    stage="normalize",
    cause="not-json",
    reason="the record is not JSON: unexpected character",
    from_topic="khabar.live.articles.raw.v1",
    from_partition=2,
    from_offset=7,
    at="2026-05-01T09:30:00Z",
)
BUG = replace(NOTE, stage="tag", cause="bug", reason="KeyError: 'x'", trace="Traceback …\nKeyError: 'x'", from_offset=8)


def sent(settings: Settings, *written: letters.Letter) -> None:
    async def send() -> None:
        await cluster.create(settings)
        topic = Topics(settings.prefix, settings.lane).name(DeadLetter)
        async with running(make_producer(settings), settings) as producer:
            for letter in written:
                await producer.send_and_wait(topic, letter.value, letter.key, headers=list(letter.headers))

    asyncio.run(send())


@pytest.fixture
def settings(kafka: str, lane: str) -> Settings:
    settings = Settings(broker=kafka, lane=lane)
    sent(
        settings,
        letters.write(NOTE, b"key", b"{broken", [("traceparent", b"00-1")]),
        letters.write(replace(NOTE, from_offset=9, at="2026-05-02T00:00:00Z"), None, b"\xff\x00\x1b[2J", []),
        letters.write(NOTE, b"key", b"{broken", [("traceparent", b"00-1")]),  # refused again after a kill
        letters.write(BUG, None, '{"title": "خبر\u202e"}'.encode(), []),
    )
    return settings


def khabar(settings: Settings, *words: str) -> Result:
    return CliRunner().invoke(app, ["letters", *words, "--lane", settings.lane, "--broker", settings.broker])


def test_letters_are_listed_by_cause_with_first_last_count_and_an_example(settings: Settings) -> None:
    listed = khabar(settings, "list")
    assert [line.split("\t") for line in listed.stdout.splitlines()] == [
        ["not-json", "2", "2026-05-01T09:30:00Z", "2026-05-02T00:00:00Z", "1", NOTE.reason],
        ["bug", "1", "2026-05-01T09:30:00Z", "2026-05-01T09:30:00Z", "3", "KeyError: 'x'"],
    ]
    (first, _) = orjson.loads(khabar(settings, "list", "--json").stdout)
    assert (first["cause"], first["count"], first["example"]["number"]) == ("not-json", 2, 1)


def test_the_letters_of_one_cause_are_listed_one_by_one(settings: Settings) -> None:
    listed = khabar(settings, "list", "--cause", "not-json")
    assert [line.split("\t")[0] for line in listed.stdout.splitlines()] == ["0", "1"]
    assert "khabar.live.articles.raw.v1/2@9" in listed.stdout
    assert khabar(settings, "list", "--cause", "late").stdout == ""


def test_a_letter_is_shown_with_reason_trace_headers_and_text(settings: Settings) -> None:
    shown = khabar(settings, "show", "0").stdout
    for part in (NOTE.reason, "not-json in normalize", "raw.v1/2@7", "traceparent: 00-1", "key     key", "{broken"):
        assert part in shown
    assert "Traceback …\nKeyError: 'x'" in khabar(settings, "show", "3").stdout


def test_nothing_in_a_letter_is_obeyed_by_a_terminal(settings: Settings) -> None:
    assert khabar(settings, "show", "1").stdout.endswith("\nff 00 1b 5b 32 4a\n")
    assert '{"title": "خبر\\u202e"}' in khabar(settings, "show", "3").stdout


def test_the_bytes_of_a_letter_can_be_taken_out_of_the_json(settings: Settings) -> None:
    shown = orjson.loads(khabar(settings, "show", "1", "--json").stdout)
    assert base64.b64decode(shown["value_base64"]) == b"\xff\x00\x1b[2J"
    assert (shown["key"], shown["cause"], shown["from_offset"]) == (None, "not-json", 9)
    assert orjson.loads(khabar(settings, "show", "0", "--json").stdout)["value"] == "{broken"


def test_a_number_that_is_no_letter_is_told(settings: Settings) -> None:
    for number in (4, 1000):
        with pytest.raises(Misconfigured, match=f"there is no letter {number} in lane {settings.lane}"):
            asyncio.run(letters.find(settings, number))


def test_the_largest_letter_passes_through_kafka(kafka: str, lane: str) -> None:
    import random

    settings = Settings(broker=kafka, lane=lane)
    value = random.Random(7).randbytes(by_name("letters").largest + 1)
    written = letters.write(NOTE, b"key", value, [("h", b"x" * 1000)])
    sent(settings, written)
    read = asyncio.run(letters.find(settings, 0))
    assert read.value == written.value
    assert read.note.cut_from == len(value)
