"""normalized -> tagged."""

from agents.tag import Tagger
from schemas import NormalizedArticle, TaggedArticle, decode
from streams.stage import Records, Stage
from streams.turn import Arrival

app = Stage("tag", reads=NormalizedArticle, writes=TaggedArticle)


@app.agent(app.source)
async def tag(records: Records) -> None:
    """Find the entities of every normalized article of the partitions that this process is given."""
    core = await app.load(Tagger.shipped if app.settings.tagger == "crf" else Tagger.off)

    def think(arrival: Arrival) -> NormalizedArticle:
        return decode(NormalizedArticle, arrival.value)

    await app.each_batch(records, think, core.tag_all)
