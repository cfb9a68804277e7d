"""Each package's docstring lists exactly its files."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from benchmarks.children import ROOT

PACKAGES = sorted(
    file.parent.relative_to(ROOT)
    for top in (
        "wakeline",
        "collector",
        "crm",
        "processor",
        "archiver",
        "reports",
        "api",
        "ops",
        "demo",
        "dashboards",
        "benchmarks",
        "tests",
    )
    for file in (ROOT / top).rglob("__init__.py")
    if not {"node_modules", "rivals"} & set(file.parts)
)
NAMED = re.compile(r"(?<![\w/])([a-z_]+)\.py\b")
EVERYDAY = {"__init__", "__main__"}


@pytest.mark.parametrize("package", PACKAGES, ids=str)
def test_its_list_names_its_files(package: Path) -> None:
    there = {file.stem for file in (ROOT / package).glob("*.py")} - EVERYDAY
    said = ast.get_docstring(ast.parse((ROOT / package / "__init__.py").read_text())) or ""
    missing = {name for name in there if not re.search(rf"\b{name}\b", said)}
    gone = set(NAMED.findall(said)) - there - EVERYDAY
    assert not missing, f"{package}/__init__.py does not say what these are for: {sorted(missing)}"
    assert not gone, f"{package}/__init__.py names what is not there: {sorted(gone)}"
