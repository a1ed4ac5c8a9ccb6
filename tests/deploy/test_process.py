"""`khabar process`: what a stranger types, and what comes out."""

import gzip
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

from deploy import samples
from schemas import EnrichedArticle, Story, decode, parse_date

RAIN = (
    "هطلت أمطار غزيرة على مدينة الوادي فجر الأحد وأغلقت السلطات المحلية ثلاثة طرق رئيسية، "
    "ودعت السكان إلى تجنب مجاري السيول."
)


def lines() -> list[dict[str, Any]]:
    return [
        {
            "outlet": "نداء الوادي",
            "key": n,
            "head": f"أمطار على الوادي {n}",
            "text": f"{RAIN} {'وزاد ' * n}",
            "day": f"2026-05-0{n}",
        }
        for n in range(1, 7)
    ]


MAP = ["--map", "source=outlet", "--map", "source_id=key", "--map", "title=head", "--map", "body=text"]
DATED = [*MAP, "--map", "published_at=day", "--to", "2026-06-01"]


def khabar(*words: str | Path, stdin: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "deploy", "process", *map(str, words)], input=stdin, capture_output=True
    )


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("process") / "rain.jsonl"
    file.write_bytes(b"\n".join(map(orjson.dumps, lines())) + b"\nbroken\n")
    return file


def test_articles_come_out_in_the_order_of_their_dates_stories_and_letters_beside(
    archive: Path, tmp_path: Path
) -> None:
    out, stories, letters = tmp_path / "o", tmp_path / "s", tmp_path / "l"
    done = khabar(archive, *DATED, "-o", out, "--stories", stories, "--letters", letters)
    assert done.returncode == 0, done.stderr
    assert done.stdout == b""
    articles = [decode(EnrichedArticle, line) for line in out.read_bytes().splitlines()]
    assert [article.published_at for article in articles] == [f"2026-05-0{n}T00:00:00Z" for n in range(1, 7)]
    assert [article.lines[-1].line for article in articles] == list(range(6))
    assert {article.date_precision for article in articles} == {"day"}
    assert decode(Story, stories.read_bytes().splitlines()[-1]).articles > 1
    (letter,) = map(orjson.loads, letters.read_bytes().splitlines())
    assert letter == {
        "stage": "normalize",
        "cause": "not-json",
        "reason": letter["reason"],
        "value": "broken",
    }
    assert letter["reason"].startswith("rain.jsonl:7: the line is not JSON")
    assert b"6 articles out, 0 repeats, 1 refused (not-json 1)" in done.stderr


def test_the_order_of_the_input_and_its_repeats_change_nothing(archive: Path) -> None:
    plain = khabar(archive, *DATED)
    found = [line for line in archive.read_bytes().splitlines() if line != b"broken"]
    random.Random(7).shuffle(found)
    shuffled = khabar("-", *DATED, stdin=gzip.compress(b"\n".join(found + found[:2])))
    assert plain.stdout == shuffled.stdout != b""
    assert b"6 articles out, 2 repeats, 0 refused" in shuffled.stderr
    assert b"1 refused (not-json 1)" in plain.stderr
    assert b"--letters FILE keeps" in plain.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["gone.jsonl"], b"gone.jsonl is not there"),
        (
            ["{}", "--map", "body=txt"],
            b"--map body=txt: no txt in the input; rain.jsonl:1 has the fields outlet, key, head",
        ),
        (["{}", "--timezone", "Mars/Base"], b"--timezone is 'Mars/Base', which is no IANA zone"),
        (["{}", "--from", "soon"], b'--from is "soon"; give RFC 3339'),
        (["{}", "-o", "{}"], b"is read and would be written"),
        (["{}", "-o", "gone/out"], b"gone/out cannot be written: No such file"),
    ],
)
def test_what_the_operator_has_to_mend_is_said_in_one_line(archive: Path, words: list[str], said: bytes) -> None:
    done = khabar(*(word.replace("{}", str(archive)) for word in words))
    assert done.returncode == 2
    last = done.stderr.splitlines()[-1].decode()
    assert (orjson.loads(last)["error"] if last.startswith("{") else last).startswith("khabar: ")
    assert said in done.stderr
    assert b"Traceback" not in done.stderr


def test_undated_articles_are_refused_unless_a_date_is_given_for_all(archive: Path) -> None:
    refused = khabar(archive, *MAP, "--to", "2026-06-01")
    assert b"0 articles out, 0 repeats, 7 refused (undated 6, not-json 1)" in refused.stderr
    assert (
        b"rain.jsonl:1: published_at is missing; say --map published_at=FIELD, or --published-at DATE" in refused.stderr
    )
    assert refused.returncode == 1
    last = orjson.loads(refused.stderr.splitlines()[-1])
    assert last == {
        "error": "khabar: every record was refused; --map says what the fields are called (khabar process --help)"
    }
    dated = khabar(archive, *MAP, "--to", "2026-06-01", "--published-at", "2026-05-03")
    assert b"6 articles out" in dated.stderr
    assert {orjson.loads(line)["published_at"] for line in dated.stdout.splitlines()} == {"2026-05-03T00:00:00Z"}


def test_files_that_each_hold_one_outlet_give_the_stories_of_one_sorted_file(tmp_path: Path) -> None:
    with samples.paths(samples.ARTICLES) as (file,):
        found = [orjson.loads(line) for line in file.read_bytes().splitlines()]
    in_order = sorted(found, key=lambda each: parse_date(each["published_at"], "published_at").us)
    outlets: dict[str, list[bytes]] = {}
    for each in reversed(in_order):
        outlets.setdefault(each["source"], []).append(orjson.dumps(each) + b"\n")
    (tmp_path / "outlets").mkdir()
    for outlet, lines in outlets.items():
        (tmp_path / "outlets" / f"{outlet}.jsonl").write_bytes(b"".join(lines))
    (tmp_path / "all.jsonl").write_bytes(b"".join(orjson.dumps(each) + b"\n" for each in in_order))
    results = []
    for given in ("outlets", "all.jsonl"):
        stories = tmp_path / f"{given}.stories"
        done = khabar(tmp_path / given, "--to", "2027-01-01", "--stories", stories)
        assert done.returncode == 0, done.stderr
        results.append((done.stdout, stories.read_bytes()))
    assert len(outlets) > 5
    assert results[0] == results[1]
    assert max(decode(Story, line).articles for line in results[0][1].splitlines()) > 3


def test_whoever_reads_the_progress_from_a_pipe_gets_json_and_nothing_else(archive: Path) -> None:
    done = khabar(archive, *DATED)
    told = [orjson.loads(line) for line in done.stderr.splitlines()]
    assert {"reading", "processing"} <= {each.get("phase") for each in told}
    (counts,) = (each["message"] for each in told if "articles out" in each.get("message", ""))
    assert counts.startswith("6 articles out, 0 repeats, 1 refused (not-json 1)\n  rain.jsonl:7")
