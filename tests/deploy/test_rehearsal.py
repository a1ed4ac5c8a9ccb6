"""`khabar replay --dry-run`: what it says of an archive, without a broker."""

from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from deploy.cli import app
from schemas import Misconfigured

ONE = {"outlet": "نداء الوادي", "head": "أمطار على الوادي", "text": "هطلت أمطار " * 40, "day": "2026-05-03"}
MAP = [word for pair in ("source=outlet", "title=head", "body=text", "published_at=day") for word in ("--map", pair)]
DATES = ["--to", "2026-06-01"]


def said(*words: str | Path, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["replay", "--broker", "127.0.0.1:1", "--dry-run", *map(str, words)])
    assert done.exit_code == code, done.output + repr(done.exception)
    return done.stdout


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    days = [
        "2026-05-03",
        "2026-05-01",
        "2026-05-02",
        "soon",
        "2027-01-01",
        "2026-05-04",
        "never",
        "later",
        "2026-05-04",
    ]
    lines = [orjson.dumps(ONE | {"day": day, "n": number}) for number, day in enumerate(days)]
    file = tmp_path / "rain.jsonl"
    file.write_bytes(b"\n".join([*lines, b"broken"]))
    return file


def test_records_are_shown_as_they_would_be_sent_and_counted_by_what_would_become_of_them(archive: Path) -> None:
    shown = said(archive, *MAP, *DATES)
    first = orjson.loads(shown[: shown.index("}\n") + 1])
    assert (first["source"], first["title"], first["published_at"]) == (
        "نداء الوادي",
        "أمطار على الوادي",
        "2026-05-03T00:00:00Z",
    )
    assert first["body"].endswith("…")
    assert len(first["body"]) == 121
    assert shown.count("}\n") == 3
    told = shown[shown.rindex("}\n") + 2 :].splitlines()
    assert told[:3] == [
        "10 records: 5 would be sent, 5 only for dead letters",
        "from 2026-05-01T00:00:00Z to 2026-05-04T00:00:00Z",
        "2 of them come after a later one, and would be sorted in",
    ]
    assert told[3].startswith("5 kB of articles; the lane takes about 13 kB of disk a copy")
    assert told[4] == "undated: 4"
    assert told[5].startswith('  rain.jsonl:4: published_at is "soon"')
    assert told[8] == "  …"
    assert told[9] == "not-json: 1"
    assert told[10].startswith("  rain.jsonl:10: the line is not JSON")


def test_an_archive_of_which_nothing_can_be_sent_says_why(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("عنوان\nنص", "utf-8")
    told = said(tmp_path, "--from", "2026-01-01", code=1).splitlines()
    assert told[:2] == ["1 records: 0 would be sent, 1 only for dead letters", "undated: 1"]
    assert "--date-from" in told[2]
    assert said(tmp_path, "--from", "2026-01-01", *DATES, "--date-from", "2026-05-01").count("}\n") == 1


def test_what_is_assumed_to_be_sorted_and_is_not_ends_it_as_it_would_a_replay(archive: Path) -> None:
    done = CliRunner().invoke(app, ["replay", str(archive), *MAP, *DATES, "--dry-run", "--assume-sorted"])
    assert isinstance(done.exception, Misconfigured)
    assert "rain.jsonl:2 is dated 2026-05-01T00:00:00Z and comes after rain.jsonl:1" in str(done.exception)


def test_dates_that_hold_no_record_say_what_the_records_are_dated(archive: Path) -> None:
    told = said(archive, *MAP, "--from", "2020-01-01", "--to", "2020-01-31", code=1).splitlines()
    assert told[0] == "10 records: 0 would be sent, 10 only for dead letters"
    assert 'published_at is "2026-05-03", outside 2020-01-01T00:00:00Z to 2020-01-31' in told[2]


def test_an_archive_without_a_record_is_none(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"\n\n")
    done = CliRunner().invoke(app, ["replay", str(tmp_path / "a.jsonl"), "--dry-run"])
    assert isinstance(done.exception, Misconfigured)
    assert f"there is no record in {tmp_path / 'a.jsonl'}" in str(done.exception)


def test_what_the_operator_has_to_mend_ends_it(archive: Path) -> None:
    done = CliRunner().invoke(app, ["replay", str(archive), "--dry-run", "--date-from", "name", "--map", "body=txt"])
    assert "no txt in the input" in str(done.exception)
    done = CliRunner().invoke(app, ["replay", "a.jsonl", "--dry-run", "--published-at", "2026", "--date-from", "2026"])
    assert "a.jsonl is not there" in str(done.exception)
    done = CliRunner().invoke(
        app, ["replay", str(archive), "--published-at", "2026-05-01", "--date-from", "2026-05-01", "--dry-run"]
    )
    assert "say the same; give one" in str(done.exception)
