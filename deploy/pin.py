"""Pins every version that Khabar is installed with, in pyproject.toml, since uv.lock is not committed.

    python3 -m uv run python -m deploy.pin

It resolves the newest versions that fit together, for all supported Pythons and all extras, and writes them to
`constraint-dependencies` of `[tool.uv]`. Run the tests after it, and commit pyproject.toml.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from schemas.errors import Misconfigured, Unavailable

__all__ = ["pinned", "resolve"]

_BLOCK = re.compile(r"^constraint-dependencies = \[\n(?:  .*\n)*\]\n", re.MULTILINE)
_EMPTY = "constraint-dependencies = [\n]\n"
_HEADING = "\n[tool.uv]\n# Written by `python -m deploy.pin`.\n"


def unpinned(project: str) -> str:
    """The project file with an empty list of constraints, which is added where there is none."""
    if _BLOCK.search(project):
        return _BLOCK.sub(_EMPTY, project)
    return project.rstrip() + "\n" + _HEADING + _EMPTY


def pinned(project: str, requirements: list[str]) -> str:
    """The project file with these requirements as its constraints."""
    # Some markers quote with ", which would end a TOML string.
    lines = "".join(f"  '{line}',\n" if '"' in line else f'  "{line}",\n' for line in requirements)
    return unpinned(project).replace(_EMPTY, f"constraint-dependencies = [\n{lines}]\n")


def resolve(project: str) -> list[str]:
    """What uv resolves for the project without constraints, `name==version` with a marker where one applies."""
    uv = os.environ.get("UV") or shutil.which("uv")
    if not uv:
        raise Misconfigured("there is no uv here; run it as `python3 -m uv run python -m deploy.pin`")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "pyproject.toml").write_text(unpinned(project), "utf-8")
        options = ["--all-extras", "--all-groups", "--no-hashes", "--no-annotate", "--no-emit-project", "--quiet"]
        done = subprocess.run(  # noqa: S603 - own command
            [uv, "export", *options, "--project", folder], capture_output=True, text=True, check=False
        )
    if done.returncode:
        raise Unavailable(f"uv could not resolve the project:\n{done.stderr}")
    return [line.strip().replace("'", '"') for line in done.stdout.splitlines() if "==" in line]


def main() -> None:
    """Pin the project in the current folder."""
    path = Path("pyproject.toml")
    project = path.read_text("utf-8")
    requirements = resolve(project)
    path.write_text(pinned(project, requirements), "utf-8")
    sys.stderr.write(f"{len(requirements)} versions pinned in {path.absolute()}\n")


if __name__ == "__main__":
    main()
