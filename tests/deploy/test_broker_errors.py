"""What the local broker says where it cannot start, and where others do not look for it."""

import errno
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from deploy import broker as module
from deploy.broker import HOST, PORT, Broker, usual_port
from deploy.commands.broker import start, status
from schemas.errors import KhabarError, Misconfigured, Unavailable


@pytest.fixture
def broker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Broker:
    """A broker whose jars are there."""
    monkeypatch.setattr(module, "classpath", lambda progress: [])
    return Broker(tmp_path / "broker")


def test_a_disk_that_is_nearly_full_is_told_before_anything_is_written(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=5_000_000))
    with pytest.raises(Misconfigured, match=r"5 MB free .* needs 200 MB: free some space"):
        broker.start()
    assert not list(broker.folder.iterdir())


@pytest.mark.parametrize(
    ("words", "kind", "advice"),
    [
        (f"java.io.IOException: {os.strerror(errno.ENOSPC)}", Misconfigured, "is full: free some space"),
        ("java.net.BindException: Address already in use", Misconfigured, "--port"),
        ("INFO starting\nERROR Exiting Kafka: no such listener", Unavailable, "last words are\nERROR Exiting Kafka"),
        ("Killed", Unavailable, "server.log and its last words are\nKilled"),
    ],
)
def test_what_kafka_said_when_it_ended_becomes_advice(
    broker: Broker, words: str, kind: type[KhabarError], advice: str
) -> None:
    failure = broker._failure(words)
    assert type(failure) is kind
    assert advice in str(failure)


def test_another_process_with_the_number_of_a_broker_long_gone_is_no_broker(broker: Broker) -> None:
    broker.folder.mkdir()
    ours = {"pid": os.getpid(), "created": psutil.Process().create_time() - 3600, "port": 1, "controller_port": 2}
    (broker.folder / "node.json").write_text(json.dumps(ours))
    assert broker.running() is None
    assert not broker.stop()


@pytest.mark.parametrize("found", ["", "{}", "[1]", '{"pid": "x"}'])
def test_a_state_file_that_was_cut_off_is_no_broker(broker: Broker, found: str) -> None:
    broker.folder.mkdir()
    (broker.folder / "node.json").write_text(found)
    assert broker.running() is None


def test_a_taken_port_is_told_before_anything_is_downloaded(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "classpath", lambda progress: pytest.fail("it downloads"))
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        broker.port = other.getsockname()[1]
        with pytest.raises(Misconfigured, match=f"port {broker.port} on {HOST} is taken"):
            broker.start()


def test_a_broker_comes_back_where_it_was_else_where_clients_look_for_it(broker: Broker) -> None:
    assert usual_port(broker.folder, "kafka.example.org:9093") == PORT
    assert usual_port(broker.folder, "127.0.0.1:80") == PORT
    assert usual_port(broker.folder, "kafka.example.org:9093, localhost:29092") == 29092
    broker.port = 29392
    (broker.folder / "data").mkdir(parents=True)
    (broker.folder / "data" / "meta.properties").touch()
    broker._prepare([])
    assert usual_port(broker.folder, "localhost:29092") == 29392
    (broker.folder / "server.properties").write_text("advertised.listeners=PLAINTEXT")
    assert usual_port(broker.folder, "localhost:29092") == 29092


@pytest.mark.parametrize("command", [start, status])
def test_a_broker_where_no_command_looks_for_it_says_how_it_is_reached(
    command: Callable[[], None],
    broker: Broker,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "data_folder", lambda: broker.folder)
    monkeypatch.delenv("KHABAR_BROKER", raising=False)
    broker.folder.mkdir()
    with socket.socket() as ours:  # stands in for Kafka
        ours.bind((HOST, 0))
        ours.listen()
        port = ours.getsockname()[1]
        node = {"pid": os.getpid(), "created": psutil.Process().create_time(), "port": port, "controller_port": 2}
        (broker.folder / "node.json").write_text(json.dumps(node))
        command()
        said = capsys.readouterr().err
        assert f"look for a broker at {HOST}:{PORT}; for this one: export KHABAR_BROKER={HOST}:{port}\n" in said
        monkeypatch.setenv("KHABAR_BROKER", f"localhost:{port}")
        command()
        assert "export" not in capsys.readouterr().err


def test_a_removal_that_nobody_can_be_asked_about_names_the_option(tmp_path: Path) -> None:
    kept = tmp_path / "khabar" / "broker" / "data"
    kept.mkdir(parents=True)
    done = subprocess.run(
        [sys.executable, "-m", "deploy", "broker", "remove"],
        cwd=Path(__file__).parents[2],
        env=os.environ | {"XDG_DATA_HOME": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("khabar: nobody is there to answer")
    assert "khabar broker remove --yes" in done.stderr
    assert kept.exists()
