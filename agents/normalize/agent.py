"""raw -> normalized."""

from agents.normalize import Normalizer
from schemas import NormalizedArticle, RawArticle, Received, decode_raw
from streams.stage import Records, Stage
from streams.turn import Arrival

app = Stage("normalize", reads=RawArticle, writes=NormalizedArticle)


@app.agent(app.source)
async def normalize(records: Records) -> None:
    """Clean every raw article of the partitions that this process is given."""
    core = await app.load(Normalizer.shipped)

    def think(arrival: Arrival) -> NormalizedArticle:
        received = Received(value=arrival.value, seen_us=arrival.seen_us)
        return core.normalize(decode_raw(arrival.value), received)

    await app.each_batch(records, think)
