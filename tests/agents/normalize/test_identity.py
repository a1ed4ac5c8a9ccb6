"""Ids and versions: one article has one id however its link is written, and one version however its text is marked."""

from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.normalize import Normalizer
from agents.normalize.identity import canonical_url
from schemas import NormalizedArticle, RawArticle, Received, Refused

Make = Callable[..., NormalizedArticle]


@pytest.mark.parametrize(
    "same",
    [
        "http://خبر-اليوم.example/سياسة/لقاء الوزير?id=7",
        "https://خبر-اليوم.example/سياسة/لقاء%20الوزير?id=7#comments",
        f"https://{'خبر-اليوم'.encode('idna').decode()}.example/{quote('سياسة/لقاء الوزير')}?id=7",
        "HTTPS://خبر-اليوم.EXAMPLE:443/%d8%b3%d9%8a%d8%a7%d8%b3%d8%a9/لقاء%20الوزير?utm_source=x&id=7&fbclid=1",
        "//خبر-اليوم.example./سياسة/لقاء الوزير?id=7",
        " خبر-اليوم.example/سياسة/لقاء الوزير?id=7&UTM_Medium=mail ",
    ],
)
def test_all_ways_to_write_a_link_are_one_article(normalized: Make, same: str) -> None:
    first = normalized(url="https://خبر-اليوم.example/سياسة/لقاء الوزير?id=7", title="لقاء")
    assert normalized(url=same, title="لقاء").id == first.id


@pytest.mark.parametrize(
    "other",
    [
        "https://nahar.example/news?id=8",
        "https://nahar.example/news?id=7&page=2",
        "https://nahar.example/news/?id=7",
        "https://nahar.example:8443/news?id=7",
        "https://nahar.example/News?id=7",
        "https://m.nahar.example/news?id=7",
        "https://nahar.example/news?ref=7",
    ],
)
def test_what_may_name_another_page_makes_another_article(normalized: Make, other: str) -> None:
    assert normalized(url=other, title="لقاء").id != normalized(url="https://nahar.example/news?id=7", title="لقاء").id


@given(st.text("abc/٢صح%&=?_.~-+ ;:@", max_size=30))
def test_a_canonical_url_is_its_own_canonical_form(rest: str) -> None:
    once = str(canonical_url(f"http://nahar.example/{rest}"))
    assert str(canonical_url(once)) == once


@pytest.mark.parametrize(
    "url", ["not a link", "/news/7", "ftp://nahar.example/a", "https://", "https://nahar.example:99999/"]
)
def test_a_url_that_is_none_is_refused_by_its_name(normalized: Make, url: str) -> None:
    with pytest.raises(Refused, match="url is"):
        normalized(url=url, title="لقاء")


def test_without_a_url_the_outlets_own_id_is_the_id(normalized: Make) -> None:
    first = normalized(source="nahar", source_id="A-1", title="لقاء")
    assert normalized(source="nahar", source_id="A-1", title="لقاء آخر").id == first.id
    assert normalized(source="nahar", source_id="A-2", title="لقاء").id != first.id
    assert normalized(source="layl", source_id="A-1", title="لقاء").id != first.id


def test_without_any_id_the_text_is_the_id(normalized: Make) -> None:
    first = normalized(source="nahar", title="لقاء")
    assert normalized(source="nahar", title="لِقاءٌ").id == first.id
    assert normalized(source="nahar", title="لقاء آخر").id != first.id


def test_the_source_is_the_host_where_none_is_given(normalized: Make) -> None:
    assert normalized(url="https://www.nahar.example/7", title="لقاء").source == "nahar.example"
    assert normalized(url="https://www.nahar.example/7", source="النهار", title="لقاء").source == "النهار"


def test_an_added_shadda_is_the_same_version(normalized: Make) -> None:
    first = normalized(title="أكد الوزير", body="قال محمد إن الأمر تم.")
    assert normalized(title="أكّد الوزير", body="قال محمّد إنّ الأمر تمّ .").version == first.version
    assert normalized(title="أكد الوزير", body="قال محمد إن الأمر لم يتم.").version != first.version
    assert normalized(title="أكد الوزير قال", body="محمد إن الأمر تم.").version != first.version


def test_the_same_text_withheld_is_another_version(normalized: Make) -> None:
    assert normalized(title="لقاء").version != normalized(title="لقاء", status="withheld").version


def test_a_cancellation_has_no_text_and_the_version_of_its_bytes(normalizer: Normalizer) -> None:
    article = RawArticle(url="https://nahar.example/7", status="canceled", title="لقاء", body="نص")
    one = normalizer.normalize(article, Received(value=b'{"a":1}', seen_us=0))
    other = normalizer.normalize(article, Received(value=b'{"a":2}', seen_us=0))
    assert (one.title, one.lead, one.body, one.clean, one.language) == (None, None, None, [], None)
    assert one.id == other.id
    assert one.version != other.version


@pytest.mark.parametrize(
    ("fields", "missing"),
    [
        ({"url": None, "title": "لقاء"}, "source and url are missing"),
        ({"url": " ", "source": "", "title": "لقاء"}, "source and url are missing"),
        ({"source": "nahar", "status": "canceled"}, "url and source_id are missing"),
        ({"source": "nahar", "title": "<p> </p>", "body": "\u200f"}, "title and body are empty"),
        ({"source": "nahar", "title": "...", "body": "!!! — 😀"}, "title and body are empty"),
        ({"source": "nahar", "lead": "مقدمة"}, "title and body are empty"),
    ],
)
def test_what_names_no_article_is_refused_with_what_is_missing(
    normalized: Make, fields: dict[str, str], missing: str
) -> None:
    with pytest.raises(Refused, match=missing):
        normalized(**fields)
