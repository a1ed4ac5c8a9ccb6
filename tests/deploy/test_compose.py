"""docker-compose.yml, the Dockerfile and .dockerignore: what can be known of them without an engine to run them."""

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.util import find_spec
from pathlib import Path
from threading import Thread
from typing import Any

import jsonschema
import pytest
import typer
from packaging.specifiers import SpecifierSet
from ruamel.yaml import YAML

from deploy.cli import app
from deploy.kafka_jars import KAFKA_VERSION
from streams.lag import READS, VIEWS
from streams.settings import LOCAL_BROKER, Settings
from streams.topics import TABLE

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.fixture(scope="module")
def compose() -> Any:
    return YAML(typ="safe").load(ROOT / "docker-compose.yml")


@pytest.fixture(scope="module")
def instructions() -> list[tuple[str, str]]:
    text = (ROOT / "deploy" / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(name, " ".join(rest.split())) for name, _, rest in (line.partition(" ") for line in lines)]


def ours(compose: Any) -> dict[str, Any]:
    return {name: service for name, service in compose["services"].items() if service["image"] == "khabar"}


def test_the_compose_file_follows_the_compose_specification(compose: Any) -> None:
    package = find_spec("check_jsonschema")  # not imported: it may want a newer click than Faust allows
    assert package is not None
    assert package.origin is not None
    schema = json.loads((Path(package.origin).parent / "builtin_schemas/vendor/compose-spec.json").read_text())
    jsonschema.validate(compose, schema)


def test_every_stage_has_a_worker_of_its_own_that_is_started_again(compose: Any) -> None:
    workers = {name: service for name, service in ours(compose).items() if service["command"][0] == "worker"}
    assert {name: service["command"][1:] for name, service in workers.items()} == {
        name: [name] for name in (*READS, "trends")
    }
    assert {service["restart"] for service in workers.values()} == {"unless-stopped"}


def test_every_command_is_one_that_khabar_understands(compose: Any) -> None:
    command = typer.main.get_command(app)
    for service in ours(compose).values():
        name, *arguments = [word.replace("/samples", str(ROOT / "deploy/samples")) for word in service["command"]]
        known = command.get_command(typer.Context(command), name)  # type: ignore[attr-defined]
        assert known is not None, f"there is no command {name}"
        known.make_context(name, arguments)  # raises for an option or a file that is not there


def test_every_variable_is_a_setting_with_a_value_that_it_takes(compose: Any) -> None:
    for service in ours(compose).values():
        given = {key.removeprefix("KHABAR_").lower(): value for key, value in service["environment"].items()}
        given = {key: re.sub(r"^\$\{\w+:-(.*)\}$", r"\1", value) for key, value in given.items()}
        assert given.keys() <= Settings.model_fields.keys()
        Settings(**given)


def test_khabar_waits_for_a_healthy_broker_and_finds_it(compose: Any) -> None:
    kafka = compose["services"]["kafka"]
    inside = re.search(r"INSIDE://([^,]+)", kafka["environment"]["KAFKA_ADVERTISED_LISTENERS"])
    assert inside
    for service in ours(compose).values():
        assert service["depends_on"]["kafka"]["condition"] == "service_healthy"
        assert service["environment"]["KHABAR_BROKER"] == inside[1]
    assert inside[1] in kafka["healthcheck"]["test"]


def test_the_broker_is_the_tested_one_and_takes_the_largest_record(compose: Any) -> None:
    kafka = compose["services"]["kafka"]
    assert kafka["image"] == f"apache/kafka:{KAFKA_VERSION}"
    environment = kafka["environment"]
    assert int(environment["KAFKA_MESSAGE_MAX_BYTES"]) >= max(topic.max_message_bytes for topic in TABLE)
    assert environment["KAFKA_REPLICA_FETCH_MAX_BYTES"] == environment["KAFKA_MESSAGE_MAX_BYTES"]
    assert environment["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"


def test_nothing_is_open_to_the_network_and_the_host_finds_the_broker_where_it_looks(compose: Any) -> None:
    published = [port for service in compose["services"].values() for port in service.get("ports", [])]
    gateway = Settings.model_fields["gateway_port"].default
    assert published == [f"{LOCAL_BROKER}:{LOCAL_BROKER.rpartition(':')[2]}", f"127.0.0.1:{gateway}:{gateway}"]
    assert f"OUTSIDE://{LOCAL_BROKER}" in compose["services"]["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]


def test_containers_of_ours_may_do_little(compose: Any) -> None:
    for service in ours(compose).values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]


def test_the_image_runs_as_nobody_special_and_khabar_is_its_program(instructions: list[tuple[str, str]]) -> None:
    last = max(number for number, (name, _) in enumerate(instructions) if name == "FROM")
    final = dict(instructions[last:])
    assert re.fullmatch(r"[1-9]\d{3,}", final["USER"])
    assert f"--uid {final['USER']} " in final["RUN"]
    assert json.loads(final["ENTRYPOINT"]) == ["khabar"]
    assert "khabar" in PROJECT["project"]["scripts"]


@pytest.fixture
def stage() -> Iterator[tuple[int, list[HTTPStatus]]]:
    """A port on which /healthz answers with the status in the list."""
    status = [HTTPStatus.OK]

    class Health(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status[0] if self.path == "/healthz" else HTTPStatus.NOT_FOUND)
            self.end_headers()

    with HTTPServer(("127.0.0.1", 0), Health) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port, status
        server.shutdown()
        thread.join()


def healthy(instructions: list[tuple[str, str]], first: int, gateway: int = 1) -> bool:
    """What the image's health check says where the first stage's port is this, and the gateway's that."""
    command = json.loads(dict(instructions)["HEALTHCHECK"].partition("CMD ")[2])
    ports = {"KHABAR_METRICS_PORT": str(first), "KHABAR_GATEWAY_PORT": str(gateway)}
    done = subprocess.run([sys.executable, *command[1:]], env=os.environ | ports, capture_output=True)
    return done.returncode == 0


@pytest.mark.parametrize("place", range(len((*READS, *VIEWS))))
def test_the_images_health_is_that_of_whichever_stage_runs_in_it(
    instructions: list[tuple[str, str]], stage: tuple[int, list[HTTPStatus]], place: int
) -> None:
    port, status = stage
    assert healthy(instructions, port - place)
    status[0] = HTTPStatus.SERVICE_UNAVAILABLE
    assert not healthy(instructions, port - place)


def test_the_health_of_an_image_that_runs_the_gateway_is_the_gateways(
    instructions: list[tuple[str, str]], stage: tuple[int, list[HTTPStatus]]
) -> None:
    port, status = stage
    assert healthy(instructions, 1, port)
    status[0] = HTTPStatus.SERVICE_UNAVAILABLE
    assert not healthy(instructions, 1, port)


def test_an_image_in_which_no_stage_answers_is_not_healthy(instructions: list[tuple[str, str]]) -> None:
    assert not healthy(instructions, 1)
    assert "KHABAR_METRICS_PORT=9464" in dict(instructions)["ENV"]
    assert Settings.model_fields["metrics_port"].default == 9464


def test_the_images_python_is_one_that_khabar_supports(instructions: list[tuple[str, str]]) -> None:
    images = [re.fullmatch(r"python:(\d+\.\d+)-slim( AS \w+)?", rest) for name, rest in instructions if name == "FROM"]
    assert all(images)
    (version,) = {image[1] for image in images if image}
    assert f"{version}.0" in SpecifierSet(PROJECT["project"]["requires-python"])


def test_what_the_image_is_made_of_reaches_the_builder_and_nothing_else(instructions: list[tuple[str, str]]) -> None:
    ignore = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    assert ignore[0] == "*"
    allowed = {line[1:] for line in ignore if line[0] == "!"}
    packages = set(PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"])
    copied = {
        source
        for name, rest in instructions
        if name == "COPY" and "--from" not in rest
        for source in rest.split()[:-1]
        if source != "."
    }
    assert allowed == packages | copied
    assert {"pyproject.toml", PROJECT["project"]["readme"]} <= copied
    assert [name for name in allowed if not (ROOT / name).exists()] == []
