"""Which article this is: the canonical form of its URL, its id, and the version of its text."""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

from xxhash import xxh3_128_hexdigest
from yarl import URL

from schemas import RawArticle, Refused

__all__ = ["Identity", "canonical_url", "identify", "version_of"]

# What campaign tools document as theirs: added to a link, and read by no site to choose a page. A closed list, for
# everything else may name the page: a name too many makes two articles one, a name too few one article two.
_TRACKING = frozenset([
    "__hsfp", "__hssc", "__hstc", "__twitter_impression", "_ga", "_gl", "_hsenc", "_hsmi", "_openstat", "amp_js_v",
    "at_campaign", "at_custom1", "at_custom2", "at_custom3", "at_custom4", "at_medium", "cvid", "dclid", "epik",
    "fb_action_ids", "fb_action_types", "fb_ref", "fb_source", "fbclid", "gbraid", "gclid", "gclsrc", "guccounter",
    "guce_referrer", "guce_referrer_sig", "hsctatracking", "igsh", "igshid", "li_fat_id", "mc_cid", "mc_eid",
    "mkt_tok", "ml_subscriber", "ml_subscriber_hash", "msclkid", "ns_campaign", "ns_mchannel", "ns_source", "ocid",
    "oly_anon_id", "oly_enc_id", "rb_clickid", "s_cid", "spm_id_from", "srsltid", "ttclid", "twclid", "vero_id",
    "wbraid", "wickedid", "yclid", "ysclid",
])  # fmt: skip
_TRACKING_PREFIXES = ("utm_", "utm-", "pk_", "mtm_", "matomo_", "hsa_")

_BARE_HOST = re.compile(r"[\w-]+(?:\.[\w-]+)*\.[^\W\d_]{2,}(?::\d+)?(?:[/?#]|$)")


class Identity(NamedTuple):
    """The id of an article (None: it has to be made of its version), and its source."""

    id: str | None
    source: str


def canonical_url(url: str) -> URL:
    """The one form of all the ways to write a URL: https, host in lower case and ASCII, no default port, path and query
    percent-encoded in one way, no tracking parameters, no fragment.

    Raises Refused if it is no absolute URL.
    """
    text = unicodedata.normalize("NFC", url)
    if text.startswith("//"):
        text = "https:" + text
    elif _BARE_HOST.match(text):
        text = "https://" + text
    try:
        found = URL(text)
        host = found.raw_host
        if not host or found.scheme not in ("http", "https"):
            raise ValueError("no absolute http or https URL")
        query = "&".join(part for part in found.raw_query_string.split("&") if part and not _tracks(part))
        return URL.build(
            scheme="https",
            host=host.rstrip("."),
            port=None if found.is_default_port() else found.explicit_port,
            path=found.raw_path,
            query_string=query,
            encoded=True,
        )
    except (ValueError, TypeError) as bad:
        raise Refused(f'url is "{url[:60]}": {bad}; give an absolute URL, such as https://example.org/news/1') from None


def _tracks(part: str) -> bool:
    name = part.partition("=")[0].lower()
    return name in _TRACKING or name.startswith(_TRACKING_PREFIXES)


def identify(article: RawArticle) -> Identity:
    """The id of the canonical URL, else of source and source_id; raises Refused if there is nothing to go by."""
    source = _given(article.source)
    url = _given(article.url)
    if url is not None:
        canonical = canonical_url(url)
        host = canonical.host or ""
        return Identity(xxh3_128_hexdigest(str(canonical).encode()), source or host.removeprefix("www."))
    if source is None:
        raise Refused("source and url are missing; give one of them")
    source_id = _given(article.source_id)
    if source_id is not None:
        return Identity(xxh3_128_hexdigest(f"{source}\n{source_id}".encode()), source)
    if article.status == "canceled":
        raise Refused("url and source_id are missing; a cancellation needs a url, or source and source_id")
    return Identity(None, source)


def _given(value: str | None) -> str | None:
    return (value.strip() or None) if value else None


def version_of(status: str, title: str, body: str) -> str:
    """The version of an article by its clean title and body; the same text withheld is another version."""
    text = f"{title}\n\n{body}" if status == "usable" else f"{status}\n\n{title}\n\n{body}"
    return xxh3_128_hexdigest(text.encode())
