"""What `khabar watch` says before it watches: where its alerts can be read, and whether any will come."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

import deploy.worker
import streams.lag
from deploy.cli import app
from schemas import Unavailable


@pytest.mark.parametrize(
    ("working", "says"),
    [
        (["normalize", "tag", "deduplicate"], []),
        (["normalize"], ["no worker for tag, deduplicate: nothing new comes until khabar worker --lane sport runs"]),
        (
            ["normalize", "tag", "deduplicate", "alerts"],
            ["this lane is watched already, or was seconds ago; one of the two will work: give both the same rules"],
        ),
        (None, []),
    ],
)
def test_the_newsroom_is_told_where_to_read_and_who_works_on_the_lane(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, working: list[str] | None, says: list[str]
) -> None:
    async def served(_: object) -> list[str]:
        if working is None:
            raise Unavailable("no Kafka answers")
        return working

    monkeypatch.setattr(streams.lag, "served", served)
    monkeypatch.setattr(deploy.worker, "supervise", lambda *_: None)
    rules = tmp_path / "rules.toml"
    rules.write_text('[[rule]]\nname = "x"\nwords = "جسر"', "utf-8")
    done = CliRunner().invoke(app, ["watch", str(rules), "--lane", "sport"])
    assert done.exit_code == 0
    assert done.stderr.splitlines() == [
        "rules read: 1; what they bring forth: khabar read alerts --follow --lane sport",
        *says,
    ]


def test_an_id_that_no_article_can_have_is_told_before_the_watch(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def served(_: object) -> list[str]:
        raise Unavailable("no Kafka answers")

    monkeypatch.setattr(streams.lag, "served", served)
    monkeypatch.setattr(deploy.worker, "supervise", lambda *_: None)
    rules = tmp_path / "rules.toml"
    rules.write_text('[[rule]]\nname = "x"\nentity = ["سورية", "iso:AE", "wd:Q858"]', "utf-8")
    done = CliRunner().invoke(app, ["watch", str(rules)])
    assert done.stderr.splitlines() == [
        "rule x: no article has the id wd:Q858, the tagger's tables lack it; give the name instead",
        "rules read: 1; what they bring forth: khabar read alerts --follow",
    ]
