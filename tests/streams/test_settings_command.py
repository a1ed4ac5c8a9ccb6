"""`khabar settings`: everything that is set, where it came from, and no secret."""

import orjson
import pytest
from typer.testing import CliRunner

from deploy.cli import app
from schemas import Misconfigured
from streams.settings import Settings


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.chdir(str(tmp_path))


def test_every_setting_is_printed_with_its_value_and_origin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KHABAR_PARTITIONS", "12")
    printed = CliRunner().invoke(app, ["settings"]).stdout
    rows = {line.split("\t")[0]: line.split("\t")[1:] for line in printed.splitlines()}
    assert set(rows) == set(Settings.model_fields)
    assert rows["partitions"][:2] == ["12", "env KHABAR_PARTITIONS"]
    assert rows["prefix"][:2] == ["khabar", "default"]


def test_every_setting_says_when_to_change_it() -> None:
    for name, info in Settings.model_fields.items():
        assert info.description, name
        assert ";" in info.description, name


def test_secrets_are_masked_in_text_and_json(monkeypatch: pytest.MonkeyPatch) -> None:
    module = "org.apache.kafka.common.security.plain.PlainLoginModule"
    monkeypatch.setenv("KHABAR_KAFKA_SECURITY_PROTOCOL", "SASL_SSL")
    monkeypatch.setenv("KHABAR_KAFKA_SASL_MECHANISM", "PLAIN")
    monkeypatch.setenv("KHABAR_KAFKA_SASL_JAAS_CONFIG", f"{module} required username=me password=sesame;")
    text, json = (CliRunner().invoke(app, ["settings", *flags]).stdout for flags in ([], ["--json"]))
    assert "sesame" not in text + json
    found = {each["name"]: (each["value"], each["origin"]) for each in orjson.loads(json)}
    assert found["kafka.sasl.jaas.config"] == ("********", "env KHABAR_KAFKA_SASL_JAAS_CONFIG")
    assert found["kafka.sasl.mechanism"][0] == "PLAIN"


def test_a_client_property_that_is_wrong_is_told_before_any_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KHABAR_KAFKA_SASL_MECHANISM", "PLAIN")
    result = CliRunner().invoke(app, ["settings"])
    assert isinstance(result.exception, Misconfigured)
    assert "security.protocol is PLAINTEXT" in str(result.exception)
