"""A real Apache Kafka for tests, in a temporary folder and on free ports; its jars are downloaded once per user."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from deploy.broker import Broker
from streams.lag import READS
from streams.settings import Settings


def free_ports(count: int) -> list[int]:
    """Ports that nobody has now; all are held until all are found, so that they differ."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


@pytest.fixture(scope="session")
def make_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Broker]]:
    """Makes brokers, not started yet: `make_broker({"log.cleaner.backoff.ms": "100"})`; removes them at the end."""
    made: list[Broker] = []

    def make(properties: dict[str, str] | None = None) -> Broker:
        port, controller_port = free_ports(2)
        folder = tmp_path_factory.mktemp("kafka") / "وسيط محلي"  # with a space and Arabic, as a home folder may have
        made.append(Broker(folder, port, controller_port, properties or {}))
        return made[-1]

    yield make
    for broker in made:
        broker.kill()
        broker.remove()


@pytest.fixture(scope="session")
def shared_broker(make_broker: Callable[..., Broker]) -> Broker:
    """The running broker that all tests share."""
    broker = make_broker()
    broker.start()
    return broker


@pytest.fixture(scope="session")
def kafka(shared_broker: Broker) -> str:
    """The address of a running broker that all tests share: use the `lane` fixture, and leave it running."""
    return shared_broker.bootstrap


@pytest.fixture
def broker(make_broker: Callable[..., Broker]) -> Iterator[Broker]:
    """A running broker of the test's own, to be killed and started again (3 s: use `kafka` where that serves)."""
    broker = make_broker()
    broker.start()
    yield broker
    broker.kill()
    broker.remove()


@pytest.fixture
def workers(tmp_path: Path) -> Callable[[Settings], AbstractContextManager[None]]:
    """`with workers(settings):` runs the stages of the way on that lane; what they say is in the test's folder."""

    @contextmanager
    def run(settings: Settings) -> Iterator[None]:
        environment = os.environ | settings.environment()
        with (tmp_path / "worker.log").open("ab") as log:
            command = [sys.executable, "-m", "deploy", "worker", *READS]
            process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
            try:
                yield
                assert process.poll() is None, (tmp_path / "worker.log").read_text("utf-8", "replace")[-5000:]
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(60)

    return run
