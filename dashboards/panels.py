"""Panels as Grafana's model has them. Sets what the SDK omits by default: id, legend, calculation, unit."""

from __future__ import annotations

from typing import TypeAlias
from zlib import crc32

from grafana_foundation_sdk.builders import barchart, bargauge, common, dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.models.common import (
    BarGaugeDisplayMode,
    BarGaugeNamePlacement,
    BarGaugeSizing,
    BigValueColorMode,
    BigValueGraphMode,
    BigValueTextMode,
    DataSourceRef,
    GraphDrawStyle,
    LegendDisplayMode,
    LegendPlacement,
    TooltipDisplayMode,
    VisibilityMode,
    VizOrientation,
)
from grafana_foundation_sdk.models.dashboard import DataTransformerConfig, FieldColorModeId, Threshold, ThresholdsMode
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from dashboards.board import Kind, Panel, Query
from dashboards.texts import Texts

SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
LATEST = "lastNotNull"
MINUTES = 30  # bars of a panel by minute
LEAST_BAR, MOST_BAR, LETTERS = 8, 24, 12  # pixels: some twenty bars fit; Grafana gives names the room of that size

PERIOD = "period"  # the label whose values stand below the bars
LEFT_OUT = ("Time", "__name__", "by", "currency", "instance", "job", "site")

Made: TypeAlias = stat.Panel | timeseries.Panel | bargauge.Panel | barchart.Panel


def id_of(text: str) -> int:
    """A panel's id on its board, which its address has: it stays the same when others come and go."""
    return crc32(text.encode()) & 0x7FFFFFFF


def row(text: str, texts: Texts) -> dashboard.Row:
    """A heading above the panels that follow."""
    return dashboard.Row(texts.row(text)).id(id_of(f"row {text}"))


def made(panel: Panel, width: int, texts: Texts) -> Made:
    """`width`: columns of the grid."""
    match panel.kind:
        case Kind.NUMBER:
            built: Made = _number(panel, texts)
        case Kind.LAMP:
            built = _lamp(panel, texts)
        case Kind.LINES:
            built = _curves(panel, texts).line_width(2).fill_opacity(12).show_points(VisibilityMode.NEVER)
        case Kind.MINUTES:
            built = _curves(panel, texts).draw_style(GraphDrawStyle.BARS).fill_opacity(70).line_width(0)
            built.time_from(f"{MINUTES}m").interval("1m").max_data_points(MINUTES).decimals(0)
        case Kind.TOP | Kind.FEW:
            built = _top(panel, texts)
        case Kind.GRADED:
            built = _graded(panel, texts)
        case Kind.PERIODS:
            built = _periods(panel, texts)
    built.id(id_of(panel.text)).title(texts.panel(panel.text).title)
    built.description(texts.sentence(panel.text, panel.fresh)).datasource(SOURCE)
    built.span(width).height(panel.kind.shape.height).unit(panel.unit)
    for ref, query in zip("ABCDEF", panel.queries, strict=False):
        built.with_target(_target(ref, query, panel.kind, texts))
    return built


def _number(panel: Panel, texts: Texts) -> stat.Panel:
    """An instant query, so that no old value is shown."""
    built = _stat(texts).decimals(panel.decimals).color_mode(BigValueColorMode.NONE)
    return built.text_mode(BigValueTextMode.VALUE if _is_single(panel) else BigValueTextMode.VALUE_AND_NAME)


def _is_single(panel: Panel) -> bool:
    return len(panel.queries) == 1 and "{{" not in panel.queries[0].legend


def _lamp(panel: Panel, texts: Texts) -> stat.Panel:
    bad, good = "red", "green"
    steps = (
        [Threshold(value=None, color=good), Threshold(value=1, color=bad)]
        if panel.bad_below is None
        else [Threshold(value=None, color=bad), Threshold(value=panel.bad_below, color=good)]
    )
    built = _stat(texts).color_mode(BigValueColorMode.BACKGROUND).text_mode(BigValueTextMode.VALUE_AND_NAME)
    return built.thresholds(dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps))


def _curves(panel: Panel, texts: Texts) -> timeseries.Panel:
    """The legend is a table with the latest and the highest value."""
    legend = common.VizLegendOptions().show_legend(True).display_mode(LegendDisplayMode.TABLE)
    return (
        timeseries.Panel()
        .min(0)
        .no_value(texts.words.no_value)
        .color_scheme(dashboard.FieldColor().mode(FieldColorModeId.PALETTE_CLASSIC))
        .legend(legend.placement(LegendPlacement.BOTTOM).calcs([LATEST, "max"]))
        .tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI))
    )


def _top(panel: Panel, texts: Texts) -> bargauge.Panel:
    """An instant query, so that values that left the top are not shown."""
    return (
        bargauge.Panel()
        .decimals(panel.decimals)
        .min(0)
        .no_value(texts.words.nothing_yet)
        .color_scheme(dashboard.FieldColor().mode(FieldColorModeId.FIXED).fixed_color("blue"))
        .orientation(VizOrientation.HORIZONTAL)
        .display_mode(BarGaugeDisplayMode.BASIC)
        .name_placement(BarGaugeNamePlacement.LEFT)
        .sizing(BarGaugeSizing.MANUAL)
        .min_viz_height(LEAST_BAR)
        .max_viz_height(MOST_BAR)
        .text(common.VizTextDisplayOptions().title_size(LETTERS).value_size(LETTERS))
        .legend(common.VizLegendOptions().show_legend(False).display_mode(LegendDisplayMode.LIST).calcs([]))
        .reduce_options(_latest())
    )


def _graded(panel: Panel, texts: Texts) -> bargauge.Panel:
    steps = [Threshold(value=step.least, color=step.grade) for step in panel.steps]
    built = _top(panel, texts).color_scheme(dashboard.FieldColor().mode(FieldColorModeId.THRESHOLDS))
    built.thresholds(dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps))
    return built if panel.most is None else built.max(panel.most)


def _periods(panel: Panel, texts: Texts) -> barchart.Panel:
    """A table of an instant, one row per week or month, in their order: Prometheus has none."""
    said = texts.panel(panel.text).title
    chosen = {
        "excludeByName": dict.fromkeys(LEFT_OUT, True),
        "indexByName": {},
        "renameByName": {"Value": said},
    }
    return (
        barchart.Panel()
        .decimals(panel.decimals)
        .no_value(texts.words.nothing_yet)
        .color_scheme(dashboard.FieldColor().mode(FieldColorModeId.FIXED).fixed_color("blue"))
        .orientation(VizOrientation.VERTICAL)
        .x_field(PERIOD)
        .x_tick_label_spacing(100)
        .show_value(VisibilityMode.AUTO)
        .fill_opacity(80)
        .legend(common.VizLegendOptions().show_legend(False).display_mode(LegendDisplayMode.LIST).calcs([]))
        .tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.SINGLE))
        .with_transformation(DataTransformerConfig(id_val="organize", options=chosen))
        .with_transformation(
            DataTransformerConfig(id_val="sortBy", options={"fields": {}, "sort": [{"field": PERIOD}]})
        )
    )


def _stat(texts: Texts) -> stat.Panel:
    return stat.Panel().no_value(texts.words.no_value).graph_mode(BigValueGraphMode.NONE).reduce_options(_latest())


def _latest() -> common.ReduceDataOptions:
    return common.ReduceDataOptions().values(False).calcs([LATEST])


def _target(ref: str, query: Query, kind: Kind, texts: Texts) -> prometheus.Dataquery:
    built = prometheus.Dataquery().ref_id(ref).datasource(SOURCE).expr(query.expr)
    built.legend_format(texts.legend(query.legend))
    if kind is Kind.PERIODS:
        built.format(PromQueryFormat.TABLE)
    return built.range() if kind in (Kind.LINES, Kind.MINUTES) else built.instant()
