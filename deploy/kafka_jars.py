"""Apache Kafka's jars on a machine that has only Python: fetched once, verified against the list beside this file.

jgo is the Maven client. Its own `jgo.build` is not used: it wants a JDK 11 to sort jars into modules (a download of
200 MB that the broker has no use for), and takes a half-written file of an interrupted download for a whole one.
"""

import hashlib
import logging
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from platformdirs import user_cache_path

from deploy.locks import locked
from schemas.errors import Misconfigured, Unavailable

__all__ = ["KAFKA_VERSION", "Jar", "classpath", "shipped_list"]

log = logging.getLogger(__name__)

KAFKA_VERSION = "4.1.1"
TRIES = 3  # downloads of one jar; a connection that breaks three times in a row is the operator's to look at
TIMEOUT = 30  # seconds without a byte
AT_ONCE = 6  # downloads at the same time; more are not faster on a line of 100 Mbit/s
ROOM = 100_000_000  # bytes; twice what the jars take

Progress = Callable[[int, int], None]  # (bytes there, bytes in all)


@dataclass(frozen=True, slots=True)
class Jar:
    """One jar: its Maven coordinates and what its file must be."""

    group: str
    artifact: str
    version: str
    sha256: str
    size: int

    @property
    def filename(self) -> str:
        return f"{self.artifact}-{self.version}.jar"


def shipped_list() -> list[Jar]:
    """The jars of this Kafka, in the order of the file."""
    lines = files("deploy").joinpath("kafka_jars.txt").read_text("utf-8").splitlines()
    jars = []
    for name, digest, size in (line.split() for line in lines if not line.startswith("#")):
        group, artifact, version = name.split(":")
        jars.append(Jar(group, artifact, version, digest, int(size)))
    return jars


def classpath(progress: Progress | None = None, cache: Path | None = None) -> list[Path]:
    """Return the paths of all jars, downloading what is missing or broken; safe to call from several processes.

    Raises Unavailable when a download fails and Misconfigured when the disk has no room.
    """
    folder = (cache or user_cache_path("khabar")) / f"kafka-{KAFKA_VERSION}"
    folder.mkdir(parents=True, exist_ok=True)
    jars = shipped_list()
    if any(not _whole(folder, jar) for jar in jars):
        with locked(folder / "lock"):
            _fetch(
                folder, [jar for jar in jars if not _whole(folder, jar)], jars, progress or (lambda there, total: None)
            )
    return [folder / jar.filename for jar in jars]


def _whole(folder: Path, jar: Jar) -> bool:
    """True if the file is the one listed. All jars are hashed at each start: 44 MB, a twentieth of a second."""
    path = folder / jar.filename
    if not path.is_file() or path.stat().st_size != jar.size:
        return False
    return _digest(path) == jar.sha256


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fetch(folder: Path, missing: list[Jar], jars: list[Jar], progress: Progress) -> None:
    need = ROOM
    free = shutil.disk_usage(folder).free
    if free < need:
        raise Misconfigured(
            f"{folder} has {free // 10**6} MB free and Kafka's jars need {need // 10**6} MB: free some space, "
            f"or point XDG_CACHE_HOME to a larger disk"
        )
    total = sum(jar.size for jar in jars)
    count = _Counter(total - sum(jar.size for jar in missing), total, progress)
    staging = folder / "partial"
    shutil.rmtree(staging, ignore_errors=True)  # what an interrupted run left is never trusted
    with ThreadPoolExecutor(AT_ONCE) as pool:
        tasks = [pool.submit(_download, jar, staging, folder, count) for jar in missing]
        try:
            for task in as_completed(tasks):
                task.result()
        except BaseException:
            pool.shutdown(cancel_futures=True, wait=True)
            raise
    shutil.rmtree(staging, ignore_errors=True)


class _Counter:
    """Adds up what all downloads have written, and tells it from one thread at a time."""

    def __init__(self, there: int, total: int, progress: Progress) -> None:
        self.there, self.total, self.progress = there, total, progress
        self.lock = threading.Lock()

    def add(self, size: int) -> None:
        with self.lock:
            self.there += size
            self.progress(self.there, self.total)


def _download(jar: Jar, staging: Path, folder: Path, count: _Counter) -> None:
    """Fetch one jar into `staging`, and move it to its place only when its digest is right."""
    from requests import RequestException

    problem = ""
    for attempt in range(TRIES):
        tally = _Tally(count)
        try:
            # One folder for each attempt: jgo takes what it finds there for whole.
            path = _resolve(jar, staging / f"{jar.artifact}-{attempt}", tally)
        except (RequestException, RuntimeError) as error:
            problem = str(error)
        except OSError as error:
            raise Misconfigured(f"cannot write {folder}: {error}; free some space or mend the permissions") from error
        else:
            if _digest(path) == jar.sha256:
                path.replace(folder / jar.filename)
                return
            problem = f"the file has {path.stat().st_size} bytes instead of {jar.size}, or other content"
        tally.forget()
        log.info("download of %s failed (attempt %d of %d): %s", jar.filename, attempt + 1, TRIES, problem)
    raise Unavailable(
        f"could not download {jar.filename} of Apache Kafka {KAFKA_VERSION} after {TRIES} attempts: {problem}. "
        f"Run the same command again: it keeps what has arrived in {folder}"
    )


def _resolve(jar: Jar, into: Path, tally: "_Tally") -> Path:
    """Have jgo download the jar, from the mirror that the user's own jgo settings name `central`, if they do."""
    from jgo.config import GlobalSettings
    from jgo.constants import MAVEN_CENTRAL_URL
    from jgo.maven import MavenContext, PythonResolver

    context = MavenContext(
        resolver=PythonResolver(progress_callback=tally.watch),
        repo_cache=into,
        remote_repos={"central": MAVEN_CENTRAL_URL} | GlobalSettings.load().repositories,
        timeout=TIMEOUT,
    )
    return context.project(jar.group, jar.artifact).at_version(jar.version).artifact().resolve()


class _Tally:
    """What one attempt has added to the counter, to be taken back if it fails."""

    def __init__(self, count: _Counter) -> None:
        self.count, self.got = count, 0

    @contextmanager
    def watch(self, filename: str, size: int) -> Iterator[Callable[[int], None]]:
        yield self.add

    def add(self, size: int) -> None:
        self.got += size
        self.count.add(size)

    def forget(self) -> None:
        self.count.add(-self.got)
