"""Writes grafana/<language>/<board>.json, and docs/numbers.md: `python -m dashboards.build`.

A test fails if one of them is out of date.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.builders.dashboard import (
    CustomVariable,
    Dashboard,
    DashboardLink,
    DatasourceVariable,
    QueryVariable,
)
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import TimeZoneBrowser
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    VariableHide,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from dashboards import guide
from dashboards.board import Annotation, Board
from dashboards.boards import BOARDS
from dashboards.panels import SOURCE, made, row
from dashboards.texts import ENGLISH, LANGUAGES, Texts, texts
from wakeline import numbers

FOLDER = Path(__file__).parent / "grafana"
COLUMNS = 24
WINDOW = "30m"  # that boards open with


def file_of(board: Board, language: str) -> Path:
    return FOLDER / language / f"{board.name}.json"


def as_json(board: Board, language: str) -> str:
    return json.dumps(model(board, language), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def model(board: Board, language: str) -> dict[str, Any]:
    """The board as Grafana reads it."""
    built: dict[str, Any] = json.loads(json.dumps(dashboard(board, language, texts(language)).build(), cls=JSONEncoder))
    built["annotations"] = {"list": marks(board, texts(language))}
    for variable in built["templating"]["list"]:
        for field in ("auto", "auto_count", "auto_min"):  # the SDK puts what only intervals have into all variables
            variable.pop(field, None)
    for link in built["links"]:
        del link["placement"]  # the SDK's only one hides links in a menu
    return built


def dashboard(board: Board, language: str, said: Texts) -> Dashboard:
    about = said.board(board.name)
    built = (
        Dashboard(f"Wakeline: {about.title}")
        .uid(uid(board, language))
        .description(about.says)
        .tags([tag(language)])
        .link(_links(language))
        .refresh(board.refresh)
        .time(f"now-{board.hours}h", "now")
        .timezone(TimeZoneBrowser)
        .tooltip(DashboardCursorSync.CROSSHAIR)
    )
    _variables(built, board, said)
    for each in board.rows:
        built.with_row(row(each.text, said))
        for line in each.lines():
            for panel, width in zip(line, _widths(len(line)), strict=True):
                built.with_panel(made(panel, width, said))
    return built


def marks(board: Board, said: Texts) -> list[dict[str, Any]]:
    """As Grafana's source Prometheus reads them; the SDK has no fields for this."""
    return [_mark(each, said) for each in board.annotations]


def _mark(each: Annotation, said: Texts) -> dict[str, Any]:
    return {
        "name": said.mark(each.text),
        "datasource": {"type": SOURCE.type_val, "uid": SOURCE.uid},
        "enable": True,
        "hide": False,
        "iconColor": each.color,
        "expr": each.expr,
        "step": "60s",
        "titleFormat": said.mark(each.text),
        "textFormat": each.title,
        "useValueForTime": each.is_time,
    }


def uid(board: Board, language: str) -> str:
    """In its address. English has the plain one; so boards of several languages fit into one Grafana."""
    return f"wakeline-{board.name}" + ("" if language == ENGLISH else f"-{language}")


def tag(language: str) -> str:
    """Of the boards that link to each other."""
    return f"wakeline-{language}"


def _links(language: str) -> DashboardLink:
    """To the other boards of the language; the time range and the variables go along."""
    link = DashboardLink("Wakeline").type(DashboardLinkType.DASHBOARDS).tags([tag(language)])
    return link.as_dropdown(False).include_vars(True).keep_time(True)


def _widths(panels: int) -> list[int]:
    """Columns of panels beside each other, which fill the grid."""
    return [COLUMNS * (at + 1) // panels - COLUMNS * at // panels for at in range(panels)]


def _variables(built: Dashboard, board: Board, said: Texts) -> None:
    """All boards have all of them, so that links keep the values; those that a board does not use are hidden."""

    def shown(name: str) -> VariableHide:
        return VariableHide.DONT_HIDE if board.uses(name) else VariableHide.HIDE_VARIABLE

    built.with_variable(DatasourceVariable("datasource").label(said.words.prometheus).type("prometheus"))
    built.with_variable(
        _asked("site", "label_values(wakeline_live_visitors, site)").label(said.words.site).hide(shown("site"))
    )
    windows = ",".join(f"{said.window(window)} : {window}" for window in numbers.WINDOWS)
    chosen = VariableOption(selected=True, text=said.window(WINDOW), value=WINDOW)
    built.with_variable(
        CustomVariable("window").label(said.words.window).values(windows).current(chosen).hide(shown("window"))
    )
    every = VariableOption(selected=True, text=said.words.all, value="$__all")
    built.with_variable(
        _asked("currency", 'label_values(wakeline_revenue_gained_total{site="$site"}, currency)')
        .label(said.words.currency)
        .multi(True)
        .include_all(True)
        .all_value(".*")
        .current(every)
        .hide(shown("currency"))
    )


def _asked(name: str, query: str) -> QueryVariable:
    """A variable whose values Prometheus knows."""
    variable = QueryVariable(name).datasource(SOURCE).query(query)
    return variable.refresh(VariableRefresh.ON_DASHBOARD_LOAD).sort(VariableSort.ALPHABETICAL_ASC)


def files() -> Iterator[tuple[Path, str]]:
    """Everything that is generated here."""
    for language in LANGUAGES:
        for board in BOARDS:
            yield file_of(board, language), as_json(board, language)
    yield guide.FILE, guide.page()


if __name__ == "__main__":
    for file, text in files():
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        print(file)
