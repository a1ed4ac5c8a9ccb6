"""Reads what a client sends, never more of it than is wanted, and not for ever."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Collection

from starlette.requests import Request

from streams.gateway.problem import Problem

__all__ = ["JSON", "media_type", "read_body"]

JSON = "application/json"
# A body of 16 MiB gets through in this at 2.3 Mbit/s. Longer lets slow clients hold more memory, shorter refuses those
# on poor lines; they can send smaller batches, or gzip.
_SECONDS = 60.0
_GZIP = 31  # zlib's wbits for gzip with the largest window


def media_type(request: Request, accepted: Collection[str]) -> str:
    """The type of the body, without parameters; raises Problem 415 for one that is not accepted."""
    found = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if found not in accepted:
        detail = f'Content-Type is "{found[:60]}"; send {" or ".join(accepted)}'
        raise Problem(415, detail, headers={"Accept-Post": ", ".join(accepted)})
    return found


async def read_body(request: Request, limit: int) -> bytes:
    """The body, unpacked if it came as gzip, of at most `limit` bytes.

    Raises Problem 413 for a larger one (before reading it where its length is told), 415 for another encoding, 400 for
    broken gzip, and 408 if it takes longer than a minute.
    """
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > limit:
        raise _too_large(limit)
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip"):
        detail = f'Content-Encoding is "{encoding[:60]}"; send gzip, or none'
        raise Problem(415, detail, headers={"Accept-Encoding": "gzip"})
    unpacking = zlib.decompressobj(_GZIP) if encoding == "gzip" else None
    body = bytearray()
    try:
        async with asyncio.timeout(_SECONDS):
            async for chunk in request.stream():
                # One byte more than may be there tells too much from just enough, however far it would unpack.
                body += chunk if unpacking is None else unpacking.decompress(chunk, limit + 1 - len(body))
                if len(body) > limit:
                    raise _too_large(limit)
                if unpacking is not None and unpacking.unused_data:
                    raise Problem(400, "something follows the gzip stream of the body; send one", headers=_CLOSE)
    except TimeoutError:
        raise Problem(408, f"the body was not there after {_SECONDS:.0f} s", headers=_CLOSE) from None
    except zlib.error as bad:
        raise Problem(400, f"the body is not gzip: {bad}", headers=_CLOSE) from None
    if unpacking is not None and not unpacking.eof:
        raise Problem(400, "the body's gzip stream is cut")
    return bytes(body)


_CLOSE = {"Connection": "close"}  # the rest of the body would else be read only to be thrown away


def _too_large(limit: int) -> Problem:
    return Problem(413, f"the body is larger than {limit:,} bytes; send smaller batches", headers=_CLOSE)
