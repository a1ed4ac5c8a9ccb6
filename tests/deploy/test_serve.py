"""`khabar serve` as a whole: what it is put together from describes itself, and its tokens are made for it."""

import re
from hashlib import sha256

import pytest
from prometheus_client import CollectorRegistry
from typer.testing import CliRunner

from deploy import loadtest
from deploy.cli import app
from deploy.gateway import parts_of
from streams.gateway.openapi import document
from streams.settings import Settings


def test_everything_that_it_answers_is_described() -> None:
    described = document(parts_of(Settings(), CollectorRegistry()))
    assert {"/v1/articles", "/v1/stories", "/v1/stream/{stream}"} <= set(described["paths"])
    operations = [each for item in described["paths"].values() for each in item.values()]
    ids = [each["operationId"] for each in operations]
    assert len(ids) == len(set(ids))
    for operation in operations:
        assert operation["summary"], operation["operationId"]
        assert operation["responses"], operation["operationId"]


def test_every_type_that_is_referred_to_is_there() -> None:
    described = document(parts_of(Settings(), CollectorRegistry()))
    names = set(re.findall(r"'#/components/schemas/(\w+)'", str(described)))
    assert {"RawArticle", "ProblemDocument"} <= names
    assert names <= set(described["components"]["schemas"])


@pytest.mark.parametrize(("options", "table"), [([], "push_tokens"), (["--read"], "read_tokens")])
def test_a_token_is_printed_once_and_its_hash_is_for_the_settings(options: list[str], table: str) -> None:
    done = CliRunner().invoke(app, ["token", "sahifa.example", *options])
    token = done.stdout.strip()
    digest = sha256(token.encode()).hexdigest()
    assert len(token) >= 43  # 256 bits
    assert f'[{table}]\n{digest} = "sahifa.example"' in done.stderr
    assert token not in done.stderr
    assert getattr(Settings(**{table: f"{digest}=sahifa.example"}), table) == {digest: "sahifa.example"}


def test_a_name_that_the_settings_could_not_hold_is_refused() -> None:
    assert CliRunner().invoke(app, ["token", "a=b"]).exit_code != 0


def test_a_load_test_without_a_broker_ends_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        loadtest.main(broker="127.0.0.1:1")
    assert end.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("khabar: no Kafka answers at 127.0.0.1:1")
