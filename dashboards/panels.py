"""The kinds of panels. Each sets what the SDK omits by default: id, legend, calculation, unit."""

from __future__ import annotations

from typing import NamedTuple

from grafana_foundation_sdk.builders import bargauge, common, dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.models.common import (
    BarGaugeDisplayMode,
    BarGaugeNamePlacement,
    BigValueColorMode,
    BigValueGraphMode,
    BigValueTextMode,
    DataSourceRef,
    LegendDisplayMode,
    LegendPlacement,
    TooltipDisplayMode,
    VisibilityMode,
    VizOrientation,
)
from grafana_foundation_sdk.models.dashboard import FieldColorModeId, Threshold, ThresholdsMode

SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
LATEST = "lastNotNull"
WIDTH = 24  # columns of a row


class Query(NamedTuple):
    """A panel's query and the name of its series: text, or {{label}}."""

    expr: str
    legend: str


class Size(NamedTuple):
    """Columns and rows in the grid."""

    width: int
    height: int


def row(id: int, title: str) -> dashboard.Row:
    """A heading above the panels that follow."""
    return dashboard.Row(title).id(id)


def number(
    id: int, title: str, help: str, *queries: Query, size: Size, unit: str = "short", decimals: int = 0
) -> stat.Panel:
    """One or a few current numbers; an instant query, so that no old value is shown."""
    panel = _stat(id, title, help, size, unit).decimals(decimals).graph_mode(BigValueGraphMode.NONE)
    panel.color_mode(BigValueColorMode.NONE).text_mode(_text_mode(queries))
    for ref, query in zip("ABCDEF", queries, strict=False):
        panel.with_target(_target(ref, query).instant())
    return panel


def lamp(id: int, title: str, help: str, *queries: Query, size: Size, bad_below: float | None = None) -> stat.Panel:
    """Numbers on green or red: red from 1 on, or below `bad_below`."""
    steps = (
        [Threshold(value=None, color="green"), Threshold(value=1, color="red")]
        if bad_below is None
        else [Threshold(value=None, color="red"), Threshold(value=bad_below, color="green")]
    )
    panel = _stat(id, title, help, size, "short").graph_mode(BigValueGraphMode.NONE)
    panel.color_mode(BigValueColorMode.BACKGROUND).text_mode(BigValueTextMode.VALUE_AND_NAME)
    panel.thresholds(dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps))
    for ref, query in zip("ABCDEF", queries, strict=False):
        panel.with_target(_target(ref, query).instant())
    return panel


def lines(id: int, title: str, help: str, *queries: Query, size: Size, unit: str = "short") -> timeseries.Panel:
    """Curves over time; the legend is a table with the latest and the highest value."""
    legend = common.VizLegendOptions().show_legend(True).display_mode(LegendDisplayMode.TABLE)
    panel = (
        timeseries.Panel()
        .id(id)
        .title(title)
        .description(help)
        .datasource(SOURCE)
        .span(size.width)
        .height(size.height)
        .unit(unit)
        .min(0)
        .no_value("–")
        .line_width(2)
        .fill_opacity(12)
        .show_points(VisibilityMode.NEVER)
        .legend(legend.placement(LegendPlacement.BOTTOM).calcs([LATEST, "max"]))
        .tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI))
    )
    for ref, query in zip("ABCDEF", queries, strict=False):
        panel.with_target(_target(ref, query).range())
    return panel


def top(id: int, title: str, help: str, *queries: Query, size: Size, unit: str = "short") -> bargauge.Panel:
    """One bar per value; an instant query, so that values that left the top are not shown."""
    panel = (
        bargauge.Panel()
        .id(id)
        .title(title)
        .description(help)
        .datasource(SOURCE)
        .span(size.width)
        .height(size.height)
        .unit(unit)
        .decimals(0)
        .min(0)
        .no_value("nothing yet")
        .color_scheme(dashboard.FieldColor().mode(FieldColorModeId.FIXED).fixed_color("blue"))
        .orientation(VizOrientation.HORIZONTAL)
        .display_mode(BarGaugeDisplayMode.BASIC)
        .name_placement(BarGaugeNamePlacement.LEFT)
        .legend(common.VizLegendOptions().show_legend(False).display_mode(LegendDisplayMode.LIST).calcs([]))
        .reduce_options(_latest())
    )
    for ref, query in zip("ABCDEF", queries, strict=False):
        panel.with_target(_target(ref, query).instant())
    return panel


def _stat(id: int, title: str, help: str, size: Size, unit: str) -> stat.Panel:
    return (
        stat.Panel()
        .id(id)
        .title(title)
        .description(help)
        .datasource(SOURCE)
        .span(size.width)
        .height(size.height)
        .unit(unit)
        .no_value("–")
        .reduce_options(_latest())
    )


def _latest() -> common.ReduceDataOptions:
    return common.ReduceDataOptions().values(False).calcs([LATEST])


def _text_mode(queries: tuple[Query, ...]) -> BigValueTextMode:
    return BigValueTextMode.VALUE if len(queries) == 1 else BigValueTextMode.VALUE_AND_NAME


def _target(ref: str, query: Query) -> prometheus.Dataquery:
    return prometheus.Dataquery().ref_id(ref).datasource(SOURCE).expr(query.expr).legend_format(query.legend)
