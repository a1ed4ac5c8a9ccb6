"""Kafka's jars: whatever a download does, only whole files are used."""

import errno
import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from deploy import kafka_jars
from deploy.kafka_jars import Jar, classpath, shipped_list
from schemas.errors import Misconfigured, Unavailable

CONTENT = {"clients": b"clients" * 100, "server": b"server" * 50}
Answer = Callable[[str, int], bytes | Exception]


def jar(name: str) -> Jar:
    content = CONTENT[name]
    return Jar("org.example", name, "1", hashlib.sha256(content).hexdigest(), len(content))


class Repository:
    """Stands in for the Maven repository; `answer` gives what arrives of a jar at the nth time that it is asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answer: Answer = lambda name, time: CONTENT[name]

    def resolve(self, jar: Jar, into: Path, tally: Any) -> Path:
        self.asked.append(jar.artifact)
        found = self.answer(jar.artifact, self.asked.count(jar.artifact))
        if isinstance(found, Exception):
            raise found
        into.mkdir(parents=True)
        path = into / jar.filename
        path.write_bytes(found)
        with tally.watch(jar.filename, jar.size) as update:
            update(len(found))
        return path


@pytest.fixture
def repository(monkeypatch: pytest.MonkeyPatch) -> Repository:
    stand_in = Repository()
    monkeypatch.setattr(kafka_jars, "_resolve", stand_in.resolve)
    monkeypatch.setattr(kafka_jars, "shipped_list", lambda: [jar(name) for name in CONTENT])
    return stand_in


def test_jars_are_downloaded_once(repository: Repository, tmp_path: Path) -> None:
    first = classpath(cache=tmp_path)
    assert [path.read_bytes() for path in first] == list(CONTENT.values())
    assert classpath(cache=tmp_path) == first
    assert sorted(repository.asked) == ["clients", "server"]


def test_a_file_that_came_in_part_is_asked_for_again(repository: Repository, tmp_path: Path) -> None:
    repository.answer = lambda name, time: CONTENT[name][:-1] if time == 1 else CONTENT[name]
    assert [path.read_bytes() for path in classpath(cache=tmp_path)] == list(CONTENT.values())


def test_a_file_of_another_content_is_never_used(repository: Repository, tmp_path: Path) -> None:
    repository.answer = lambda name, time: CONTENT[name].swapcase()
    with pytest.raises(Unavailable, match="other content"):
        classpath(cache=tmp_path)
    assert not list(tmp_path.glob("kafka-*/*.jar"))


def test_a_connection_that_breaks_is_tried_again_and_then_told(repository: Repository, tmp_path: Path) -> None:
    repository.answer = lambda name, time: RuntimeError("no route") if name == "server" else CONTENT[name]
    with pytest.raises(Unavailable, match=r"server-1\.jar .*3 attempts: no route.*again"):
        classpath(cache=tmp_path)
    assert repository.asked.count("server") == 3


def test_the_same_command_again_fetches_only_what_is_missing(repository: Repository, tmp_path: Path) -> None:
    repository.answer = lambda name, time: RuntimeError("no route") if name == "server" else CONTENT[name]
    with pytest.raises(Unavailable):
        classpath(cache=tmp_path)
    repository.asked.clear()
    repository.answer = lambda name, time: CONTENT[name]
    classpath(cache=tmp_path)
    assert repository.asked == ["server"]


def test_a_jar_that_was_damaged_on_disk_is_fetched_anew(repository: Repository, tmp_path: Path) -> None:
    path = classpath(cache=tmp_path)[0]
    path.write_bytes(bytes(path.stat().st_size))
    classpath(cache=tmp_path)
    assert path.read_bytes() == CONTENT["clients"]


def test_progress_ends_at_the_whole_even_after_a_broken_try(repository: Repository, tmp_path: Path) -> None:
    repository.answer = lambda name, time: CONTENT[name][:-1] if time == 1 else CONTENT[name]
    told: list[tuple[int, int]] = []
    classpath(lambda there, total: told.append((there, total)), tmp_path)
    total = sum(map(len, CONTENT.values()))
    assert told[-1] == (total, total)


def test_a_full_disk_is_told_before_the_download(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=5_000_000))
    with pytest.raises(Misconfigured, match=r"5 MB free .* need 100 MB: free some space"):
        classpath(cache=tmp_path)
    assert repository.asked == []


def test_a_disk_that_fills_up_during_the_download_is_told(repository: Repository, tmp_path: Path) -> None:
    repository.answer = lambda name, time: OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with pytest.raises(Misconfigured, match=r"No space left on device; free some space"):
        classpath(cache=tmp_path)


def test_the_shipped_list_names_one_version_of_everything_that_kafka_needs() -> None:
    jars = shipped_list()
    names = [(jar.group, jar.artifact) for jar in jars]
    assert len(set(names)) == len(names)
    assert {jar.version for jar in jars if jar.group == "org.apache.kafka"} == {kafka_jars.KAFKA_VERSION}
    assert all(len(jar.sha256) == 64 and jar.size > 0 for jar in jars)
