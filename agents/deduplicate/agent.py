"""tagged -> enriched and stories, in one line."""

from agents.deduplicate import Deduplicator
from agents.deduplicate.line import Entry, Line
from agents.deduplicate.window import WINDOW_US
from schemas import EnrichedArticle, TaggedArticle
from streams.line import LineStage, Take
from streams.memory import Memory
from streams.stage import Records

app = LineStage("deduplicate", reads=TaggedArticle, writes=EnrichedArticle)


@app.agent(app.source)
async def deduplicate(records: Records) -> None:
    """Decide on every article of the lane, whenever this process is given the story log."""
    await app.load(Deduplicator.shipped)
    await app.each_decision(records, _begin, WINDOW_US)


def _begin(memory: Memory) -> Take:
    core = Deduplicator.shipped()
    core.restore(memory.enriched, memory.log)
    line = Line(core, kind=memory.lane.kind, partitions=memory.partitions, progress=memory.progress)
    return lambda entries: line.take(map(Entry._make, entries))
