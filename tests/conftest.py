"""Fixtures that every room's tests may use."""

import os
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data() -> Path:
    """The project's data set, which is not in the repository."""
    folder = os.environ.get("KHABAR_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("needs the data set: point KHABAR_DATA to its folder")
    return Path(folder)


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> Iterator[None]:
    """A test run in the background of a shell ignores SIGINT, and every process that it starts would inherit that."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def lane() -> str:
    """A lane that no other test uses."""
    return f"test-{uuid.uuid4().hex[:12]}"
