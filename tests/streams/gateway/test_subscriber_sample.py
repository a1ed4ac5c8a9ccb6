"""What SUBSCRIBERS.md prints for subscribers in Python, run as it is printed."""

import asyncio
import re
import runpy
from contextlib import aclosing
from pathlib import Path

import aiohttp
import pytest

PRINTED = Path(__file__).parents[3] / "deploy/SUBSCRIBERS.md"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 1000\r\n\r\n"
# What each connection is sent, and then cut.
SENT = [
    b': stories\nretry: 2000\nid: 3\n\nid: 4\nevent: story\ndata: {"articles":1}\n\nid: 5\nevent: story\ndata: {"art',
    b"id: 4\n\nid: 7\n\nid: 8",
    b'id: 9\nevent: story\ndata: {"articles":2}\n\n',
]


async def test_an_event_that_is_cut_comes_again_and_an_id_without_an_event_counts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        asked.extend(re.findall("(?i)last-event-id: (.*)\r", head))
        writer.write(HEAD + SENT[len(asked) - 1])
        await writer.drain()
        writer.close()

    (code,) = (each for each in re.findall("```python\n(.*?)```", PRINTED.read_text(), re.DOTALL) if "aiohttp" in each)
    (tmp_path / "sample.py").write_text(code.replace("asyncio.run(main())", ""))
    events = runpy.run_path(str(tmp_path / "sample.py"))["events"]
    pause = asyncio.sleep
    monkeypatch.setattr(asyncio, "sleep", lambda _: pause(0))
    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        events.__globals__["URL"] = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        async with aiohttp.ClientSession() as session, aclosing(events(session, {})) as found:
            assert [await anext(found), await anext(found)] == [("story", {"articles": n}) for n in (1, 2)]
    assert asked == ["0", "4", "7"]
