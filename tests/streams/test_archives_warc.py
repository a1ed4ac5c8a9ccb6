"""Web archives, from real files: which pages are articles, what is found in them, and what is refused."""

import gzip
from pathlib import Path

import orjson
import pytest

from schemas import Misconfigured
from streams.archives.inputs import read_files

PARAGRAPHS = [
    "أعلن المجلس البلدي في عين الرمان اليوم افتتاح الجسر الجديد بعد انتظار دام ثلاثة أعوام، وشكر الأهالي على صبرهم.",
    "وقال سامي الدالي إن المشروع كلف أربعة ملايين دينار، وإنه يختصر الطريق بين ضفتي النهر إلى النصف في ساعات الذروة.",
    "ويأتي افتتاح الجسر ضمن خطة تشمل ثلاث بلدات مجاورة، وتمتد حتى نهاية العام المقبل بحسب ما أوضحت هيئة الموانئ.",
]


def page(meta: str = "", charset: str = "utf-8") -> bytes:
    body = "".join(f"<p>{each}</p>" for each in PARAGRAPHS)
    menu = "<nav><ul>" + "<li><a href='/x'>قسم</a></li>" * 12 + "</ul></nav>"
    head = f"<html lang='ar'><head><title>افتتاح الجسر</title>{meta}</head>"
    return f"{head}<body>{menu}<article><h1>افتتاح الجسر</h1>{body}</article></body></html>".encode(charset)


def record(
    content: bytes, number: int = 1, *, kind: str = "response", status: str = "200 OK",
    media: str = "text/html; charset=utf-8", more: str = "",
) -> bytes:  # fmt: skip
    http = (
        f"HTTP/1.1 {status}\r\nContent-Type: {media}\r\n{more}Content-Length: {len(content)}\r\n\r\n".encode() + content
    )
    head = (
        f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Target-URI: https://nidaa.example/{number}\r\n"
        f"WARC-Date: 2026-05-03T09:30:00Z\r\nWARC-Record-ID: <urn:uuid:00000000-0000-0000-0000-{number:012}>\r\n"
        f"Content-Type: application/http; msgtype={kind}\r\nContent-Length: {len(http)}\r\n\r\n"
    )
    return head.encode() + http + b"\r\n\r\n"


DATED = '<meta property="article:published_time" content="2026-05-01T12:00:00+03:00">'


def found(file: Path) -> list[dict[str, object]]:
    return [orjson.loads(line.value) for line in read_files([file]) if not line.problem]


@pytest.mark.parametrize("packed", [False, True])
def test_pages_become_articles_with_their_text_title_and_date(tmp_path: Path, packed: bool) -> None:
    records = [record(page(DATED)), record(page(), 2)]
    file = tmp_path / ("a.warc.gz" if packed else "a.warc")
    file.write_bytes(b"".join(map(gzip.compress, records)) if packed else b"".join(records))
    dated, undated = found(file)
    assert dated["url"] == "https://nidaa.example/1"
    assert dated["title"] == "افتتاح الجسر"
    assert all(each in str(dated["body"]) for each in PARAGRAPHS)
    assert "قسم" not in str(dated["body"])
    assert (dated["published_at"], dated["dated_by"]) == ("2026-05-01T12:00:00+03:00", "page")
    assert "seen_at" not in dated
    assert undated["seen_at"] == "2026-05-03T09:30:00Z"
    assert "published_at" not in undated


def test_what_is_no_page_is_no_article(tmp_path: Path) -> None:
    others = [
        record(b"GET / HTTP/1.1", 1, kind="request"),
        record(page(), 2, status="404 Not Found"),
        record(page(), 3, status="301 Moved Permanently"),
        record(b"{}", 4, media="application/json"),
        record(page(), 5),
    ]
    (tmp_path / "a.warc").write_bytes(b"".join(others))
    (line,) = read_files([tmp_path / "a.warc"])
    assert (line.where, line.problem) == ("a.warc:1", "")


def test_packed_pages_and_pages_in_other_encodings_are_read(tmp_path: Path) -> None:
    records = [
        record(gzip.compress(page()), 1, more="Content-Encoding: gzip\r\n"),
        record(page(charset="windows-1256"), 2, media="text/html; charset=windows-1256"),
    ]
    (tmp_path / "a.warc").write_bytes(b"".join(records))
    assert [PARAGRAPHS[0] in str(each["body"]) for each in found(tmp_path / "a.warc")] == [True, True]


def test_a_page_that_cannot_be_used_is_refused_with_its_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.archives.warc.LARGEST_PAGE", 50_000)
    bomb = gzip.compress(b"<html><body><p>" + b"x" * 5_000_000)
    records = [record(bomb, 1, more="Content-Encoding: gzip\r\n"), record(b"<html></html>", 2), record(page(), 3)]
    (tmp_path / "a.warc").write_bytes(b"".join(records)[:-400])
    said = [line.problem for line in read_files([tmp_path / "a.warc"])]
    assert said == [
        "the page https://nidaa.example/1 has more than 50,000 bytes",
        "no text was found in the page https://nidaa.example/2",
        "the page https://nidaa.example/3 is cut: the archive ends before it does",
    ]


def test_an_archive_that_breaks_off_or_is_none_is_refused(tmp_path: Path) -> None:
    whole = b"".join(gzip.compress(record(page(), number)) for number in range(1, 4))
    (tmp_path / "a.warc.gz").write_bytes(whole[:-50])
    with pytest.raises(Misconfigured, match=r"a\.warc\.gz: the compression is broken after line"):
        found(tmp_path / "a.warc.gz")
    (tmp_path / "b.warc").write_bytes(b"no archive at all\n" * 20)
    with pytest.raises(Misconfigured, match=r"b\.warc: not a whole WARC file after page 0"):
        found(tmp_path / "b.warc")
