"""What tests of commands share."""

import pytest

from deploy import console


@pytest.fixture(autouse=True)
def plain_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that speaks JSON on stderr does so to the end of its process, which here goes on."""
    monkeypatch.setattr(console._Tongue, "json", False)
