"""Bytes of the script that every page loads."""

from __future__ import annotations

import gzip
from pathlib import Path

from benchmarks.figures import Figure, Run, at_most

SCRIPT = Path(__file__).parents[1] / "collector/static/wakeline.js"

FIGURES = (Figure("snippet_core_gzip_bytes", "wakeline.js as built, gzip -9", at_most(2_100)),)


def measure(run: Run) -> dict[str, float]:
    return {"snippet_core_gzip_bytes": len(gzip.compress(SCRIPT.read_bytes(), 9, mtime=0))}
