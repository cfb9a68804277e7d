"""Bytes of the scripts that pages load."""

from __future__ import annotations

import gzip
import json

from benchmarks.children import ROOT
from benchmarks.figures import Figure, Run, at_most

SERVED = ROOT / "collector/static"
BUDGETS: dict[str, int] = json.loads((ROOT / "snippet/budgets.json").read_text())  # the build also fails above them
SCRIPTS = {
    "snippet_core_gzip_bytes": "wakeline",
    "snippet_full_gzip_bytes": "wakeline.full",
    "snippet_vitals_gzip_bytes": "wakeline.vitals",
    "snippet_consent_gzip_bytes": "wakeline.consent",
    "snippet_datalayer_gzip_bytes": "wakeline.datalayer",
    "snippet_usability_gzip_bytes": "wakeline.usability",
}

FIGURES = tuple(
    Figure(name, f"{script}.js as built, gzip -9", at_most(BUDGETS[script])) for name, script in SCRIPTS.items()
)


def measure(run: Run) -> dict[str, float]:
    """Raises OSError for a missing script."""
    return {
        name: len(gzip.compress((SERVED / f"{script}.js").read_bytes(), 9, mtime=0)) for name, script in SCRIPTS.items()
    }
