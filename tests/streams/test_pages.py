"""Text comes out as it was written, whatever it is said to be encoded in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.feeds.parsing import parse
from streams.pages import decode

WORDS = "وصلت بعثة طبية إلى طرابلس، وضمت ثلاثين طبيبا"
TEXT = f"<rss version='2.0'><channel><item><title>{WORDS}</title></item></channel></rss>"


@pytest.mark.parametrize(
    "encoding", ["windows-1256", "iso-8859-6", "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"]
)
@pytest.mark.parametrize("declared", [None, "utf-8", "windows-1252x"])
def test_the_declaration_may_be_wrong_or_missing(encoding: str, declared: str | None) -> None:
    text = TEXT.replace("،", "") if encoding == "iso-8859-6" else TEXT
    assert decode(text.encode(encoding), declared) == text


def test_a_right_declaration_is_followed() -> None:
    text = "café à la crème, déjà vu"
    assert decode(text.encode("iso-8859-1"), "iso-8859-1") == text
    page = f'<html><head><meta charset="iso-8859-1"></head>{text}'
    assert decode(page.encode("iso-8859-1")) == page


def test_a_broken_byte_or_two_do_not_make_other_text_of_it() -> None:
    broken = TEXT.encode().replace("طبية".encode(), "طبي".encode() + b"\xd8")
    assert decode(broken, "utf-8") == TEXT.replace("طبية", "طبي\ufffd")


def test_a_feed_in_windows_1256_that_says_utf_8_is_read() -> None:
    body = ('<?xml version="1.0" encoding="UTF-8"?>' + TEXT).encode("windows-1256")
    (item,) = parse(body, "https://example.org/rss", "utf-8").items
    assert item.title == WORDS


@given(
    st.binary(max_size=300), st.sampled_from([None, "utf-8", "windows-1256", "utf-7", "replacement", "gb18030", "\0"])
)
def test_no_bytes_break_it(body: bytes, declared: str | None) -> None:
    assert isinstance(decode(body, declared), str)


@given(st.text(max_size=100))
def test_utf_8_is_what_it_is(text: str) -> None:
    if not text.startswith("\ufeff") and text[:2] not in ("<\0", "\0<"):
        assert decode(text.encode("utf-8", "ignore"), "windows-1256") == text.encode("utf-8", "ignore").decode()
