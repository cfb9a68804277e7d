"""Bytes of the scripts that pages load."""

from __future__ import annotations

import gzip
from pathlib import Path

from benchmarks.figures import Figure, Run, at_most

SERVED = Path(__file__).parents[1] / "collector/static"
SCRIPTS = {
    "snippet_core_gzip_bytes": ("wakeline.js", 2_100),
    "snippet_full_gzip_bytes": ("wakeline.full.js", 2_650),
    "snippet_vitals_gzip_bytes": ("wakeline.vitals.js", 3_700),
}

FIGURES = tuple(
    Figure(name, f"{script} as built, gzip -9", at_most(budget)) for name, (script, budget) in SCRIPTS.items()
)


def measure(run: Run) -> dict[str, float]:
    """Raises OSError for a script that was not built."""
    return {
        name: len(gzip.compress((SERVED / script).read_bytes(), 9, mtime=0)) for name, (script, _) in SCRIPTS.items()
    }
