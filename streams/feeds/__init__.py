"""Live feeds: polled as often as they deserve, each new or changed item sent to articles.raw once.

    async with follower(settings, read_feeds(["https://example.org/rss"]), state, canonical=canonical_url) as it:
        await it.run()

What the broker has acknowledged is kept as delivered, in that order: whatever is killed in between is sent again.
"""

from streams.feeds.following import Follower, Rules, follower
from streams.feeds.polling import Pace
from streams.feeds.sources import Feed, Source, opml, read_feeds
from streams.feeds.state import State, Status, opened

__all__ = ["Feed", "Follower", "Pace", "Rules", "Source", "State", "Status", "follower", "opened", "opml", "read_feeds"]
