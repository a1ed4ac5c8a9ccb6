"""Rows in a terminal: prose that has no room beside its row stands whole below it."""

import io
import re
import sys

import pytest

from deploy import table

REASON = "broken.jsonl:3: title is 5, and has to be text or nothing; give a string in every record"
ROW = ("invalid", 9, "2026-11-22T05:00:00Z", "2026-11-22T05:00:00Z", 17, REASON)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("width", "lines"), [(80, 4), (200, 2)])
def test_a_reason_is_never_clipped(monkeypatch: pytest.MonkeyPatch, width: int, lines: int) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("NO_COLOR", "1")
    table.show(("cause", "count", "first", "last", "letter", "its reason"), [ROW])
    said = re.sub(r"\x1b\[\d*m", "", terminal.getvalue())
    assert len(said.splitlines()) == lines
    assert REASON in " ".join(said.split())
    assert max(map(len, said.splitlines())) <= width
