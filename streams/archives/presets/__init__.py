"""Known shapes of archives: a file each says how its fields are called and its dates meant, as the options would."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec

from schemas import Misconfigured

__all__ = ["Preset", "read_preset", "shipped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """What the file says; the options of the same names win over it."""

    map: dict[str, str] = field(default_factory=dict)  # our field -> the input's field
    timezone: str | None = None
    published_at: str | None = None
    date_from: str | None = None

    @property
    def pairs(self) -> list[str]:
        """The map as `--map` has it."""
        return [f"{ours}={theirs}" for ours, theirs in self.map.items()]


def shipped() -> list[str]:
    """The names of those that come with Khabar."""
    return sorted(each.name.removesuffix(".toml") for each in files(__name__).iterdir() if each.name.endswith(".toml"))


def read_preset(name: str) -> Preset:
    """The preset of a file that ends in .toml, or one of ours by its name; raises Misconfigured."""
    if not name.endswith(".toml") and name not in shipped():
        there = ", ".join(shipped())
        raise Misconfigured(f"--preset {name}: there is none such; give {there}, or a file that ends in .toml")
    source: Any = Path(name) if name.endswith(".toml") else files(__name__) / f"{name}.toml"
    try:
        found = tomllib.loads(source.read_text(encoding="utf-8"))
    except OSError as failed:
        raise Misconfigured(f"--preset {name} cannot be read: {failed.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as bad:
        raise Misconfigured(f"--preset {name} is not TOML: {bad}") from None
    known = list(Preset.__dataclass_fields__)
    if unknown := [key for key in found if key not in known]:
        raise Misconfigured(f"--preset {name}: {unknown[0]} is nothing that a preset says; it says {', '.join(known)}")
    try:
        return msgspec.convert(found, Preset)
    except msgspec.ValidationError as bad:
        raise Misconfigured(f"--preset {name}: {bad}") from None
