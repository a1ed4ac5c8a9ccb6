"""The files of the page: whole, from here alone, and asked for twice sent once."""

import re
from importlib.resources import files

import aiohttp
import pytest

from streams.gateway.page import Page

FOLDER = files("streams.gateway") / "page"


async def test_the_page_and_its_files_come_with_their_types_and_a_policy(
    serving, client: aiohttp.ClientSession
) -> None:
    url = await serving([Page()])
    for path, kind in (
        ("/", "text/html"),
        ("/page/main.js", "text/javascript"),
        ("/page/style.css", "text/css"),
        ("/page/fonts/plex-arabic-400.woff2", "font/woff2"),
    ):
        async with client.get(url + path) as answer:
            assert answer.status == 200
            assert answer.content_type == kind
            assert "script-src 'self';" in answer.headers["Content-Security-Policy"]
            assert len(await answer.read()) == int(answer.headers["Content-Length"]) > 0


async def test_a_browser_that_has_a_file_is_not_sent_it_again(serving, client: aiohttp.ClientSession) -> None:
    url = await serving([Page()])
    async with client.get(f"{url}/page/main.js") as answer:
        etag = answer.headers["ETag"]
    async with client.get(f"{url}/page/main.js", headers={"If-None-Match": f'"other", W/{etag}'}) as answer:
        assert answer.status == 304
        assert await answer.read() == b""


@pytest.mark.parametrize(
    "path", ["/page/page.py", "/page/../page.py", "/page/%2e%2e/app.py", "/page/", "/page/none.js"]
)
async def test_nothing_but_the_page_is_served(serving, client: aiohttp.ClientSession, path: str) -> None:
    url = await serving([Page()])
    async with client.get(url + path) as answer:
        assert answer.status == 404


def test_every_file_that_is_named_is_there_and_none_is_elsewhere() -> None:
    for each in FOLDER.iterdir():
        if each.is_dir():
            continue
        text = each.read_text("utf-8")
        assert not re.search(r"(src|href)=\"https?://|@import|url\(\s*['\"]?https?:", text), each.name
        for name in re.findall(r'from "\./([\w.]+)"|url\(([\w/.-]+)\)|="/page/([\w/.-]+)"', text):
            path = next(filter(None, name))
            assert FOLDER.joinpath(path).is_file(), f"{each.name} names {path}"


def test_both_languages_say_the_same_things() -> None:
    """Every key of the words, in Arabic and in English; and what the modules ask for is among them."""
    text = FOLDER.joinpath("words.js").read_text("utf-8")
    arabic, english = (set(re.findall(r"^  (\w+):", part, re.MULTILINE)) for part in text.split("const EN")[0:2])
    assert arabic == english
    asked = set()
    for each in FOLDER.iterdir():
        if each.name.endswith(".js"):
            asked |= set(re.findall(r'\bsay\("(\w+)', each.read_text("utf-8")))
    assert asked - arabic == set()
    assert not re.search(
        r"innerHTML|insertAdjacentHTML|document\.write|eval\(",
        "".join(each.read_text("utf-8") for each in FOLDER.iterdir() if each.name.endswith(".js")),
    )  # what strangers wrote never becomes markup
