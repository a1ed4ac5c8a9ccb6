"""What becomes of each record of a batch, without Kafka."""

from dataclasses import replace

import pytest
from aiokafka import ConsumerRecord
from hypothesis import given
from hypothesis import strategies as st

from schemas import Lane, NormalizedArticle, Refused, date_of, decode_raw, place_of
from streams.topics import Topics, by_name, size_of
from streams.turn import Turn

NAMES = Topics("khabar", "live")
PLACE = place_of(1_700_000_000_000_000, canceled=False, value=b"x")


def lane(kind):
    return Lane(kind=kind, since=None, until=None, versions={})


def record(value, *, offset=5, headers=(), topic="raw", partition=3):
    return ConsumerRecord(
        topic=NAMES.name(topic), partition=partition, offset=offset, timestamp=1_777_627_867_000, timestamp_type=1,
        key=b"theirs", value=value, checksum=None, serialized_key_size=6, serialized_value_size=0,
        headers=tuple(headers),
    )  # fmt: skip


def normalized(article, seen_us=0, **changes):
    fields = {
        "id": "1", "version": "v", "status": "usable", "source": "x.example", "source_id": None, "url": None,
        "title": article.title, "lead": None, "body": None, "author": None, "section": None, "image": None, "extra": {},
        "language": "ar", "published_at": None, "dated_by": "none", "date_precision": None, "seen_at": str(seen_us),
        "late": False, "attributions": [], "provenance": {}, "clean": [],
    }  # fmt: skip
    return NormalizedArticle(**(fields | changes))


def think(arrival):
    article = decode_raw(arrival.value)
    if article.title == "bug":
        raise ZeroDivisionError("on purpose")
    return normalized(article, arrival.seen_us)


def turn(kind="live", core=think):
    return Turn("normalize", NAMES, lane(kind), NormalizedArticle, core)


def run_one(found, **options):
    turned = turn(**options).run([found])
    ((outcome, count),) = turned.outcomes.items()
    assert count == 1
    return outcome, turned.outputs[0] if turned.outputs else None


def note(output):
    return {name: value.decode() for name, value in output.headers}


def test_a_live_article_was_seen_when_the_broker_appended_it():
    outcome, output = run_one(record(b'{"title": "t"}'))
    assert outcome == "out"
    assert b'"seen_at":"1777627867000000"' in output.value
    assert (output.topic, output.partition, output.key) == (NAMES.name("normalized"), 3, b"1")
    assert note(output)["khabar-raw"] == note(output)["ce_id"] == "3:5"


def test_a_replayed_article_was_seen_at_the_date_of_its_place():
    outcome, output = run_one(record(b"{}", headers=[("khabar-place", PLACE.encode())]), kind="replay")
    assert outcome == "out"
    assert f'"seen_at":"{date_of(PLACE)}"'.encode() in output.value
    assert note(output)["khabar-place"] == PLACE


def test_what_a_producer_puts_into_our_headers_is_not_believed():
    _, output = run_one(record(b"{}", headers=[("khabar-raw", b"0:0"), ("khabar-place", b"1"), ("ce_id", b"z")]))
    names = [name for name, _ in output.headers]
    assert len(names) == len(set(names))
    assert note(output)["khabar-raw"] == "3:5"
    assert "khabar-place" not in names


@pytest.mark.parametrize(
    ("value", "headers", "kind", "cause"),
    [
        (b"{", [], "live", "not-json"),
        (b"[1]", [], "live", "invalid"),
        (b'{"title": "bug"}', [], "live", "bug"),
        (b"{}", [("khabar-mark", b"~")], "live", "invalid"),
        (b"{}", [], "replay", "invalid"),
        (b"{}", [("khabar-refused", b"no date"), ("khabar-cause", b"undated")], "replay", "undated"),
        (b"{}", [("khabar-place", b"\xff")], "replay", "bug"),
    ],
)
def test_what_cannot_be_used_is_a_dead_letter_with_its_bytes(value, headers, kind, cause):
    _, letter = run_one(record(value, headers=headers), kind=kind)
    assert (letter.topic, letter.key, letter.value) == (NAMES.name("letters"), b"theirs", value)
    said = note(letter) if cause != "bug" or value != b"{}" else dict(letter.headers[-10:])
    assert said["khabar-cause"] in (cause, cause.encode())


def test_what_is_finished_together_and_fails_harms_only_the_record_it_fails_on():
    def finish(articles):
        if any(each.title == "fails" for each in articles):
            raise ZeroDivisionError("on purpose")
        return [replace(each, id=f"{each.title}!") for each in articles]

    titles = ["a", "fails", "b", None, "c"]
    records = [record(b"[" if each is None else b'{"title": "%s"}' % each.encode(), offset=at)
               for at, each in enumerate(titles)]  # fmt: skip
    turned = Turn("normalize", NAMES, lane("live"), NormalizedArticle, think, finish).run(records)
    assert turned.outcomes == {"out": 3, "bug": 1, "refused": 1}
    assert [each.key for each in turned.outputs] == [b"a!", b"theirs", b"b!", b"theirs", b"c!"]


def test_a_tombstone_is_neither_an_article_nor_a_dead_letter():
    assert run_one(record(None)) == ("tombstone", None)


def test_a_record_of_ours_without_its_raw_position_is_refused():
    found = record(b"{}", topic="normalized")
    outcome, letter = run_one(found)
    assert outcome == "refused"
    assert "khabar-raw" in note(letter)["khabar-reason"]


def test_a_raw_record_over_the_limit_is_too_large_though_the_broker_took_it():
    largest = by_name("raw").largest
    fits = record(b" " * (largest - len(b"theirs") - 2) + b"{}")
    assert run_one(fits)[0] == "out"
    outcome, letter = run_one(record(b" " + fits.value))
    assert (outcome, note(letter)["khabar-cause"]) == ("refused", "too-large")


def test_an_event_of_the_largest_size_goes_out_and_one_byte_more_is_a_dead_letter():
    largest = by_name("normalized").largest
    _, small = run_one(record(b"{}"), core=lambda _: normalized(decode_raw(b"{}"), title=""))
    room = largest - size_of(small.key, small.value, small.headers)
    outcome, output = run_one(record(b"{}"), core=lambda _: normalized(decode_raw(b"{}"), title="x" * room))
    assert (outcome, size_of(output.key, output.value, output.headers)) == ("out", largest)
    outcome, letter = run_one(record(b"{}"), core=lambda _: normalized(decode_raw(b"{}"), title="x" * (room + 1)))
    assert (outcome, note(letter)["khabar-cause"], letter.value) == ("refused", "too-large", b"{}")


def test_a_process_without_memory_left_does_not_blame_the_record():
    def exhausted(_):
        raise MemoryError

    with pytest.raises(MemoryError):
        turn(core=exhausted).run([record(b"{}")])


@given(st.lists(st.one_of(st.none(), st.binary(max_size=40), st.just(b'{"title": "t"}'), st.just(b'{"title": "bug"}'))))
def test_every_record_comes_to_one_outcome_and_outputs_keep_its_order(values):
    records = [record(value, offset=offset) for offset, value in enumerate(values)]
    turned = turn().run(records)
    assert turned.outcomes.total() == len(records)
    offsets = [
        int(dict(o.headers).get("khabar-offset") or dict(o.headers)["khabar-raw"].split(b":")[1])
        for o in turned.outputs
    ]
    assert offsets == [found.offset for found in records if found.value is not None]


def test_a_refusal_keeps_its_cause():
    def refuse(_):
        raise Refused("title and body are empty", cause="empty")

    _, letter = run_one(record(b"{}"), core=refuse)
    assert (note(letter)["khabar-cause"], note(letter)["khabar-reason"]) == ("empty", "title and body are empty")
