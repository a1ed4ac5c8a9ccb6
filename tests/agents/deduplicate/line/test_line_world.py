"""The line comes to the same whatever crashes: the real one, in the world of conftest.py, seed by seed.

A seed that fails is a counterexample: `run(world, world.Rules(kind="replay"), seed)` replays it.
"""

import random

import pytest


class Reader:
    """Drops what is not higher in line than its last."""

    def __init__(self, log):
        self.log, self.position, self.last, self.got = log, 0, -1, []

    def read(self, count=None):
        end = len(self.log) if count is None else min(len(self.log), self.position + count)
        for record in self.log[self.position : end]:
            if record is not None and record[2] > self.last:
                self.last = record[2]
                self.got.append(record)
        self.position = end


def expected(world, names):
    """What the line must come to: a function of its input alone."""
    if world.rules.kind == "replay":
        unique = {r.place: r for r in world.input if r.kind in ("article", "cancel")}
        items = [(None, unique[place]) for place in sorted(unique)]
    else:
        items, last = [], {}
        for offset, record in enumerate(world.tagged):
            partition, raw = record.raw
            if raw > last.get(partition, -1):
                last[partition] = raw
                items.append((offset, record))
    core, line, found = names.FakeCore(), -1, {"enriched": [], "stories": []}
    for offset, record in items:
        number = line + 1 if offset is None else offset
        try:
            events = core.decide(names.tagged(record), number)
        except ZeroDivisionError:
            continue
        line = number if events else line
        for topic, key, value in events:
            found[topic].append((key, value, number))
    return found


def run(names, rules, seed):
    world, rnd = names.World(rules, seed), random.Random(seed + 1)
    early = {topic: Reader(log) for topic, log in world.topics.items()}
    others, left, still = [], rules.crashes, 0
    for _ in range(20_000):
        moved = rnd.choice([*world.workers, world.decider, world.decider, world.source, *world.zombies]).step()
        world.zombies = [each for each in world.zombies if each.life >= 0]
        if world.decider.life is not None:
            world.decider = names.Decider(world)  # fenced: its process was started again
        for reader in early.values():
            reader.read()
        if left and rnd.random() < (0.03 if left > rules.crashes // 3 else 0.08):
            left -= 1
            world.crash()
        if rnd.random() < 0.04:
            log = rnd.choice(list(world.topics.values()))
            names.compact(log, rnd.randint(0, max(0, len(log) - 1)))
        if rnd.random() < 0.01:
            others.append({topic: Reader(log) for topic, log in world.topics.items()})
        for readers in others:
            for reader in readers.values():
                reader.read(rnd.randint(0, 2))
        still = 0 if moved else still + 1
        if still > 60 and world.quiet() and not world.zombies:
            if not left:
                break
            left = 0 if still > 300 else left
    assert world.quiet(), "nothing moves, and something is left to do"
    assert world.decider.line.held == 0, "articles are held for ever"
    assert world.committed["deduplicate"] == len(world.tagged), "the log is never acknowledged to its end"
    found = expected(world, names)
    for topic, log in world.topics.items():
        early[topic].read()
        assert early[topic].got == found[topic], f"{topic}: what a follower saw"
        want = {key: value for key, value, _ in found[topic]}
        assert names.table(log) == want, f"{topic}: what the compacted topic holds"
        for readers in [*others, {topic: Reader(log)}]:
            readers[topic].read()
            assert {key: value for key, value, _ in readers[topic].got} == want, f"{topic}: what a late reader saw"
    raw = [position for position, _, _ in world.letters]
    assert len(raw) == len(set(raw)), "a raw record has two letters of this stage"
    for _, record, error in world.letters:
        assert record.buggy, f"{record} got a letter: {error}"
    return world


WORLDS = [
    {"kind": "live"},
    {"kind": "replay"},
    {"kind": "replay", "partitions": 6, "articles": 5},
    {"kind": "replay", "sticky": False, "window": 12},
    {"kind": "replay", "crashes": 40},
]


@pytest.mark.parametrize("rules", WORLDS, ids=str)
def test_the_line_comes_to_the_same_whatever_crashes(world, rules):
    for seed in range(60):
        run(world, world.Rules(**rules), seed)


@pytest.mark.full
@pytest.mark.parametrize("rules", WORLDS, ids=str)
@pytest.mark.timeout(3600)
def test_the_line_comes_to_the_same_in_thousands_of_worlds(world, rules):
    for seed in range(1_000, 4_000):
        run(world, world.Rules(**rules), seed)
