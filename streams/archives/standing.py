"""How far the work on an archive is: what those who do it tell whoever shows it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from schemas import FIRST

__all__ = ["Phase", "Report", "Standing"]

Phase = Literal["reading", "processing", "sending", "waiting", "following", "drained", "unserved"]


@dataclass(slots=True)
class Standing:
    """`done` of `total` records in this phase (0: not known yet), and the place in line that is reached."""

    phase: Phase
    done: int = 0
    total: int = 0
    reached: str = FIRST
    waiting: str = ""  # for what
    lag: Mapping[str, int] = field(default_factory=dict)  # stage -> records that it has not acknowledged
    unserved: tuple[str, ...] = ()  # stages that no worker works on


Report = Callable[[Standing], None]
