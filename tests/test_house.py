"""What each package may import: the contracts of pyproject.toml, and that none of them is empty."""

from __future__ import annotations

import tomllib
from pathlib import Path

from importlinter.cli import lint_imports

ROOT = Path(__file__).parent.parent
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_the_walls_stand() -> None:
    assert lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True) == 0


def test_every_package_that_is_shipped_stands_behind_them() -> None:
    shipped = SETTINGS["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert sorted(SETTINGS["tool"]["importlinter"]["root_packages"]) == sorted(shipped)
