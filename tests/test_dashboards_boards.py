"""The boards, their texts, the alert rules and the configuration match each other and the processes' metrics."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import promql_parser
import pytest
import yaml
from prometheus_client.core import Metric
from prometheus_client.metrics import MetricWrapperBase

import api.long_metrics
import api.metrics
import archiver.metrics
import collector.metrics
import processor.metrics
from dashboards import build, guide
from dashboards.board import Board, Kind
from dashboards.boards import BOARDS
from dashboards.panels import id_of
from dashboards.texts import ENGLISH, FIGURES, LANGUAGES, MissingText, Texts, texts
from tests.prometheus import RULES
from wakeline import numbers
from wakeline.settings import Settings

FOLDER = build.FOLDER.parent
MODELS = {board.name: json.loads(build.file_of(board, ENGLISH).read_text()) for board in BOARDS}
PANELS = [
    pytest.param(board, panel, id=f"{board}: {panel['title']}")
    for board, model in MODELS.items()
    for panel in model["panels"]
    if panel["type"] != "row"
]
FILES = [build.file_of(board, language) for language in LANGUAGES for board in BOARDS]
SCHEMA = jsonschema.Draft7Validator(json.loads((FOLDER / "schema" / "board.schema.json").read_text()))
VARIABLES = {"$__rate_interval": "1m", "$site": "shop", "$window": "30m", "$currency": "EUR"}
SCRAPED = {"up", "scrape_samples_scraped", "process_resident_memory_bytes"}  # Prometheus' own, and of every process
SCRAPED |= {"ALERTS"}  # which it makes of its rules


def filled(expr: str) -> str:
    for name, value in VARIABLES.items():
        expr = expr.replace(name, value)
    return expr


QUERIES = [
    pytest.param(param.values[1], target, id=f"{param.id}: {target['legendFormat']}")
    for param in PANELS
    for target in param.values[1]["targets"]  # type: ignore[index,call-overload]
]
RULED = "".join(file.read_text() for file in RULES)
ALERTS = re.findall(r"^ +expr: (.+)$", RULED, re.MULTILINE)
RECORDED = set(re.findall(r"^ +- record: (.+)$", RULED, re.MULTILINE))
MARKED = {board: [each["expr"] for each in model["annotations"]["list"]] for board, model in MODELS.items()}
MARKS = sorted({filled(expr) for of_board in MARKED.values() for expr in of_board})
EXPRESSIONS = [filled(query.values[1]["expr"]) for query in QUERIES] + ALERTS + MARKS  # type: ignore[index]


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
        *(family.empty() for family in (*api.metrics.FAMILIES, *api.long_metrics.FAMILIES)),
        *api.metrics.REGISTRY.collect(),
        *archiver.metrics.REGISTRY.collect(),
        *collector.metrics.registry(collector.metrics.Metrics()).collect(),
        *(family for each in declared for family in each.collect()),
    ]
    return set(sample_names(families)) | SCRAPED | RECORDED


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
    """Whether it asks for one value of each of its labels whose values overlap."""
    families = {family.name: family for family in (*api.metrics.FAMILIES, *api.long_metrics.FAMILIES)}
    labels = families[selector.name].labels if selector.name in families else ()
    asked = {
        matcher.name for matcher in selector.matchers.matchers if str(matcher.op) == str(promql_parser.MatchOp.Equal)
    }
    return {"window", "span", "by"} & set(labels) <= asked


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
        pytest.param("sum(wakeline_visits_span)", False, id="a sum over all spans"),
        pytest.param('sum(wakeline_visits_period{by="week"})', True, id="a sum of weeks"),
    ],
)
def test_the_check_of_windows_can_fail(expression: str, is_fine: bool) -> None:
    assert (misused(expression) == []) == is_fine


# ---- the boards ----------------------------------------------------------------------------------


def test_the_committed_files_are_what_the_code_makes() -> None:
    made = dict(build.files())
    for file, text in made.items():
        assert file.read_text() == text, f"{file}: run `make dashboards`"
    assert set(build.FOLDER.rglob("*.json")) == set(made) - {guide.FILE}


@pytest.mark.parametrize("name", MODELS)
def test_every_panel_and_row_has_an_id_and_a_title_of_its_own(name: str) -> None:
    panels = MODELS[name]["panels"]
    ids = [panel["id"] for panel in panels]
    assert len(set(ids)) == len(ids)
    titles = [panel["title"] for panel in panels if panel["type"] != "row"]
    assert len(set(titles)) == len(titles)
    assert min(ids) > 0


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_grafana_knows_every_field(file: Path) -> None:
    """By the types of @grafana/schema: fields that these do not have are faults."""
    faults = SCHEMA.iter_errors(json.loads(file.read_text()))
    assert [f"{list(fault.absolute_path)}: {fault.message}" for fault in faults] == []


@pytest.mark.parametrize(
    ("place", "field", "value"),
    [
        pytest.param("options", "grafMode", "none", id="a field that no panel has"),
        pytest.param("options", "colorMode", "loud", id="a value that it does not have"),
        pytest.param("gridPos", "w", "wide", id="a text for a number"),
    ],
)
def test_the_check_of_fields_can_fail(place: str, field: str, value: str) -> None:
    model = json.loads(FILES[0].read_text())
    panel = next(panel for panel in model["panels"] if panel["type"] == "stat")
    panel[place][field] = value
    assert not SCHEMA.is_valid(model)


@pytest.mark.parametrize(("field", "value"), [("exprs", "up"), ("useValueForTime", "on")])
def test_the_check_of_annotations_can_fail(field: str, value: str) -> None:
    model = json.loads((build.FOLDER / ENGLISH / "live.json").read_text())
    model["annotations"]["list"][0][field] = value
    assert not SCHEMA.is_valid(model)


def test_the_fields_are_those_of_the_grafana_that_is_started() -> None:
    version = json.loads((FOLDER / "schema" / "package.json").read_text())["dependencies"]["@grafana/schema"]
    for compose in ("compose.yaml", "compose.kafka.yaml"):
        assert f"image: grafana/grafana:{version}" in (FOLDER / compose).read_text()


def test_boards_have_addresses_of_their_own_and_lead_to_each_other() -> None:
    assert MODELS["live"]["uid"] == "wakeline-live"  # pages and bookmarks name it
    uids = [json.loads(file.read_text())["uid"] for file in build.FOLDER.rglob("*.json")]
    assert len(set(uids)) == len(uids) == len(BOARDS) * len(LANGUAGES)
    for model in MODELS.values():
        (link,) = model["links"]
        assert (link["type"], link["includeVars"], link["keepTime"]) == ("dashboards", True, True)
        assert link["tags"] == model["tags"]


@pytest.mark.parametrize(("board", "panel"), PANELS)
def test_every_panel_says_what_it_shows(board: str, panel: dict[str, Any]) -> None:
    options, defaults = panel["options"], panel["fieldConfig"]["defaults"]
    assert panel["title"]
    assert panel["description"].endswith(".")
    assert not re.search(r"\{\w+\}", panel["description"])  # a figure that was not filled in
    assert defaults["unit"]
    assert defaults["noValue"]
    assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"]) > 0
    assert all(target["legendFormat"] for target in panel["targets"])
    if panel["type"] == "timeseries":
        assert options["legend"]["showLegend"]
        assert options["legend"]["calcs"]
        assert all(target["range"] and not target["instant"] for target in panel["targets"])
    elif panel["type"] == "barchart":
        assert [each["id"] for each in panel["transformations"]] == ["organize", "sortBy"]
        assert all(target["instant"] and target["format"] == "table" for target in panel["targets"])
    else:
        assert options["reduceOptions"]["calcs"] == ["lastNotNull"]
        assert all(target["instant"] and not target["range"] for target in panel["targets"])


def test_every_query_of_a_panel_is_asked() -> None:
    """Grafana's letters for queries end somewhere."""
    shown = {(board, panel["title"]): len(panel["targets"]) for board, panel in (param.values for param in PANELS)}  # type: ignore[index]
    said = texts(ENGLISH)
    assert shown == {
        (board.name, said.panel(panel.text).title): len(panel.queries) for board in BOARDS for panel in board.panels
    }


@pytest.mark.parametrize(("panel", "target"), QUERIES)
def test_top_lists_are_asked_at_one_instant(panel: dict[str, Any], target: dict[str, Any]) -> None:
    asked = {selector.name for selector in selectors(promql_parser.parse(filled(target["expr"])))}
    if asked & {family.name for family in (*api.metrics.TOPS.values(), *api.long_metrics.LISTS.values())}:
        assert target["instant"]
        assert not target["range"]
        assert panel["type"] == "bargauge"


@pytest.mark.parametrize("name", MODELS)
def test_panels_fill_the_grid_without_overlap(name: str) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in MODELS[name]["panels"]:
        x, y, w, h = (panel["gridPos"][side] for side in "xywh")
        cells = {(column, row) for column in range(x, x + w) for row in range(y, y + h)}
        assert not cells & taken, panel["title"]
        taken |= cells
    width, height = (max(cell[side] for cell in taken) + 1 for side in (0, 1))
    assert (width, len(taken)) == (24, 24 * height)


@pytest.mark.parametrize("name", MODELS)
def test_the_variables_offer_what_is_measured_and_are_those_of_every_board(name: str) -> None:
    """So a link to another board takes the values along."""
    variables = {variable["name"]: variable for variable in MODELS[name]["templating"]["list"]}
    assert list(variables) == ["datasource", "site", "window", "currency"]
    offered = [value.rpartition(" : ")[2] for value in variables["window"]["query"].split(",")]
    assert tuple(offered) == numbers.WINDOWS
    assert variables["window"]["current"]["value"] in numbers.WINDOWS
    assert variables["site"]["query"] == "label_values(wakeline_live_visitors, site)"
    asked = json.dumps([panel["targets"] for panel in MODELS[name]["panels"] if panel["type"] != "row"])
    for variable in ("site", "window", "currency"):
        assert (f"${variable}" in asked) == (variables[variable].get("hide", 0) == 0)


@pytest.mark.parametrize("histogram", numbers.VITALS, ids=lambda one: one.name)
def test_vitals_have_the_colours_of_the_declared_limits(histogram: numbers.Histogram) -> None:
    """What is just at the limit belongs to the better grade."""
    text = f"speed_{histogram.name}"
    (panel,) = [each for each in MODELS["speed"]["panels"] if each["id"] == id_of(text)]
    defaults = panel["fieldConfig"]["defaults"]
    assert defaults["color"]["mode"] == "thresholds"
    steps = [(step["value"], step["color"]) for step in defaults["thresholds"]["steps"]]
    fair, poor = histogram.shown(histogram.good + 1), histogram.shown(histogram.poor + 1)
    assert steps == [(None, "green"), (fair, "orange"), (poor, "red")]
    assert histogram.shown(histogram.good) < fair
    unit = histogram.good if histogram is numbers.INP else histogram.shown(histogram.good)
    assert f" {unit:g}" in panel["description"]


def test_limits_are_those_of_web_dev() -> None:
    limits = {one.name: (one.shown(one.good), one.shown(one.poor)) for one in numbers.VITALS}
    assert limits == {"lcp": (2.5, 4), "inp": (0.2, 0.5), "cls": (0.1, 0.25), "fcp": (1.8, 3), "ttfb": (0.8, 1.8)}


def test_the_alert_on_slow_pages_begins_where_they_are_no_longer_good() -> None:
    p75 = f"page_group:wakeline_{numbers.LCP.metric}:p75_1h"
    assert re.findall(rf"{p75} > ([\d.]+)\)", RULED) == [f"{numbers.LCP.shown(numbers.LCP.good):g}"]


# ---- the texts -----------------------------------------------------------------------------------


def placeholders(said: str) -> list[str]:
    """What Grafana, the board's variables and the figures fill in."""
    return sorted(re.findall(r"\{\{\w+\}\}|\$\w+|\{\w+\}", said))


def all_texts(language: str) -> dict[str, str]:
    """Of a language, by where they stand."""
    found = {}
    for part, of_part in msgspec.to_builtins(texts(language)).items():
        for id, said in of_part.items():
            each = said if isinstance(said, dict) else {"": said}
            found |= {f"{part}.{id}.{field}": text for field, text in each.items()}
    return found


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_language_has_the_texts_of_english_with_the_same_placeholders(language: str) -> None:
    english, found = all_texts(ENGLISH), all_texts(language)
    assert found.keys() == english.keys()
    assert {id: placeholders(said) for id, said in found.items()} == {
        id: placeholders(said) for id, said in english.items()
    }
    assert all(said.strip() == said != "" for said in found.values())
    if language != ENGLISH:
        same = {id for id, said in found.items() if said == english[id] and len(said) > 20}
        assert not {id for id in same if re.search(r"\w", re.sub(r"\{\{\w+\}\}", "", english[id]))}, "not translated"


def test_no_text_is_left_over() -> None:
    used = Used(texts(ENGLISH))
    for board in BOARDS:
        build.dashboard(board, ENGLISH, used)  # type: ignore[arg-type]
        build.marks(board, used)  # type: ignore[arg-type]
    said = texts(ENGLISH)
    for part, named in used.named.items():
        assert set(getattr(said, part)) == named, part


class Used:
    """Texts that note which are asked for."""

    def __init__(self, said: Texts) -> None:
        self._said = said
        self.words = said.words
        self.named: dict[str, set[str]] = {part: set() for part in ("boards", "rows", "panels", "legends", "marks")}

    def board(self, id: str) -> Any:
        self.named["boards"].add(id)
        return self._said.board(id)

    def row(self, id: str) -> str:
        self.named["rows"].add(id)
        return self._said.row(id)

    def panel(self, id: str) -> Any:
        self.named["panels"].add(id)
        return self._said.panel(id)

    def sentence(self, id: str, fresh: str) -> str:
        return self._said.sentence(id, fresh)

    def legend(self, id: str) -> str:
        if not id.startswith("{{"):
            self.named["legends"].add(id)
        return self._said.legend(id)

    def mark(self, id: str) -> str:
        self.named["marks"].add(id)
        return self._said.mark(id)

    def window(self, id: str) -> str:
        return self._said.window(id)


def test_a_missing_text_says_where_it_belongs() -> None:
    panel = BOARDS[0].panels[0]._replace(text="of_nothing")
    board = Board("live", (BOARDS[0].rows[0]._replace(panels=(panel,)),))
    with pytest.raises(MissingText, match=r"add \[panels\] of_nothing to dashboards/texts/, in every language"):
        build.as_json(board, ENGLISH)


def test_every_figure_is_named_in_a_sentence_or_on_the_page() -> None:
    said = json.dumps(msgspec.to_builtins(texts(ENGLISH)))
    assert [name for name in FIGURES if f"{{{name}}}" not in said] == []


def test_kinds_of_panels_fit_beside_each_other() -> None:
    assert all(build.COLUMNS // kind.shape.beside >= 4 for kind in Kind)


def test_every_top_list_and_figure_of_campaigns_has_a_panel() -> None:
    asked = {selector.name for expr in EXPRESSIONS for selector in selectors(promql_parser.parse(expr))}
    assert {family.name for family in (*api.metrics.TOPS.values(), *api.metrics.OF_CAMPAIGNS)} <= asked


def test_campaign_starts_and_alerts_are_marked_on_the_curves_of_marketers() -> None:
    assert {board for board, marked in MARKED.items() if marked} == {"live", "campaigns", "shop"}
    for language in LANGUAGES:
        for name in ("live", "campaigns", "shop"):
            model = json.loads((build.FOLDER / language / f"{name}.json").read_text())
            starts, faults = model["annotations"]["list"]
            assert starts["expr"] == 'wakeline_campaign_started_timestamp_seconds{site="$site"} * 1000'  # in ms
            assert (starts["useValueForTime"], faults["useValueForTime"]) == (True, False)
            assert (starts["textFormat"], faults["textFormat"]) == ("{{campaign}}", "{{alertname}}")
            assert (starts["enable"], faults["enable"]) == (True, True)
            assert starts["datasource"] == faults["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
            assert [starts["name"], faults["name"]] == [
                texts(language).mark("campaign_starts"),
                texts(language).mark("faults"),
            ]


# ---- Prometheus' files ---------------------------------------------------------------------------


def promtool(*words: str) -> None:
    done = subprocess.run(["promtool", *words], cwd=FOLDER / "prometheus", capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_finds_no_fault() -> None:
    promtool("check", "config", "prometheus.yml")


@pytest.mark.parametrize("rules", RULES, ids=lambda rules: rules.name)
def test_each_alert_fires_when_it_should_and_only_then(rules: Path) -> None:
    promtool("test", "rules", f"{rules.stem}_test.yml")


@pytest.mark.parametrize("rules", RULES, ids=lambda rules: rules.name)
def test_each_alert_has_a_test_that_fires_it_and_one_that_does_not(rules: Path) -> None:
    alerts = re.findall(r"alert: (\w+)", rules.read_text())
    tested = rules.with_stem(f"{rules.stem}_test").read_text()
    for alert in alerts:
        assert re.search(rf"alertname: {alert}\n +exp_alerts:\n", tested), alert
        assert re.search(rf"alertname: {alert}, exp_alerts: \[\]", tested), alert
    assert len(alerts) == rules.read_text().count("- alert:")


def test_all_rules_are_loaded() -> None:
    for name in ("prometheus.yml", "prometheus.kafka.yml"):
        listed = yaml.safe_load((FOLDER / "prometheus" / name).read_text())["rule_files"]
        assert listed == [rules.name for rules in RULES]
    for rules in RULES:
        yaml.safe_load(rules.read_text())


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
    for path in re.findall(r"- (\./\S+?):/", compose.replace("${WAKELINE_LANGUAGE:-en}", ENGLISH)):
        assert (FOLDER / path).exists(), path


def test_the_lock_file_of_the_pictures_names_no_registry() -> None:
    assert '"resolved"' not in (FOLDER / "drawn" / "package-lock.json").read_text()


def test_pictures_are_drawn_with_the_components_of_the_grafana_that_is_started() -> None:
    version = json.loads((FOLDER / "schema" / "package.json").read_text())["dependencies"]["@grafana/schema"]
    wanted = json.loads((FOLDER / "drawn" / "package.json").read_text())["dependencies"]
    assert {wanted[f"@grafana/{part}"] for part in ("data", "schema", "ui")} == {version}


def test_each_board_has_a_picture_and_each_picture_a_board() -> None:
    found = {path.stem for path in (FOLDER.parent / "docs" / "pictures").glob("*.png")}
    assert {name.removesuffix("-dark").removesuffix("-phone") for name in found} == {board.name for board in BOARDS}
    assert {board.name for board in BOARDS} <= found


def test_provisioning_names_what_exists() -> None:
    compose = (FOLDER / "compose.yaml").read_text()
    provider = (FOLDER / "grafana/provisioning/dashboards/wakeline.yaml").read_text()
    source = (FOLDER / "grafana/provisioning/datasources/prometheus.yaml").read_text()
    (path,) = re.findall(r"path: (\S+)", provider)
    assert f"./grafana/${{WAKELINE_LANGUAGE:-{ENGLISH}}}:{path}:ro" in compose
    assert all((FOLDER / "grafana" / language / "live.json").is_file() for language in LANGUAGES)
    assert f"GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH: {path}/live.json" in compose
    assert "--web.listen-address=127.0.0.1:9090" in compose
    assert "url: http://127.0.0.1:9090" in source
    interval = re.findall(r"scrape_interval: (\S+)", (FOLDER / "prometheus" / "prometheus.yml").read_text())
    assert [f"timeInterval: {each}" in source for each in interval] == [True]
