"""The gateway that the demo keeps beside it: a process that is started again where it was."""

import asyncio
import os
import signal
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from deploy.serving import serving
from streams.settings import Settings

# Stands in for `khabar serve`: answers at its port with its process id.
GATEWAY = """
import os, socketserver, sys

class Answer(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.sendall(str(os.getpid()).encode())

socketserver.TCPServer.allow_reuse_address = True
print("a word", file=sys.stderr, flush=True)
socketserver.TCPServer(("127.0.0.1", int(sys.argv[sys.argv.index("--port") + 1])), Answer).serve_forever()
"""


async def asked(url: str) -> int:
    """The process that answers there."""
    at = urlsplit(url)
    reader, writer = await asyncio.open_connection(at.hostname, at.port)
    try:
        return int(await reader.read())
    finally:
        writer.close()


async def test_a_gateway_that_is_killed_is_told_and_answers_again_at_the_same_address_until_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy" / "__init__.py").touch()
    (tmp_path / "deploy" / "__main__.py").write_text(GATEWAY)
    monkeypatch.chdir(tmp_path)  # where `python -m deploy` looks first
    async with serving(Settings(gateway_port=0)) as url:
        first = await asked(url)
        os.kill(first, signal.SIGKILL)
        async with asyncio.timeout(30):
            while True:
                await asyncio.sleep(0.05)
                try:
                    second = await asked(url)
                except OSError:
                    continue
                break
        assert second != first
        said = capsys.readouterr().err
        assert said == "khabar serve ended with exit code -9. Its last words:\na word\nIt starts again in 1 s\n"
    with pytest.raises(ConnectionRefusedError):
        await asked(url)
    assert capsys.readouterr().err == ""
