"""What each package may import: the contracts in pyproject.toml."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from graphlib import TopologicalSorter
from pathlib import Path

import grimp

from benchmarks.children import ROOT

SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_the_contracts_of_imports_are_kept() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert found.returncode == 0, found.stdout + found.stderr


def test_every_package_that_is_shipped_is_under_them() -> None:
    shipped = SETTINGS["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert sorted(SETTINGS["tool"]["importlinter"]["root_packages"]) == sorted(shipped)


def test_no_module_imports_itself_by_way_of_others() -> None:
    """Else whether a program starts depends on which module it imports first."""
    roots = SETTINGS["tool"]["importlinter"]["root_packages"]
    graph = grimp.build_graph(*roots, exclude_type_checking_imports=True, cache_dir=None)
    imported = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    TopologicalSorter(imported).prepare()  # raises CycleError, which names them
