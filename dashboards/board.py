"""What a board is made of, as plain data: rows of panels, each with its queries. It has no texts, only their ids."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum, StrEnum, auto
from typing import NamedTuple


class Fresh(StrEnum):
    """What a number covers and how old it may be: the id of the sentence that says so."""

    NOW = "now"
    LAST = "last"  # each point of a curve covers the time just before it
    WINDOW = "window"  # the board's variable
    HOUR = "hour"
    TODAY = "today"
    WEEK = "week"
    START = "start"
    COMPUTED = "computed"  # from the history, every ten minutes
    PERIOD = "period"  # a week or a month
    SPAN = "span"  # of days that are over
    TARGET = "target"


class Unit(StrEnum):
    """As Grafana names them."""

    COUNT = "locale"  # all digits, grouped
    RATE = "short"
    SHARE = "percentunit"
    SECONDS = "s"
    BYTES = "bytes"


class Shape(NamedTuple):
    """How high a kind of panel is in the grid, and how many stand beside each other at most."""

    height: int
    beside: int


class Kind(Enum):
    NUMBER = auto()  # current numbers
    LAMP = auto()  # numbers on green or red
    LINES = auto()  # curves over the board's time range
    MINUTES = auto()  # a bar per minute of the last half hour
    TOP = auto()  # a bar per value, largest first
    FEW = auto()  # the same of up to nine values
    GRADED = auto()  # the same, each in the colour of its grade
    PERIODS = auto()  # a bar per week or month, the latest last

    @property
    def shape(self) -> Shape:
        return _SHAPES[self]


_SHAPES = {
    Kind.NUMBER: Shape(4, 6),
    Kind.LAMP: Shape(4, 3),
    Kind.LINES: Shape(9, 2),
    Kind.MINUTES: Shape(9, 2),
    Kind.TOP: Shape(12, 3),
    Kind.FEW: Shape(7, 3),
    Kind.GRADED: Shape(8, 3),
    Kind.PERIODS: Shape(8, 2),
}


class Grade(StrEnum):
    """How good a value is, and its colour."""

    GOOD = "green"
    FAIR = "orange"  # needs improvement
    POOR = "red"


class Step(NamedTuple):
    """From this value on, or from the least on (None), values have the grade."""

    least: float | None
    grade: Grade


class Query(NamedTuple):
    """One query of a panel."""

    expr: str
    legend: str  # of its series: the id of a text, or only a label: {{page}}
    fresh: Fresh


class Panel(NamedTuple):
    text: str  # id of its title and its sentence
    kind: Kind
    queries: tuple[Query, ...]
    unit: Unit = Unit.COUNT
    decimals: int = 0
    bad_below: float | None = None  # of a lamp: red below; without, red from 1 on
    steps: tuple[Step, ...] = ()  # of graded bars
    most: float | None = None  # of graded bars: the end of their scale; None: the largest of them

    @property
    def fresh(self) -> Fresh:
        """Of its queries; where they differ, the board says what the first one covers."""
        return self.queries[0].fresh


class Row(NamedTuple):
    """Panels under a heading. They flow: those of one height stand beside each other."""

    text: str
    panels: tuple[Panel, ...]

    def lines(self) -> Iterator[tuple[Panel, ...]]:
        """Panels that stand beside each other, as even as possible."""
        left = list(self.panels)
        while left:
            height, most = left[0].kind.shape
            same = next((at for at, panel in enumerate(left) if panel.kind.shape.height != height), len(left))
            lines = -(-same // most)
            beside = -(-same // lines)
            yield tuple(left[:beside])
            del left[:beside]


class Annotation(NamedTuple):
    """What is marked on the curves of a board."""

    text: str  # id of its name
    expr: str
    title: str  # of each mark: labels of its series
    color: str
    is_time: bool = False  # whether the value of a series is when it was (ms), and not that it is so


class Board(NamedTuple):
    name: str  # of its file, and in its address; the id of its texts
    rows: tuple[Row, ...]
    hours: int = 1  # the time range that it opens with
    refresh: str = "5s"
    annotations: tuple[Annotation, ...] = ()

    @property
    def panels(self) -> tuple[Panel, ...]:
        return tuple(panel for row in self.rows for panel in row.panels)

    def uses(self, variable: str) -> bool:
        return any(f"${variable}" in query.expr for panel in self.panels for query in panel.queries)
