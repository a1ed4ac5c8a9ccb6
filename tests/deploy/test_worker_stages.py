"""Which stages `khabar worker` and `khabar watch` run."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

import deploy.worker
from deploy.cli import app
from schemas import Misconfigured
from streams.settings import Settings

Ran = list[tuple[list[str], Settings]]


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> Ran:
    """What would have run."""
    found: Ran = []

    def supervise(stages: Sequence[str], settings: Settings) -> None:
        found.append((list(stages), settings))

    monkeypatch.setattr(deploy.worker, "supervise", supervise)
    return found


def test_all_stages_are_those_of_the_way_and_trends_and_alerts_where_there_are_rules(
    ran: Ran, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert CliRunner().invoke(app, ["worker"]).exit_code == 0
    rules = tmp_path / "rules.toml"
    monkeypatch.setenv("KHABAR_RULES", str(rules))
    rules.write_text("[[rule]]", "utf-8")
    assert isinstance(CliRunner().invoke(app, ["worker"]).exception, Misconfigured)
    rules.write_text('[[rule]]\nname = "x"\nwords = "جسر"', "utf-8")
    assert CliRunner().invoke(app, ["worker", "--lane", "x"]).exit_code == 0
    way = ["normalize", "tag", "deduplicate", "trends"]
    assert [stages for stages, _ in ran] == [way, [*way, "alerts"]]


def test_a_stage_that_is_none_is_told_with_those_that_are(ran: Ran) -> None:
    found = CliRunner().invoke(app, ["worker", "tags"])
    assert isinstance(found.exception, Misconfigured)
    assert str(found.exception).endswith("the stages are normalize, tag, deduplicate, trends, alerts")


def test_watching_runs_the_alerts_with_the_rules_once_they_have_been_read(ran: Ran, tmp_path: Path) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text('[[rule]]\nname = "x"\nword = "جسر"', "utf-8")
    found = CliRunner().invoke(app, ["watch", str(rules)])
    assert isinstance(found.exception, Misconfigured)
    assert ran == []
    rules.write_text('[[rule]]\nname = "x"\nwords = "جسر"', "utf-8")
    assert CliRunner().invoke(app, ["watch", str(rules), "--lane", "sport"]).exit_code == 0
    ((stages, settings),) = ran
    assert (stages, settings.lane, settings.rules) == (["alerts"], "sport", rules)
    assert settings.environment()["KHABAR_RULES"] == str(rules)
