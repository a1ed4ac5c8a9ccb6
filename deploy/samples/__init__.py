"""Articles written for Khabar, invented outlets and all, so that the demo and the tests have something true to life.

`articles.jsonl` is read as it stands; every record of `broken.jsonl` and `huge.jsonl.gz` has to end in dead letters.
The articles are of 1 to 4 May 2026; `source_id` is a name by which one finds an article again (`geneva-1`). Those of
`live.jsonl` appear on two feeds of the demo's own (deploy/newsroom.py says how).
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib import resources
from pathlib import Path

__all__ = ["ARTICLES", "BROKEN", "LIVE", "SINCE", "SOURCES", "UNTIL", "paths"]

ARTICLES = ("articles.jsonl",)
BROKEN = ("broken.jsonl", "huge.jsonl.gz")
LIVE = "live.jsonl"
SOURCES = "sources.toml"  # an example of whose feeds `khabar follow` follows
# Dates outside these are none, whatever the clock of the machine says.
SINCE = "1990-01-01"
UNTIL = "2027-01-01"


@contextmanager
def paths(names: tuple[str, ...] = ARTICLES + BROKEN) -> Iterator[list[Path]]:
    """The sample files of those names as files on disk, for as long as the context lasts."""
    with ExitStack() as stack:
        yield [stack.enter_context(resources.as_file(resources.files(__name__) / name)) for name in names]
