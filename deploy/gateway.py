"""The parts of the gateway, put together with what they may not import: what agents and feeds know."""

from platformdirs import user_cache_path
from prometheus_client import CollectorRegistry

from agents.normalize.identity import identify
from agents.normalize.words import Words
from deploy.feeds import KnownSources, feed_health
from streams.gateway.app import Part
from streams.gateway.atom import Atom
from streams.gateway.feedback import Verdicts
from streams.gateway.lookups import Lookups
from streams.gateway.page import Page
from streams.gateway.push import Push
from streams.gateway.sse import Streams
from streams.gateway.standing import Standing
from streams.gateway.stores import Stores
from streams.settings import Settings

__all__ = ["parts_of"]


def parts_of(settings: Settings, registry: CollectorRegistry) -> list[Part]:
    """What `khabar serve` serves; each part comes after those that it needs."""
    words, sources = Words.shipped(), KnownSources(settings)
    stores = Stores(settings, user_cache_path("khabar") / "gateway", words, words.version)
    return [
        stores,
        Lookups(stores, sources, words),
        Atom(stores, sources, words),
        Streams(settings, sources, words, registry),
        Push(settings, lambda article: identify(article).id, registry),
        Verdicts(settings, stores),
        Standing(settings, feed_health),
        Page(),
    ]
