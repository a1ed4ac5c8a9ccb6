"""The only door to the Web: nothing private is reached, and nothing is waited for or read without a limit."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib.metadata import version

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from streams.feeds.errors import FeedFailed

__all__ = ["Fetched", "Fetcher", "Limits", "opened"]

AGENT = f"Khabar/{version('khabar')}"  # what robots.txt may call us by is the word before the slash

_ACCEPT = "application/rss+xml, application/atom+xml, application/feed+json, application/xml;q=0.9, */*;q=0.5"
_REDIRECTS = (301, 302, 303, 307, 308)
_CHUNK = 64 * 1024
# A server that asks for more is asking to be forgotten; it is asked again after a day.
_LONGEST_WAIT = 86_400.0
# 64:ff9b::/96 leads to any IPv4 address where a network translates (RFC 6052), the private ones included.
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one answer may cost. Raised, a hostile server costs more; lowered, an honest but slow one is lost."""

    seconds: float = 30.0  # for all of it, redirects and a slow drip included
    connect: float = 10.0  # seconds
    size: int = 8 * 1024 * 1024  # bytes after decompression; the largest honest feeds have some 2 MB
    redirects: int = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """An answer: the body, or that nothing has changed."""

    url: str  # where it came from in the end
    body: bytes
    charset: str | None
    unchanged: bool = False
    etag: str | None = None
    modified: str | None = None
    max_age: float | None = None  # seconds for which it may be held to be fresh
    moved: str | None = None  # the new address, where each redirect was a permanent one


class Fetcher:
    """Gets http and https addresses that are public, or whose host is allowed; `opened` makes one."""

    def __init__(self, session: aiohttp.ClientSession, allowed: frozenset[str], limits: Limits) -> None:
        self._session = session
        self._allowed = allowed
        self._limits = limits

    async def get(
        self, url: str, *, etag: str | None = None, modified: str | None = None, limits: Limits | None = None
    ) -> Fetched:
        """Fetch it, unless it is as it was when it had `etag` and `modified`; raises FeedFailed."""
        limits = limits or self._limits
        headers = {"If-None-Match": etag, "If-Modified-Since": modified}
        try:
            async with asyncio.timeout(limits.seconds):
                return await self._follow(url, {name: value for name, value in headers.items() if value}, limits)
        except TimeoutError:
            raise FeedFailed("timeout", f"no whole answer within {limits.seconds:g} s") from None
        except aiohttp.ClientConnectorCertificateError as bad:
            raise FeedFailed("tls", f"the certificate of {bad.host} is not trusted: {bad.certificate_error}") from None
        except (aiohttp.ClientSSLError, ssl.SSLError) as bad:
            raise FeedFailed("tls", f"TLS fails: {bad}") from None
        except aiohttp.ClientConnectorError as bad:
            if isinstance(bad.os_error, _ForbiddenError):
                raise FeedFailed("forbidden", str(bad.os_error)) from None
            kind = "dns" if isinstance(bad, aiohttp.ClientConnectorDNSError) else "connection"
            raise FeedFailed(kind, str(bad.os_error)) from None
        except aiohttp.ClientPayloadError as bad:
            kind = "encoding" if "content-encoding" in f"{bad} {bad.__cause__}" else "connection"
            raise FeedFailed(kind, f"the answer broke off: {bad.__cause__ or bad}") from None
        except aiohttp.InvalidURL as bad:  # a redirect's, or an IPv4 address in one of its disguises
            raise FeedFailed("forbidden", f"{bad} is no address that is followed"[:500]) from None
        except (aiohttp.ClientError, OSError, ValueError) as bad:
            raise FeedFailed("connection", f"{type(bad).__name__}: {bad}"[:500]) from None

    async def _follow(self, url: str, headers: dict[str, str], limits: Limits) -> Fetched:
        at = URL(url)
        permanent: bool | None = None
        for _ in range(limits.redirects + 1):
            self._check(at)
            async with self._session.get(at, headers=headers, allow_redirects=False) as answer:
                target = answer.headers.get("Location")
                if answer.status in _REDIRECTS and target:
                    permanent = answer.status in (301, 308) and permanent is not False
                    at = at.join(URL(target))
                    continue
                moved = str(at) if permanent else None
                return await self._read(answer, str(at), moved, limits)
        raise FeedFailed("redirects", f"more than {limits.redirects} redirects, the last to {str(at)[:200]}")

    def _check(self, url: URL) -> None:
        """What can be said without asking for the host's addresses: the resolver is not asked for a literal one."""
        host = url.host
        if url.scheme not in ("http", "https") or not host:
            raise FeedFailed("forbidden", f"{str(url)[:200]} is no http or https address")
        try:
            address = ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            return
        if host.lower() not in self._allowed and not _public(address):
            raise FeedFailed("forbidden", _not_public(host, host))

    async def _read(self, answer: aiohttp.ClientResponse, url: str, moved: str | None, limits: Limits) -> Fetched:
        if answer.status not in (200, 203, 304):
            kind = "gone" if answer.status == 410 else f"http-{answer.status}"
            wait = _retry_after(answer.headers.get("Retry-After"))
            raise FeedFailed(kind, f"{url[:200]} answers {answer.status} {answer.reason or ''}".strip(), wait=wait)
        length = answer.headers.get("Content-Length", "")
        if length.isdecimal() and int(length[:15]) > limits.size:
            raise FeedFailed("too-large", f"{int(length[:15]):,} bytes; at most {limits.size:,} are read")
        body = bytearray()
        async for chunk in answer.content.iter_chunked(_CHUNK):
            body += chunk
            if len(body) > limits.size:
                raise FeedFailed("too-large", f"more than {limits.size:,} bytes after decompression")
        return Fetched(
            url=url,
            body=bytes(body),
            charset=answer.charset,
            unchanged=answer.status == 304,
            etag=answer.headers.get("ETag"),
            modified=answer.headers.get("Last-Modified"),
            max_age=_max_age(answer.headers.get("Cache-Control", "")),
            moved=moved,
        )


@asynccontextmanager
async def opened(
    *, allowed: Collection[str] = (), limits: Limits | None = None, connections: int = 64, per_host: int = 2
) -> AsyncIterator[Fetcher]:
    """A fetcher with one pool of `connections`, `per_host` of them to one host and port.

    `allowed`: hosts that may have addresses that are not public, as they are written in the URL.
    """
    limits = limits or Limits()
    hosts = frozenset(host.strip("[]").lower() for host in allowed)
    connector = aiohttp.TCPConnector(
        limit=connections, limit_per_host=per_host, resolver=_PublicResolver(hosts), ttl_dns_cache=300
    )
    session = aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": AGENT, "Accept": _ACCEPT},
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=limits.connect),  # `get` bounds the whole
        requote_redirect_url=False,
    )
    async with session:
        yield Fetcher(session, hosts, limits)


class _ForbiddenError(OSError):
    """The host's addresses are none that we reach."""


class _PublicResolver(AbstractResolver):
    """Gives a host's public addresses only. What is connected to is what was checked: nobody asks DNS a second time."""

    def __init__(self, allowed: frozenset[str]) -> None:
        self._allowed = allowed
        self._resolver = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        if host.lower() in self._allowed:
            return found
        public = [each for each in found if _public(ipaddress.ip_address(each["host"].partition("%")[0]))]
        if found and not public:
            raise _ForbiddenError(_not_public(host, found[0]["host"]))
        return public

    async def close(self) -> None:
        await self._resolver.close()


def _public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """No private, loopback, link-local (169.254.169.254 is where clouds keep keys), shared, multicast or reserved one,
    nor an IPv6 address that stands for such an IPv4 one."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if inner is None and (address in _TRANSLATED or int(address) < 1 << 32):
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return _public(inner)
    return address.is_global and not address.is_multicast


def _not_public(host: str, address: str) -> str:
    return f"{host} has the address {address}, which is not public; allow the host if it is yours (--allow {host})"


def _retry_after(value: str | None) -> float | None:
    """Seconds, or a date (RFC 9110)."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return min(float(value), _LONGEST_WAIT)
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    seconds = (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return min(max(seconds, 0.0), _LONGEST_WAIT)


def _max_age(cache_control: str) -> float | None:
    for part in cache_control.lower().split(","):
        name, _, value = part.strip().partition("=")
        if name == "max-age" and value.strip('"').isdecimal():
            return min(float(value.strip('"')), _LONGEST_WAIT)
    return None
