"""What goes wrong with one feed: counted in its health, and never the end of the others."""

from __future__ import annotations

from schemas import Unavailable

__all__ = ["FeedFailed"]


class FeedFailed(Unavailable):
    """A poll brought nothing; the message says why.

    `kind` is the class that health counts by: `http-404`, `gone`, `dns`, `connection`, `tls`, `timeout`, `forbidden`
    (an address that is not public, a scheme that is not http), `redirects`, `too-large`, `encoding`, `entities`,
    `not-a-feed`, `malformed`, `too-costly` (to take apart), `bug`. `wait` is how many seconds the server asked to be
    left alone, if it did.
    """

    def __init__(self, kind: str, message: str, *, wait: float | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.wait = wait
