"""What a cluster's topics are like: made after the table, and checked against it."""

from __future__ import annotations

import asyncio
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
    for_code,
)

from schemas import Misconfigured, Unavailable
from streams.kafka import errors, make_admin, running
from streams.settings import Settings
from streams.topics import TABLE, Kind, Topic, Topics

__all__ = ["State", "Survey", "check", "commands", "create", "delete", "exists", "lane_names", "partitions", "survey"]

_DENIED = (TopicAuthorizationFailedError, ClusterAuthorizationFailedError)
_LATER = "is missing, as in lanes that an earlier version made; khabar topics --create makes it"
_PROPAGATION_S = 30  # a new topic's leaders are known within a second; more is a sick cluster


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """A topic of a lane as the cluster has it; `partitions` is 0 where it does not exist."""

    topic: str
    partitions: int = 0
    replication: int = 0
    config: Mapping[str, str] | None = None  # what the table speaks of; None where we may not read it
    refused: list[str] = field(default_factory=list)  # what breaks correctness
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Survey:
    """The lane's topics as they are, in the order of the table, on a cluster of so many brokers."""

    states: list[State]
    brokers: int

    @property
    def missing(self) -> list[str]:
        return [each.topic for each in self.states if not each.partitions]

    @property
    def needed(self) -> list[str]:
        """Those of the missing ones without which nothing works."""
        return [each.topic for each in self.states if not (each.partitions or each.warnings)]

    @property
    def refused(self) -> list[str]:
        return [f"{each.topic}: {reason}" for each in self.states for reason in each.refused]

    @property
    def warnings(self) -> list[str]:
        return [f"{each.topic}: {warning}" for each in self.states for warning in each.warnings]


async def survey(settings: Settings, kind: Kind = "live") -> Survey:
    """Look at the lane's topics, and say what is wrong about each."""
    async with running(make_admin(settings), settings) as admin:
        with errors(settings):
            return await _look(admin, settings, kind)


async def check(settings: Settings, kind: Kind = "live") -> list[str]:
    """Raise Misconfigured for topics that are missing or break correctness; return what is worth a warning."""
    found = await survey(settings, kind)
    _refuse(settings, kind, found)
    return found.warnings


async def exists(settings: Settings, name: str) -> bool:
    """Whether the lane has the topic of that name of the table."""
    async with running(make_admin(settings), settings) as admin:
        with errors(settings):
            return Topics(settings.prefix, settings.lane).name(name) in await admin.list_topics()


async def partitions(settings: Settings, topic: str) -> list[TopicPartition]:
    """The partitions of a topic by its full name; raises Misconfigured if there is none such."""
    async with running(make_admin(settings), settings) as admin:
        with errors(settings):  # all topics: asking for one by name could create it
            described = {each["topic"]: each["partitions"] for each in await admin.describe_topics()}
    if topic not in described:
        raise Misconfigured(f"there is no topic {topic} at {settings.broker}; is the lane right? Look: khabar topics")
    return [TopicPartition(topic, number) for number in sorted(each["partition"] for each in described[topic])]


async def lane_names(settings: Settings) -> list[str]:
    """The lanes that have a topic under the prefix, in the order of the alphabet."""
    names = "|".join(re.escape(topic.name) for topic in TABLE)
    pattern = re.compile(rf"{re.escape(settings.prefix)}\.([a-z0-9-]{{1,40}})\.({names})\.v1")
    async with running(make_admin(settings), settings) as admin:
        with errors(settings):
            return sorted({match[1] for name in await admin.list_topics() if (match := pattern.fullmatch(name))})


async def create(settings: Settings, kind: Kind = "live") -> list[str]:
    """Create the topics of the lane that are missing, then check all of them as `check` does."""
    async with running(make_admin(settings), settings) as admin:
        with errors(settings):
            found = await _look(admin, settings, kind)
            if found.missing:
                made = await _make(admin, settings, kind, found)
                found = await _settled(admin, settings, kind, made)
    _refuse(settings, kind, found)
    return found.warnings


async def delete(settings: Settings) -> None:
    """Delete the topics of the lane that exist, and wait until they are gone."""
    wanted = set(Topics(settings.prefix, settings.lane).all())
    async with running(make_admin(settings), settings) as admin:
        with errors(settings):
            found = wanted & set(await admin.list_topics())
            if found:
                answer: Any = await admin.delete_topics(sorted(found))
                for topic, code in answer.topic_error_codes:
                    if code and for_code(code) is not UnknownTopicOrPartitionError:
                        raise for_code(code)(f"could not delete {topic}")
            try:
                async with asyncio.timeout(_PROPAGATION_S):
                    while wanted & set(await admin.list_topics()):  # noqa: ASYNC110 - the broker tells nobody
                        await asyncio.sleep(0.1)
            except TimeoutError:
                raise Unavailable(f"topics of lane {settings.lane} are not gone after {_PROPAGATION_S} s") from None


def commands(settings: Settings, kind: Kind = "live", brokers: int = 3, only: list[str] | None = None) -> list[str]:
    """The kafka-topics.sh commands that make the lane's topics, for whoever may create."""
    lines = []
    for name, topic in Topics(settings.prefix, settings.lane).all().items():
        if only is not None and name not in only:
            continue
        words = ["kafka-topics.sh", "--bootstrap-server", settings.broker, "--create", "--if-not-exists"]
        words += ["--topic", name, "--partitions", str(_partitions(topic, settings))]
        words += ["--replication-factor", str(_replication(brokers))]
        for key, value in topic.config(kind, brokers).items():
            words += ["--config", f"{key}={value}"]
        lines.append(shlex.join(words))
    return lines


def _partitions(topic: Topic, settings: Settings) -> int:
    return 1 if topic.single else settings.partitions


def _replication(brokers: int) -> int:
    return min(3, brokers)


async def _make(admin: AIOKafkaAdminClient, settings: Settings, kind: Kind, found: Survey) -> set[str]:
    """Make what is missing, but for what this user may not create and the lane can do without; return the others."""
    table = Topics(settings.prefix, settings.lane).all()
    new = [
        NewTopic(
            name,
            _partitions(table[name], settings),
            _replication(found.brokers),
            topic_configs=table[name].config(kind, found.brokers),
        )
        for name in found.missing
    ]
    answer: Any = await admin.create_topics(new)
    made = set(found.missing)
    for name, code, message in answer.topic_errors:
        error = for_code(code)
        if not code or error is TopicAlreadyExistsError:  # by somebody else, just now
            continue
        if error in _DENIED and name not in found.needed:
            made.remove(name)
            continue
        if error in _DENIED:
            raise Misconfigured(_missing(settings, kind, found, "and this user may not create them"))
        raise error(f"could not create {name}: {message}")
    return made


async def _settled(admin: AIOKafkaAdminClient, settings: Settings, kind: Kind, made: set[str]) -> Survey:
    """The topics once the broker that we ask knows every one that was made."""
    try:
        async with asyncio.timeout(_PROPAGATION_S):
            while made & set((found := await _look(admin, settings, kind)).missing):  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.1)
            return found
    except TimeoutError:
        raise Unavailable(f"new topics did not appear at {settings.broker} within {_PROPAGATION_S} s") from None


async def _look(admin: AIOKafkaAdminClient, settings: Settings, kind: Kind) -> Survey:
    """Asks for all topics: asking for one by name could create it."""
    table = Topics(settings.prefix, settings.lane).all()
    brokers = len((await admin.describe_cluster())["brokers"])
    described = {each["topic"]: each["partitions"] for each in await admin.describe_topics()}
    _no_collision(table, described)
    found = [name for name in table if described.get(name)]
    configs = await _configs(admin, found)
    states = []
    for name, topic in table.items():
        if name not in found:
            states.append(State(topic=name, warnings=[_LATER] if topic.later and found else []))
            continue
        each = State(
            topic=name,
            partitions=len(described[name]),
            replication=min(len(partition["replicas"]) for partition in described[name]),
            config=None if name not in configs else {key: configs[name].get(key, "") for key in topic.config(kind, 1)},
        )
        _judge(each, topic, settings, kind, brokers)
        states.append(each)
    by = {each.topic: each for each in states}
    raw, normalized = (by[Topics(settings.prefix, settings.lane).name(name)] for name in ("raw", "normalized"))
    if raw.partitions and normalized.partitions and raw.partitions != normalized.partitions:
        normalized.refused.append(
            f"has {normalized.partitions} partitions and {raw.topic} has {raw.partitions}; they must have as many"
        )
    return Survey(states, brokers)


def _no_collision(table: Mapping[str, Topic], described: Mapping[str, Any]) -> None:
    """Kafka takes a.b and a_b for one name in places, and refuses the second."""
    taken = {name.replace("_", "."): name for name in described if name not in table}
    for name in table:
        if other := taken.get(name.replace("_", ".")):
            raise Misconfigured(f"topic {other} exists: {name} differs from it in . and _ only; set another prefix")


async def _configs(admin: AIOKafkaAdminClient, names: list[str]) -> dict[str, dict[str, str]]:
    if not names:
        return {}
    answers: Any = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name) for name in names])
    found = {}
    for answer in answers:
        for code, message, _, name, entries in answer.resources:
            if not code:
                found[name] = {entry[0]: entry[1] for entry in entries}
            elif for_code(code) not in _DENIED:
                raise for_code(code)(f"could not read the configuration of {name}: {message}")
    return found


def _judge(each: State, topic: Topic, settings: Settings, kind: Kind, brokers: int) -> None:
    refused, warnings = each.refused, each.warnings
    if topic.single and each.partitions != 1:
        refused.append(f"has {each.partitions} partitions; it is one line and must have 1: delete and create it again")
    if not topic.single and each.partitions != settings.partitions:
        warnings.append(f"has {each.partitions} partitions, not {settings.partitions} as set; its own number counts")
    if each.replication < _replication(brokers):
        warnings.append(f"is replicated {each.replication} times; {_replication(brokers)} survive the loss of a broker")
    if each.config is None:
        warnings.append("its configuration cannot be read (DESCRIBE_CONFIGS is not granted), so it is not checked")
        return
    wanted = topic.config(kind, brokers)
    for key, value in wanted.items():
        found = each.config.get(key, "")
        if found == value or (key == "cleanup.policy" and set(found.split(",")) == set(value.split(","))):
            continue
        say = f"{key} is {found}, not {value}"
        (refused if _breaks(key, found, value) else warnings).append(say)


def _breaks(key: str, found: str, wanted: str) -> bool:
    if key == "cleanup.policy":
        return ("compact" in found.split(",")) != ("compact" in wanted.split(","))
    if key == "max.message.bytes":
        return int(found) < int(wanted)
    return key == "message.timestamp.type"


def _refuse(settings: Settings, kind: Kind, found: Survey) -> None:
    if found.needed:
        raise Misconfigured(_missing(settings, kind, found, "or this user may not see them"))
    if found.refused:
        raise Misconfigured("topics that would lose or garble articles:\n" + "\n".join(found.refused))


def _missing(settings: Settings, kind: Kind, found: Survey, why: str) -> str:
    lines = commands(settings, kind, found.brokers, found.missing)
    return (
        f"topics of lane {settings.lane} are missing at {settings.broker}, {why}; whoever may create them runs:\n"
        + "\n".join(lines)
    )
