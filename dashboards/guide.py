"""docs/numbers.md: for marketers, every number of every board, in the sentence that its panel has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dashboards.board import Board
from dashboards.boards import BOARDS
from dashboards.texts import ENGLISH, FIGURES, texts
from wakeline import numbers

FILE = Path(__file__).parents[1] / "docs" / "numbers.md"

HEAD = f"""# The numbers on the boards

What each panel of the Grafana boards shows: what is counted, what is not, and how fresh it is. The same sentence is in Grafana,
behind the *i* in the panel's corner. `make dashboards` writes this page.

A board refreshes itself every 5 seconds. *Today* begins at midnight in the site's time zone. A *visit* is a session: it ends
after {FIGURES["visit_minutes"]} minutes without activity. *Bots* are counted only on the board *Operations*. Visitors without consent are counted, but not
remembered. What was a week ago is asked at the same time of day, 168 hours before: in the week after clocks change, an
hour off; and it is empty until Prometheus has collected for a week.

*Months* needs no Prometheus of two years: Redis keeps each day for 800 days, and the read side adds them up in the background, so
that a new Prometheus, an import of old data and a replay show the right numbers at once or after a day. Blocks that are written
into Prometheus afterwards (`promtool tsdb create-blocks-from`) could not do that: what they hold cannot be corrected, and late
events, imports and replays correct days. {numbers.DAYS} days, {numbers.WEEKS} weeks and {numbers.MONTHS} months are shown, so that the series stay within
their budget; `wakeline report --by day|week|month` says the same numbers of any time in those 800 days.

The pictures are of the demo shop with simulated visitors, a few minutes after its start: what is compared with a week ago is empty yet.
`make dashboard-pictures` draws them with Grafana's own components, but for the bars of months, weeks and days.

The boards exist in English, Italian, Polish and Persian: set `WAKELINE_LANGUAGE` to `en`, `it`, `pl` or `fa` when you start
`wakeline up --with-grafana` or `dashboards/compose.yaml`. The links at the top of a board lead to the others and keep the site, the window, the currency and the
time range.
"""  # noqa: E501  # lines of a page


def page() -> str:
    return "\n".join([HEAD, *(line for board in BOARDS for line in _table(board))])


def _table(board: Board) -> Iterator[str]:
    said = texts(ENGLISH)
    about = said.board(board.name)
    picture = f"![{about.title}](pictures/{board.name}.png)"
    yield from (f"## {about.title}", "", about.says, "", picture, "", "| panel | what it shows |", "|---|---|")
    for panel in board.panels:
        yield f"| {said.panel(panel.text).title} | {said.sentence(panel.text, panel.fresh)} |"
    yield ""
