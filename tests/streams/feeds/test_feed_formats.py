"""Each format of feeds, and what newsrooms do to them."""

import orjson
import pytest

from streams.feeds.errors import FeedFailed
from streams.feeds.items import Document, Item
from streams.feeds.parsing import MOST_ITEMS, parse

URL = "https://example.org/feeds/main.xml"


def read(text: str | bytes) -> Document:
    return parse(text if isinstance(text, bytes) else text.encode(), URL)


def one(text: str | bytes) -> Item:
    (item,) = read(text).items
    return item


RSS_090 = """<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://my.netscape.com/rdf/simple/0.9/">
<channel><title>أخبار</title></channel><item><title>خبر</title><link>https://example.org/1</link></item></rdf:RDF>"""
RSS_091 = """<!DOCTYPE rss PUBLIC "-//Netscape Communications//DTD RSS 0.91//EN" "http://my.netscape.com/rss-0.91.dtd">
<rss version="0.91"><channel><title>أخبار</title><item><title>خبر</title><link>https://example.org/1</link></item>
</channel></rss>"""
RSS_10 = """<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"
xmlns:dc="http://purl.org/dc/elements/1.1/"><channel rdf:about="https://example.org/"><title>أخبار</title></channel>
<item rdf:about="https://example.org/1"><title>خبر</title><link>https://example.org/1</link>
<dc:date>2026-05-01T10:00:00+03:00</dc:date></item></rdf:RDF>"""
RSS_20 = """<rss version="2.0"><channel><title>أخبار</title><item><title>خبر</title><link>https://example.org/1</link>
</item></channel></rss>"""
ATOM = """<feed xmlns="http://www.w3.org/2005/Atom"><title>أخبار</title><id>tag:example.org,2026:1</id>
<entry><title>خبر</title><id>tag:example.org,2026:2</id><link rel="alternate" href="https://example.org/1"/>
<published>2026-05-01T10:00:00+03:00</published><updated>2026-05-02T10:00:00+03:00</updated></entry></feed>"""
JSON_FEED = orjson.dumps(
    {
        "version": "https://jsonfeed.org/version/1.1",
        "title": "أخبار",
        "items": [{"id": "1", "url": "https://example.org/1", "title": "خبر", "content_html": "<p>نص</p>"}],
    }
)
SITEMAP = """<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:news="http://www.google.com/schemas/sitemap-news/0.9">
<url><loc>https://example.org/1</loc><news:news><news:publication><news:name>صحيفة</news:name>
<news:language>ar</news:language></news:publication><news:publication_date>2026-05-01</news:publication_date>
<news:title>خبر</news:title></news:news></url></urlset>"""


@pytest.mark.parametrize(
    "text",
    [RSS_090, RSS_091, RSS_10, RSS_20, ATOM, JSON_FEED, SITEMAP],
    ids=["0.90", "0.91", "1.0", "2.0", "atom", "json", "sitemap"],
)
def test_every_format_gives_title_and_link(text: str | bytes) -> None:
    item = one(text)
    assert (item.title, item.link) == ("خبر", "https://example.org/1")


def test_atom_gives_the_date_of_publication_and_the_id() -> None:
    item = one(ATOM)
    assert (item.date, item.guid) == ("2026-05-01T10:00:00+03:00", "tag:example.org,2026:2")


def test_a_news_sitemap_gives_date_and_language() -> None:
    assert (one(SITEMAP).date, one(SITEMAP).language) == ("2026-05-01", "ar")


def test_a_sitemap_that_breaks_off_is_read_up_to_there() -> None:
    found = read(SITEMAP.replace("</urlset>", "<url><loc>https://example.org/2"))
    assert [item.link for item in found.items] == ["https://example.org/1"]
    assert found.note is not None
    assert found.note.startswith("malformed")


def test_json_feed_of_odd_types_is_read_as_far_as_it_goes() -> None:
    odd = {"items": [{"id": 7, "url": ["x"], "title": None, "tags": "a", "authors": [None], "content_text": "نص"}, 3]}
    item = one(orjson.dumps(odd))
    assert (item.guid, item.link, item.body) == ("7", None, "نص")


def rss_of(inside: str) -> str:
    return (
        '<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/" '
        f'xmlns:media="http://search.yahoo.com/mrss/"><channel><title>أ</title>{inside}</channel></rss>'
    )


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("قال &quot;نعم&quot;", 'قال "نعم"'),
        ("قال &amp;quot;نعم&amp;quot;", 'قال "نعم"'),
        ("قال &amp;amp;quot;نعم&amp;amp;quot;", 'قال "نعم"'),
        ("<![CDATA[أ &amp; ب]]>", "أ & ب"),
        ("&lt;b&gt;عاجل&lt;/b&gt; خبر", "عاجل خبر"),
        ("  خبر \n\t طويل&#160;جدا ", "خبر طويل جدا"),
        ("5 &lt; 7", "5 < 7"),
    ],
)
def test_titles_are_unwrapped_however_often_they_were_escaped(written: str, meant: str) -> None:
    assert one(rss_of(f"<item><title>{written}</title></item>")).title == meant


def test_bidi_marks_stay_in_the_text_as_they_were_sent() -> None:
    assert one(rss_of("<item><title>\u200fخبر\u200e 5\u202c</title></item>")).title == "\u200fخبر\u200e 5\u202c"


def test_paragraphs_are_lines_and_scripts_are_nothing() -> None:
    html = "<p>أولا&nbsp;<b>هنا</b></p><script>x</script><p>ثانيا<br>ثالثا</p><!-- لا --><ul><li>رابعا</li></ul>"
    item = one(rss_of(f"<item><title>خ</title><content:encoded><![CDATA[{html}]]></content:encoded></item>"))
    assert item.body == "أولا هنا\nثانيا\nثالثا\nرابعا"


def test_the_content_is_the_body_and_the_description_the_lead() -> None:
    inside = "<description>موجز</description><content:encoded>نص أطول من الموجز</content:encoded>"
    item = one(rss_of(f"<item><title>خ</title>{inside}</item>"))
    assert (item.lead, item.body) == ("موجز", "نص أطول من الموجز")


def test_a_description_alone_is_the_lead() -> None:
    item = one(rss_of("<item><title>خ</title><description>موجز</description></item>"))
    assert (item.lead, item.body) == ("موجز", None)


def test_relative_links_are_those_of_the_feed_and_guids_stay_as_they_are() -> None:
    item = one(rss_of("<item><title>خ</title><link>/news/1</link><guid isPermaLink='false'>17</guid></item>"))
    assert (item.link, item.guid) == ("https://example.org/news/1", "17")


def test_an_image_is_found_and_a_sound_is_none() -> None:
    sound = '<enclosure url="https://example.org/a.mp3" type="audio/mpeg" length="1"/>'
    image = '<media:content url="https://example.org/a.jpg" medium="image"/>'
    assert one(rss_of(f"<item><title>خ</title>{sound}{image}</item>")).image == "https://example.org/a.jpg"
    assert one(rss_of(f"<item><title>خ</title>{sound}</item>")).image is None


def test_the_wishes_of_a_feed_are_read() -> None:
    skips = "<skipHours><hour>3</hour><hour>24</hour></skipHours><skipDays><day>Friday</day></skipDays>"
    wishes = read(rss_of(f"<ttl>15</ttl>{skips}")).wishes
    assert (wishes.ttl, wishes.skip_hours, wishes.skip_days) == (900.0, (0, 3), (4,))


def test_a_feed_that_would_never_be_polled_is_not_listened_to() -> None:
    hours = "".join(f"<hour>{hour}</hour>" for hour in range(24))
    assert read(rss_of(f"<skipHours>{hours}</skipHours>")).wishes.skip_hours == ()


def test_control_characters_and_a_blank_start_hide_nothing() -> None:
    item = one("\n\n \ufeff" + rss_of("<item><title>خ\x0bبر\x00</title></item>"))
    assert item.title == "خبر"


def test_unknown_entities_leave_the_rest_readable() -> None:
    found = read(rss_of("<item><title>خبر&nbsp;أول &unknown; تام</title></item>"))
    assert "خبر أول" in (found.items[0].title or "")


def test_more_items_than_a_feed_should_have_are_cut_and_told() -> None:
    found = read(rss_of("<item><title>خ</title></item>" * (MOST_ITEMS + 5)))
    assert len(found.items) == MOST_ITEMS
    assert found.note is not None


def test_a_tombstone_is_a_canceled_item() -> None:
    space = 'xmlns:at="http://purl.org/atompub/tombstones/1.0"'
    deleted = f'<at:deleted-entry {space} ref="tag:a,2026:9" when="2026-05-01T00:00:00Z"/>'
    found = read(ATOM.replace("</feed>", deleted + "</feed>")).items
    assert [(item.guid, item.canceled) for item in found] == [("tag:example.org,2026:2", False), ("tag:a,2026:9", True)]


@pytest.mark.parametrize("text", ["", "   ", "كلام", "<a/>", "[1]"])
def test_what_is_no_feed_is_told(text: str) -> None:
    with pytest.raises(FeedFailed) as caught:
        read(text)
    assert caught.value.kind in ("not-a-feed", "malformed")
