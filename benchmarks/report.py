"""The report: a table for people, a flat JSON object for machines, and the missed floors."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.table import Table

from benchmarks.figures import Figure
from benchmarks.mix import MIX

NOT_MEASURED = "not measured"


def table(figures: Sequence[Figure], values: Mapping[str, float]) -> Table:
    """Every figure with its floor, and the mix of the processor's figures."""
    shown = Table(box=None, pad_edge=False, caption=f"The mix: {MIX}.", caption_justify="left")
    shown.add_column("figure")
    shown.add_column("value", justify="right")
    shown.add_column("floor")
    shown.add_column("")
    shown.add_column("what it is", style="dim")
    wrong = {figure.name for figure, _ in missed(figures, values)}
    for figure in figures:
        floor = str(figure.floor) if figure.floor else ""
        verdict = ("[red]missed[/red]" if figure.name in wrong else "[green]kept[/green]") if floor else ""
        shown.add_row(figure.name, text(values.get(figure.name)), floor, verdict, figure.how)
    return shown


def text(value: float | None) -> str:
    """A value for people: three significant digits, no exponent."""
    if value is None:
        return NOT_MEASURED
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.2f}" if abs(value) >= 1 else f"{value:.3f}"


def missed(figures: Sequence[Figure], values: Mapping[str, float]) -> list[tuple[Figure, str]]:
    """Figures that miss their floor, or have one but were not measured, and the value."""
    found = []
    for figure in figures:
        value = values.get(figure.name)
        if figure.floor and (value is None or not figure.floor.holds(value)):
            found.append((figure, f"is {text(value)}" if value is not None else NOT_MEASURED))
    return found


def write(path: Path, values: Mapping[str, float]) -> None:
    """One flat object: figure name -> number."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({name: round(value, 4) for name, value in values.items()}, indent=2) + "\n")
