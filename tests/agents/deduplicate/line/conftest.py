"""A world without Kafka where everything fails: crashes, zombies, lost answers, compaction, resumed replays.

A port of the executable model of the design (research/line): same world, same checks, but the line is the real one.
One seed is one world. The checks are in test_line_world.py.
"""

import random
import zlib
from dataclasses import dataclass, replace
from types import SimpleNamespace

import pytest

from agents.deduplicate.line import Entry, Line
from schemas import LAST, TaggedArticle, from_rfc3339, to_rfc3339


@dataclass(frozen=True)
class Rules:
    kind: str
    partitions: int = 3
    articles: int = 26
    sticky: bool = True  # an article's copies go to one raw partition
    window: int = 0  # how far normalize and tag may be behind before the replay waits
    crashes: int = 14


@dataclass(frozen=True)
class Record:
    kind: str  # article, cancel, mark, bad (refused by normalize), worse (refused by tag)
    place: str
    time: int = 0
    id: str = ""
    text: int = 0
    raw: tuple[int, int] = (-1, -1)

    @property
    def buggy(self) -> bool:
        return self.kind == "article" and self.text % 23 == 7


def draw(*values: object) -> int:
    return zlib.crc32(repr(values).encode())


def tagged(record: Record) -> TaggedArticle:
    canceled = record.kind == "cancel"
    at = to_rfc3339(record.time * 1_000_000)
    return TaggedArticle(
        id=record.id, version=f"c{record.place}" if canceled else f"v{record.text}", source="example.org",
        status="canceled" if canceled else "usable", source_id=None, url=None, title=None, lead=None, body=None,
        author=None, section=None, image=None, extra={"text": record.text}, language=None, published_at=at,
        dated_by="given", date_precision="second", seen_at=at, late=False, attributions=[], provenance={},
        entities=[], fingerprint=None,
    )  # fmt: skip


class FakeCore:
    """Decides by hash who resembles whom; what it knows of an id is its newest event."""

    def __init__(self, enriched=()):
        self.ids = {event["id"]: event for event in enriched}

    def known(self, article):
        event = self.ids.get(article.id)
        if event is None:
            return False
        covered = event["covered"]
        if article.status == "usable" and covered is not None and from_rfc3339(article.seen_at) <= covered:
            return True
        return article.version in event["versions"]

    def decide(self, article, line):
        if self.known(article):
            return []
        text, time = article.extra["text"], from_rfc3339(article.seen_at)
        if article.status == "usable" and text % 23 == 7:
            raise ZeroDivisionError("a bug on purpose")
        old = self.ids.get(article.id)
        event = dict(old) if old else {"id": article.id, "story": None, "covered": None, "versions": (), "lines": ()}
        event |= {"line": line, "lines": (*event["lines"], line), "versions": (*event["versions"], article.version)}
        if article.status == "canceled":
            event["covered"] = max(time, event["covered"] or 0)
            if not (old and old["status"] == "usable" and old["time"] > time):
                event |= {"status": "canceled", "time": time, "text": None, "relation": None}
        else:
            best = self.best(article.id, text, time)
            story = event["story"] or (best[1]["story"] if best else article.id)
            event |= {"status": "usable", "time": time, "text": text, "story": story}
            event["relation"] = (best[1]["id"], best[0]) if best else None
        self.ids[article.id] = event
        events = [("enriched", article.id, event)]
        if event["story"]:
            of = [e for e in self.ids.values() if e["story"] == event["story"] and e["status"] == "usable"]
            members = tuple(sorted((e["lines"][0], e["id"], e["text"]) for e in of))
            events.append(("stories", event["story"], {"id": event["story"], "members": members, "line": line}))
        return events

    def best(self, article_id, text, time):
        best = None
        for other in self.ids.values():
            if other["id"] == article_id or other["status"] != "usable" or abs(other["time"] - time) > 40_000_000:
                continue
            score = draw(min(other["text"], text), max(other["text"], text)) % 100
            if score >= 55 and (best is None or (score, -other["line"]) > best[0]):
                best = ((score, -other["line"]), other)
        return best


class Worker:
    """One owner of one partition of normalize or tag: in order, resending from the first missing record on."""

    def __init__(self, world, stage, partition):
        self.world, self.stage, self.partition = world, stage, partition
        self.source = world.raw[partition] if stage == "normalize" else world.normalized[partition]
        self.target = world.normalized[partition] if stage == "normalize" else world.tagged
        self.position = world.committed[stage][partition]
        self.unsent, self.life = [], None  # life: how long a zombie still writes

    def step(self):
        world, rnd = self.world, self.world.rnd
        committed = world.committed[self.stage]
        if self.life is not None:
            self.life -= 1
        if self.unsent:
            sent = rnd.randint(1, len(self.unsent))
            self.target += self.unsent[:sent]
            lost = rnd.randint(0, sent) if rnd.random() < 0.15 else 0  # answers lost: the last of them come again
            self.unsent = self.unsent[sent - lost :]
        elif self.life is None and committed[self.partition] < self.position and rnd.random() < 0.7:
            committed[self.partition] = self.position
        elif self.position < len(self.source):
            end = min(len(self.source), self.position + rnd.randint(1, 6))
            for offset in range(self.position, end):
                record = self.source[offset]
                if self.stage == "normalize":
                    record = replace(record, raw=(self.partition, offset))
                if record.kind != ("bad" if self.stage == "normalize" else "worse"):
                    self.unsent.append(record)
            self.position = end
        else:
            return False
        return True

    def idle(self):
        return not self.unsent and self.position == len(self.source) == self.world.committed[self.stage][self.partition]


class Decider:
    """Deduplicate around a real Line: fences, restores, decides, writes in a transaction, then commits."""

    def __init__(self, world):
        self.world, self.life = world, None
        world.epoch += 1
        self.epoch = world.epoch
        progress = world.progress
        enriched = table(world.topics["enriched"]).values()
        self.line = Line(
            FakeCore(enriched), kind=world.rules.kind, partitions=world.rules.partitions, progress=progress
        )
        self.position = world.committed["deduplicate"]
        if world.rules.kind == "live":
            self.position = progress.line + 1 if progress else 0
        self.unsent, self.to_commit = None, self.position

    def step(self):
        world, rnd = self.world, self.world.rnd
        if self.life is not None:
            self.life -= 1
        if self.unsent is not None:
            taken, self.unsent = self.unsent, None
            if self.epoch != world.epoch:  # fenced: its process ends
                self.life = -1
                return True
            for line, _, events in taken.decided:
                for topic, key, value in events:
                    world.topics[topic].append((key, value, line))
            world.letters += [(entry.raw, entry.record, error) for entry, error in taken.failed]
            world.progress = taken.progress or world.progress
            self.to_commit = taken.acknowledged
            return True
        if self.to_commit is not None and self.life is None:
            if rnd.random() < 0.3:
                world.committed["deduplicate"], self.to_commit = self.to_commit, None
                return True
            if self.position == len(world.tagged):
                return True
        if self.position < len(world.tagged):
            end = min(len(world.tagged), self.position + rnd.randint(1, 8))
            entries = [self.entry(offset) for offset in range(self.position, end)]
            self.position = end
            taken = self.line.take(entries)
            if taken.progress is None:
                assert not taken.decided
                assert not taken.failed
                self.to_commit = taken.acknowledged
            else:
                self.unsent = taken
            return True
        return False

    def entry(self, offset):
        record = self.world.tagged[offset]
        place = record.place if self.world.rules.kind == "replay" else ""
        return Entry(offset, record.raw, place, None if record.kind == "mark" else tagged(record), record)

    def idle(self):
        return self.unsent is None and self.to_commit is None and self.position == len(self.world.tagged)


class Feed:
    """A live producer: no order, some twice."""

    def __init__(self, world):
        self.world, self.left = world, list(world.input)
        world.rnd.shuffle(self.left)

    def step(self):
        if not self.left:
            return False
        record, rnd = self.left.pop(), self.world.rnd
        for _ in range(2 if rnd.random() < 0.05 else 1):
            rnd.choice(self.world.raw).append(record)
        return True

    def idle(self):
        return not self.left


class Replay:
    """Sends sorted, marks what the broker has on every partition, waits for the stages; killed and resumed."""

    def __init__(self, world, start):
        self.world, self.next, self.acked = world, start, start
        self.items = sorted(world.input, key=lambda record: record.place)
        self.boxes = [[] for _ in range(world.rules.partitions)]
        self.unacked, self.since, self.pending, self.done = set(), 0, None, False

    def step(self):
        world, rnd = self.world, self.world.rnd
        full = [partition for partition, box in enumerate(self.boxes) if box]
        if full and (rnd.random() < 0.7 or self.pending is not None or self.done):
            self.send(rnd.choice(full))
        elif self.pending is not None:  # a mark goes out when the broker has everything up to it
            for box in self.boxes:
                box.append((None, Record("mark", self.pending)))
            self.done, self.pending = self.pending == LAST, None
        elif self.done:
            return False
        elif self.next < len(self.items):
            if world.rules.window and self.behind() + len(full) >= world.rules.window:
                if self.since:
                    self.pending, self.since = self.items[self.next - 1].place, 0
                return False
            record = self.items[self.next]
            partition = draw(record.place) if world.rules.sticky else rnd.randrange(world.rules.partitions)
            self.boxes[partition % world.rules.partitions].append((self.next, record))
            self.unacked.add(self.next)
            self.next += 1
            self.since += 1
            if self.since >= 4:
                self.pending, self.since = record.place, 0
        else:
            self.pending = LAST
        return True

    def send(self, partition):
        rnd, box = self.world.rnd, self.boxes[partition]
        count = rnd.randint(1, len(box))
        self.world.raw[partition].extend(record for _, record in box[:count])
        kept = count - (rnd.randint(0, count) if rnd.random() < 0.1 else 0)
        self.unacked -= {number for number, _ in box[:kept]}
        del box[:kept]
        self.acked = min(self.unacked) if self.unacked else self.next

    def behind(self):
        world = self.world
        return max(
            len(world.raw[p]) - world.committed["normalize"][p] + len(world.normalized[p]) - world.committed["tag"][p]
            for p in range(world.rules.partitions)
        )

    def idle(self):
        return self.done and not any(self.boxes)


class World:
    def __init__(self, rules, seed):
        self.rules, self.rnd = rules, random.Random(seed)
        count = rules.partitions
        self.raw, self.normalized = [[] for _ in range(count)], [[] for _ in range(count)]
        self.tagged, self.letters = [], []
        self.topics = {"enriched": [], "stories": []}
        self.committed = {"normalize": [0] * count, "tag": [0] * count, "deduplicate": 0}
        self.epoch, self.progress = 0, None
        self.input = self.make_input()
        self.workers = [Worker(self, stage, p) for stage in ("normalize", "tag") for p in range(count)]
        self.zombies = []
        self.decider = Decider(self)
        self.source = Replay(self, 0) if rules.kind == "replay" else Feed(self)

    def make_input(self):
        rnd, count, found = self.rnd, self.rules.articles, []

        def record(kind, time, article, text=0):
            place = f"{time:06d}{int(kind == 'cancel')}{rnd.getrandbits(30):010d}"
            return Record(kind, place, time, article, text)

        for _ in range(count):
            time = rnd.randrange(1, count) if rnd.random() < 0.8 else rnd.choice([3, 7])  # ties on purpose
            article, text, fate = f"a{rnd.randrange(count * 2 // 3):02d}", rnd.randrange(60), rnd.random()
            kind = "bad" if fate < 0.08 else "worse" if fate < 0.13 else "cancel" if fate < 0.25 else "article"
            found.append(record(kind, time, article, text))
            if kind == "article" and rnd.random() < 0.12:  # a cancellation that carries the article's own date
                found.append(record("cancel", time, article))
        for again in rnd.sample(found, max(1, len(found) // 10)):  # the same bytes, or other bytes, or another date
            fate = rnd.random()
            time = again.time if fate < 0.75 else rnd.randrange(1, count)
            found.append(again if fate < 0.5 else record(again.kind, time, again.id, again.text))
        return found

    def quiet(self):
        return all(each.idle() for each in [*self.workers, self.decider, self.source])

    def crash(self):
        fate, rnd = self.rnd.random(), self.rnd
        if fate < 0.35:
            at = rnd.randrange(len(self.workers))
            self.bury(self.workers[at])
            self.workers[at] = Worker(self, self.workers[at].stage, self.workers[at].partition)
        elif fate < 0.75:
            self.bury(self.decider)
            self.decider = Decider(self)
            if rnd.random() < 0.4:  # one that starts and is overtaken before it writes
                late = Decider(self)
                late.life = rnd.randint(1, 25)
                self.zombies.append(late)
        elif self.rules.kind == "replay":
            old = self.source
            for _ in range(rnd.randint(0, 6)):  # what a killed replay had in flight may still land
                full = [partition for partition, box in enumerate(old.boxes) if box]
                if full:
                    partition = rnd.choice(full)
                    self.raw[partition].append(old.boxes[partition].pop(0)[1])
            self.source = Replay(self, rnd.randint(0, old.acked))

    def bury(self, old):
        if self.rnd.random() < 0.5:
            old.life = self.rnd.randint(1, 25)
            self.zombies.append(old)


def table(log):
    """What a compacted topic holds in the end."""
    return {key: value for key, value, _ in (record for record in log if record is not None)}


def compact(log, until):
    last = {record[0]: at for at, record in enumerate(log[:until]) if record is not None}
    for at, record in enumerate(log[:until]):
        if record is not None and last[record[0]] != at:
            log[at] = None


@pytest.fixture
def world():
    """The names of this file: tests cannot import it."""
    return SimpleNamespace(
        World=World, Rules=Rules, FakeCore=FakeCore, Decider=Decider, table=table, compact=compact, tagged=tagged
    )
