"""enriched -> entities.trends."""

from agents.trends import REACH_US, SAID_US, Trends
from schemas import Trend
from streams.stage import Records
from streams.view import ViewStage, Wants

# Nobody reads faster than once a second, and a name in the news changes with every article.
_PAUSE_S = 1.0

app = ViewStage("trends", writes=Trend)


@app.agent(app.source)
async def trends(records: Records) -> None:
    """Count what the articles of the lane name, from wherever this process is given them on."""
    await app.each_article(records, Trends, Wants(reach_us=REACH_US, said_us=SAID_US, pause_s=_PAUSE_S))
