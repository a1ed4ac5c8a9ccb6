"""Pinning rewrites one list of pyproject.toml and leaves the rest as it was."""

import tomllib
from pathlib import Path

from deploy.pin import pinned, unpinned

PROJECT = (Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8")
REQUIREMENTS = ["aiokafka==0.14.0", 'colorama==0.4.6 ; sys_platform == "win32"']


def without_constraints(project: str) -> dict[str, object]:
    table = tomllib.loads(project)
    table["tool"]["uv"].pop("constraint-dependencies", None)
    return table


def test_the_versions_are_written_and_nothing_else_changes() -> None:
    table = tomllib.loads(pinned(PROJECT, REQUIREMENTS))
    assert table["tool"]["uv"]["constraint-dependencies"] == REQUIREMENTS
    assert without_constraints(pinned(PROJECT, REQUIREMENTS)) == without_constraints(PROJECT)


def test_pinning_again_replaces_what_was_pinned() -> None:
    once = pinned(PROJECT, REQUIREMENTS)
    assert pinned(once, REQUIREMENTS) == once
    assert pinned(pinned(PROJECT, ["rich==1.0"]), REQUIREMENTS) == once
    assert unpinned(unpinned(PROJECT)) == unpinned(PROJECT)
