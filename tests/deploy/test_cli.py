"""The command line as a whole: quick, and documented command by command."""

import re
import resource
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from deploy.cli import app

ROOT = Path(__file__).parents[2]
HEAVY = {"faust", "aiokafka", "numpy", "pydantic", "camel_tools", "rich", "pycrfsuite", "sklearn"}

Words = tuple[str, ...]


def leaves(command: Any, words: Words = ()) -> Iterator[tuple[Words, Any]]:
    """Every command that does something, with the words that call it."""
    if not hasattr(command, "commands"):
        yield words, command
        return
    for name, each in command.commands.items():
        yield from leaves(each, (*words, name))


COMMANDS = dict(leaves(typer.main.get_command(app)))
EVERY = pytest.mark.parametrize("words", COMMANDS, ids=" ".join)


def example(words: Words) -> list[str]:
    """The lines of the example at the end of the command's help."""
    found = re.search(r"\n *(?:\x08\n *)?Examples?:.*\n((?: +\S.*\n?)+)$", COMMANDS[words].help.rstrip() + "\n")
    return [line.strip() for line in found[1].splitlines()] if found else []


def cpu_seconds_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_help_is_there_at_once() -> None:
    """Half a second at most: of CPU, since the machine may have other work, and the best of three."""
    times = []
    for _ in range(3):
        before = cpu_seconds_of_children()
        done = subprocess.run([sys.executable, "-m", "deploy", "--help"], cwd=ROOT, capture_output=True, text=True)
        times.append(cpu_seconds_of_children() - before)
        assert done.returncode == 0
    assert min(times) < 0.5


def test_help_loads_nothing_heavy() -> None:
    script = "import sys, deploy.cli; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not HEAVY & set(done.stdout.split())


def test_without_a_command_it_teaches_what_there_is() -> None:
    result = CliRunner().invoke(app, [])
    assert result.exit_code == 0
    assert "khabar demo --once" in result.output
    assert {words[0] for words in COMMANDS} <= set(result.output.split())


def test_the_version_is_told() -> None:
    result = CliRunner().invoke(app, ["--version"])
    assert re.fullmatch(r"khabar \d+\.\d+\.\d+\n", result.output)


def test_a_mistyped_command_is_exit_code_2() -> None:
    assert CliRunner().invoke(app, ["replya"]).exit_code == 2


@EVERY
def test_help_begins_with_what_the_command_is_for(words: Words) -> None:
    first = COMMANDS[words].help.strip().split("\n")[0]
    assert re.match(r"[A-Z][a-z]+ ", first)
    assert not first.startswith(("This ", "Command ", "The "))


@EVERY
def test_help_ends_with_an_example_of_the_command(words: Words) -> None:
    lines = example(words)
    assert lines
    assert any(" ".join(("khabar", *words)) in line for line in lines)


@EVERY
def test_the_example_is_one_that_the_command_takes(words: Words) -> None:
    """Every `khabar …` of the example is parsed as it would be typed; nothing runs."""
    for line in example(words):
        for typed in re.split(r"\s(?:\|\|?|&&|;|>|<)\s", line):
            called = shlex.split(typed, comments=True)
            if called[:1] == ["khabar"]:
                parse(typer.main.get_command(app), called[1:])


def parse(command: Any, arguments: list[str]) -> None:
    context = command.make_context("khabar", list(arguments))
    if hasattr(command, "commands") and (rest := [*context._protected_args, *context.args]):
        _, inner, left = command.resolve_command(context, rest)
        parse(inner, left)


@pytest.mark.parametrize("name", sorted({words[0] for words in COMMANDS}))
def test_the_readme_names_the_command(name: str) -> None:
    assert f"khabar {name}" in (ROOT / "README.md").read_text("utf-8")
