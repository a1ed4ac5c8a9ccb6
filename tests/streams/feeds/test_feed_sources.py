"""Sources files and OPML: what they say, what comes back, and what is told about a wrong one."""

from pathlib import Path

import pytest

from deploy import samples
from schemas import Misconfigured
from streams.feeds import Feed, Source, opml, read_feeds

TOML = """
[[source]]
id = "example.org"
name = "صحيفة المثال"
latin = "Example Daily"
country = "SA"
kind = "agency"
owner = "دار المثال"
timezone = "Asia/Riyadh"
group = "الخليج"
feeds = ["https://example.org/rss", "https://example.org/sport"]

[[source]]
feeds = ["https://www.example.net/atom"]
"""
OPML = """<opml version="2.0"><body>
<outline text="الخليج"><outline type="rss" text="صحيفة" xmlUrl="https://example.org/rss"/>
<outline text="اقتصاد"><outline type="rss" title="مال" xmlUrl="https://example.org/money"/></outline></outline>
<outline type="rss" text="وحدها" xmlUrl="https://example.net/atom"/></body></opml>"""


def written(folder: Path, text: str, name: str = "feeds") -> str:
    path = folder / name
    path.write_text(text, "utf-8")
    return str(path)


def test_a_sources_file_says_whose_each_feed_is(tmp_path: Path) -> None:
    first, second, third = read_feeds([written(tmp_path, TOML)])
    assert first.source == second.source
    assert (first.source_id, first.source.name, first.source.kind) == ("example.org", "صحيفة المثال", "agency")
    assert third.source_id == "example.net"


def test_folders_of_opml_become_groups(tmp_path: Path) -> None:
    feeds = read_feeds([written(tmp_path, OPML)])
    assert [(feed.source.name, feed.source.group) for feed in feeds] == [
        ("صحيفة", "الخليج"),
        ("مال", "اقتصاد"),
        ("وحدها", None),
    ]


@pytest.mark.parametrize("text", [TOML, OPML], ids=["toml", "opml"])
def test_what_is_exported_is_read_back_as_it_was(tmp_path: Path, text: str) -> None:
    feeds = [feed for feed in read_feeds([written(tmp_path, text)]) if feed.source.name]
    assert read_feeds([written(tmp_path, opml(feeds).decode(), "again")]) == feeds


def test_an_address_is_a_feed_of_its_host() -> None:
    assert read_feeds(["https://www.example.org/rss"]) == [Feed(url="https://www.example.org/rss", source=Source())]
    assert read_feeds(["https://www.example.org/rss"])[0].source_id == "example.org"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[[source]]\nname = 'أ'", "missing required field `feeds`"),
        ("[[source]]\nfeeds = ['example.org/rss']", "'example.org/rss' is no http or https address"),
        ("[[source]]\nfeeds = ['file:///etc/passwd']", "is no http or https address"),
        (
            "[[source]]\ntimezone = 'Riyadh'\nfeeds = ['https://a.example/']",
            "timezone is 'Riyadh'; give a name such as Asia/Riyadh",
        ),
        ("[[source]]\nkind = 'blog'\nfeeds = []", "kind"),
        ("[source", "is not TOML"),
        ("<rss/>", "begins with <rss>"),
        ("<opml", "is not OPML"),
        ('<!DOCTYPE opml [<!ENTITY a "b">]><opml>&a;</opml>', "is not OPML"),
    ],
)
def test_what_is_wrong_is_told_with_its_file(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(Misconfigured, match="feeds") as caught:
        read_feeds([written(tmp_path, text)])
    assert told in str(caught.value)


def test_a_missing_file_and_no_feed_at_all_are_told() -> None:
    with pytest.raises(Misconfigured, match=r"none\.toml cannot be read: No such file"):
        read_feeds(["none.toml"])
    with pytest.raises(Misconfigured, match="no feed to follow"):
        read_feeds([])


def test_the_example_that_is_shipped_is_a_sources_file() -> None:
    with samples.paths((samples.SOURCES,)) as (file,):
        agency, *_, outlet = read_feeds([str(file)])
    assert (agency.source.kind, agency.source.timezone, agency.source.group) == ("agency", "Asia/Amman", "المشرق")
    assert (outlet.source_id, outlet.source.country) == ("nilenews.example", "EG")
