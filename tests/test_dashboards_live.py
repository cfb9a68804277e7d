"""The dashboard, the alert rules and the configuration match each other and the processes' metrics."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterable, Iterator
from typing import Any

import promql_parser
import pytest
from prometheus_client.core import Metric
from prometheus_client.metrics import MetricWrapperBase

import api.metrics
import archiver.metrics
import collector.metrics
import processor.metrics
from dashboards import live
from wakeline import numbers
from wakeline.settings import Settings

FOLDER = live.FILE.parent.parent
BOARD = json.loads(live.FILE.read_text())
PANELS = [panel for panel in BOARD["panels"] if panel["type"] != "row"]
VARIABLES = {"$__rate_interval": "1m", "$site": "shop", "$window": "30m"}
SCRAPED = {"up", "process_resident_memory_bytes"}  # Prometheus' own, and of every process


def filled(expr: str) -> str:
    for name, value in VARIABLES.items():
        expr = expr.replace(name, value)
    return expr


QUERIES = [
    pytest.param(panel, target, id=f"{panel['title']}: {target['legendFormat']}")
    for panel in PANELS
    for target in panel["targets"]
]
ALERTS = re.findall(r"^ +expr: (.+)$", (FOLDER / "prometheus" / "rules.yml").read_text(), re.MULTILINE)
EXPRESSIONS = [filled(query.values[1]["expr"]) for query in QUERIES] + ALERTS  # type: ignore[index]


# ---- what the processes offer --------------------------------------------------------------------


def sample_names(families: Iterable[Metric]) -> Iterator[str]:
    for family in families:
        match family.type:
            case "counter":
                yield f"{family.name}_total"
            case "histogram":
                yield from (f"{family.name}_{part}" for part in ("bucket", "sum", "count"))
            case _:
                yield family.name


def offered() -> set[str]:
    declared = [each for each in vars(processor.metrics).values() if isinstance(each, MetricWrapperBase)]
    families = [
        *(family.empty() for family in api.metrics.FAMILIES),
        *api.metrics.REGISTRY.collect(),
        *archiver.metrics.REGISTRY.collect(),
        *collector.metrics.registry(collector.metrics.Metrics()).collect(),
        *(family for each in declared for family in each.collect()),
    ]
    return set(sample_names(families)) | SCRAPED


# ---- PromQL --------------------------------------------------------------------------------------


def nodes(expr: Any) -> Iterator[Any]:
    """`expr` and everything in it."""
    yield expr
    for name in ("lhs", "rhs", "expr", "param", "vector_selector"):
        if (child := getattr(expr, name, None)) is not None:
            yield from nodes(child)
    for child in getattr(expr, "args", None) or ():
        yield from nodes(child)


def selectors(expr: Any) -> list[Any]:
    return [node for node in nodes(expr) if isinstance(node, promql_parser.VectorSelector)]


def misused(expression: str) -> list[str]:
    """What an expression asks that has no meaning."""
    faults = []
    for node in nodes(promql_parser.parse(expression)):
        if isinstance(node, promql_parser.Call) and node.func.name in ("rate", "irate", "increase"):
            faults += [f"{node.func.name} of {each.name}, a gauge" for each in selectors(node) if is_gauge(each.name)]
        if isinstance(node, promql_parser.AggregateExpr):
            faults += [f"{node.op} over windows of {each.name}" for each in selectors(node) if not is_one_window(each)]
    return faults


def is_gauge(name: str) -> bool:
    return not name.endswith(("_total", "_bucket", "_sum", "_count"))


def is_one_window(selector: Any) -> bool:
    """Whether it has no label `window`, or asks for one of its values."""
    windowed = {family.name for family in api.metrics.FAMILIES if "window" in family.labels}
    return selector.name not in windowed or any(
        matcher.name == "window" and str(matcher.op) == str(promql_parser.MatchOp.Equal)
        for matcher in selector.matchers.matchers
    )


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_only_names_that_exist_are_asked_for(expression: str) -> None:
    asked = {selector.name for selector in selectors(promql_parser.parse(expression))}
    assert asked
    assert asked <= offered()


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_windows_stand_for_themselves(expression: str) -> None:
    assert misused(expression) == []


@pytest.mark.parametrize(
    ("expression", "is_fine"),
    [
        pytest.param("rate(wakeline_page_views_total[1m])", True, id="a rate of a counter"),
        pytest.param("histogram_quantile(0.9, rate(wakeline_profile_seconds_bucket[1m]))", True, id="of a histogram"),
        pytest.param('rate(wakeline_page_views_window{window="5m"}[1m])', False, id="a rate of a window"),
        pytest.param("increase(wakeline_visits_today[1h])", False, id="an increase of today's number"),
        pytest.param("sum(rate(wakeline_live_visitors[1m]))", False, id="a rate of visitors, and over windows"),
        pytest.param("sum(wakeline_page_views_window)", False, id="a sum over all windows"),
        pytest.param('sum(wakeline_page_views_window{window=~"5m|30m"})', False, id="a sum over two windows"),
        pytest.param('max(wakeline_page_views_window{window!="5m"})', False, id="the others together"),
        pytest.param('sum(wakeline_page_views_window{window="5m"})', True, id="a sum within one window"),
        pytest.param('topk(3, wakeline_live_visitors{window="now"} / 2)', True, id="the top of one window"),
    ],
)
def test_the_check_of_windows_can_fail(expression: str, is_fine: bool) -> None:
    assert (misused(expression) == []) == is_fine


# ---- the dashboard -------------------------------------------------------------------------------


def test_the_committed_file_is_what_the_code_makes() -> None:
    assert live.FILE.read_text() == live.as_json(), "run: python -m dashboards.live"


def test_every_panel_and_row_has_an_id_and_a_title_of_its_own() -> None:
    ids = [panel["id"] for panel in BOARD["panels"]]
    assert len(set(ids)) == len(ids) == len({panel["title"] for panel in BOARD["panels"]})
    assert min(ids) > 0


@pytest.mark.parametrize("panel", [pytest.param(panel, id=panel["title"]) for panel in PANELS])
def test_every_panel_says_what_it_shows(panel: dict[str, Any]) -> None:
    options, defaults = panel["options"], panel["fieldConfig"]["defaults"]
    assert panel["title"]
    assert panel["description"].endswith(".")
    assert defaults["unit"]
    assert defaults["noValue"]
    assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"]) > 0
    assert all(target["legendFormat"] for target in panel["targets"])
    if panel["type"] == "timeseries":
        assert options["legend"]["showLegend"]
        assert options["legend"]["calcs"]
        assert all(target["range"] and not target["instant"] for target in panel["targets"])
    else:
        assert options["reduceOptions"]["calcs"] == ["lastNotNull"]
        assert all(target["instant"] and not target["range"] for target in panel["targets"])


@pytest.mark.parametrize(("panel", "target"), QUERIES)
def test_top_lists_are_asked_at_one_instant(panel: dict[str, Any], target: dict[str, Any]) -> None:
    asked = {selector.name for selector in selectors(promql_parser.parse(filled(target["expr"])))}
    if asked & {family.name for family in api.metrics.TOPS.values()}:
        assert target["instant"]
        assert not target["range"]
        assert panel["type"] == "bargauge"


def test_panels_fill_the_grid_without_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in BOARD["panels"]:
        x, y, w, h = (panel["gridPos"][side] for side in "xywh")
        cells = {(column, row) for column in range(x, x + w) for row in range(y, y + h)}
        assert not cells & taken, panel["title"]
        taken |= cells
    width, height = (max(cell[side] for cell in taken) + 1 for side in (0, 1))
    assert (width, len(taken)) == (24, 24 * height)


def test_the_window_variable_offers_what_is_measured() -> None:
    variables = {variable["name"]: variable for variable in BOARD["templating"]["list"]}
    assert tuple(variables["window"]["query"].split(",")) == numbers.WINDOWS
    assert variables["window"]["current"]["value"] in numbers.WINDOWS
    assert variables["site"]["query"] == "label_values(wakeline_live_visitors, site)"


def test_every_top_list_has_a_panel() -> None:
    asked = {selector.name for expr in EXPRESSIONS for selector in selectors(promql_parser.parse(expr))}
    assert {family.name for family in api.metrics.TOPS.values()} <= asked


# ---- Prometheus' files ---------------------------------------------------------------------------


def promtool(*words: str) -> None:
    done = subprocess.run(["promtool", *words], cwd=FOLDER / "prometheus", capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_finds_no_fault() -> None:
    promtool("check", "config", "prometheus.yml")


def test_each_alert_fires_when_it_should_and_only_then() -> None:
    promtool("test", "rules", "rules_test.yml")


def test_each_alert_has_a_test_that_fires_it() -> None:
    alerts = re.findall(r"alert: (\w+)", (FOLDER / "prometheus" / "rules.yml").read_text())
    tested = (FOLDER / "prometheus" / "rules_test.yml").read_text()
    for alert in alerts:
        assert re.search(rf"alertname: {alert}\n +exp_alerts:\n", tested), alert
    assert len(alerts) == len(ALERTS)


def test_the_targets_are_the_default_ports() -> None:
    settings = Settings()
    ports = (
        settings.metrics_port,
        settings.processor_metrics_port,
        settings.api_metrics_port,
        settings.archiver_metrics_port,
    )
    found = re.findall(r"127\.0\.0\.1:(\d+)", (FOLDER / "prometheus" / "prometheus.yml").read_text())
    assert tuple(map(int, found)) == ports


def test_the_images_are_pinned_and_their_files_exist() -> None:
    compose = (FOLDER / "compose.yaml").read_text()
    images = re.findall(r"image: (\S+)", compose)
    assert len(images) == 2
    assert all(re.fullmatch(r"[a-z/]+:v?\d+\.\d+\.\d+", image) for image in images)
    for path in re.findall(r"- (\./\S+?):/", compose):
        assert (FOLDER / path).exists(), path


def test_provisioning_names_what_exists() -> None:
    compose = (FOLDER / "compose.yaml").read_text()
    provider = (FOLDER / "grafana/provisioning/dashboards/wakeline.yaml").read_text()
    source = (FOLDER / "grafana/provisioning/datasources/prometheus.yaml").read_text()
    (path,) = re.findall(r"path: (\S+)", provider)
    assert f"./grafana/live.json:{path}/live.json" in compose
    assert "--web.listen-address=127.0.0.1:9090" in compose
    assert "url: http://127.0.0.1:9090" in source
    interval = re.findall(r"scrape_interval: (\S+)", (FOLDER / "prometheus" / "prometheus.yml").read_text())
    assert [f"timeInterval: {each}" in source for each in interval] == [True]
