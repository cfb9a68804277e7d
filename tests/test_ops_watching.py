"""Prometheus and Grafana beside `wakeline up`: their configuration, and what is said if they are not there."""

from __future__ import annotations

import os
from configparser import RawConfigParser
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from dashboards.build import FOLDER
from dashboards.texts import LANGUAGES
from ops.cli import main
from ops.up.guard import CannotStart
from ops.up.watching import ENGLISH, dashboards, grafana, prometheus, prometheus_config
from wakeline.settings import Settings

COMMITTED = (FOLDER.parent / "prometheus" / "prometheus.yml").read_text()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path / "data of ours", prometheus_port=19_090, grafana_port=13_000)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with programs of these names, which is all of PATH."""
    bin = tmp_path / "grafana" / "bin"
    bin.mkdir(parents=True)
    (tmp_path / "grafana" / "conf").mkdir()
    (tmp_path / "grafana" / "conf" / "defaults.ini").touch()
    for name in ("prometheus", "grafana"):
        (bin / name).write_text("#!/bin/sh\n")
        (bin / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(bin))
    return bin


def targets(text: str) -> dict[str, list[str]]:
    return {job["job_name"]: job["static_configs"][0]["targets"] for job in yaml.safe_load(text)["scrape_configs"]}


def test_the_defaults_are_what_is_committed() -> None:
    """But for comments: who starts Prometheus by hand gets the same."""
    assert yaml.safe_load(prometheus_config(COMMITTED, Settings())) == yaml.safe_load(COMMITTED)


def test_every_process_is_scraped_where_it_listens() -> None:
    settings = Settings(workers=3, metrics_port=9_701, processor_metrics_port=9_702, internal_host="0.0.0.0")
    assert targets(prometheus_config(COMMITTED, settings)) == {
        "wakeline-collector": ["127.0.0.1:9701", "127.0.0.1:9711", "127.0.0.1:9721"],
        "wakeline-processor": ["127.0.0.1:9702"],
        "wakeline-api": ["127.0.0.1:8704"],
        "wakeline-archiver": ["127.0.0.1:8705"],
    }
    everywhere = targets(prometheus_config(COMMITTED, Settings(internal_host="::")))
    assert everywhere["wakeline-api"] == ["[::1]:8704"]


def test_what_is_off_is_not_scraped() -> None:
    """Otherwise an alert says for ever that it is down."""
    assert "wakeline-archiver" not in targets(prometheus_config(COMMITTED, replace(Settings(), archive="off")))


def test_prometheus_has_the_rules_and_keeps_its_data_to_itself(installed: Path, settings: Settings) -> None:
    service = prometheus(settings)
    folder = settings.data / "prometheus"
    written = yaml.safe_load((folder / "prometheus.yml").read_text())
    assert all((folder / rules).is_file() for rules in written["rule_files"])
    assert not list(folder.glob("*_test.yml"))
    assert service.command[0] == str(installed / "prometheus")
    assert f"--storage.tsdb.path={folder / 'data'}" in service.command
    assert "--web.listen-address=127.0.0.1:19090" in service.command
    assert [(one.setting, one.port) for one in service.listeners] == [("prometheus_port", 19_090)]


@pytest.mark.parametrize("language", [None, *LANGUAGES])
def test_grafana_has_the_boards_and_prometheus(installed: Path, settings: Settings, language: str | None) -> None:
    environ = {"WAKELINE_GRAFANA_PASSWORD": "hunter2"} | ({"WAKELINE_LANGUAGE": language} if language else {})
    service = grafana(settings, environ, for_all=False)
    folder = settings.data / "grafana"
    (source,) = yaml.safe_load((folder / "provisioning/datasources/prometheus.yaml").read_text())["datasources"]
    assert source["url"] == "http://127.0.0.1:19090"
    (provider,) = yaml.safe_load((folder / "provisioning/dashboards/wakeline.yaml").read_text())["providers"]
    boards = Path(provider["options"]["path"])
    assert boards == FOLDER / (language or ENGLISH)
    assert (boards / "live.json").is_file()
    ini = RawConfigParser()
    ini.read(folder / "grafana.ini")
    assert ini["paths"]["provisioning"] == str(folder / "provisioning")
    assert (ini["server"]["http_addr"], ini["server"]["http_port"]) == ("127.0.0.1", "13000")
    assert ini["auth.anonymous"]["enabled"] == "false"
    assert ini["dashboards"]["default_home_dashboard_path"] == str(boards / "live.json")
    assert service.command[:4] == (str(installed / "grafana"), "server", "--homepath", str(installed.parent))
    everything = " ".join(service.command) + "".join(one.read_text() for one in folder.rglob("*") if one.is_file())
    assert "hunter2" not in everything
    assert ini["security"]["admin_password"] == "$__env{WAKELINE_GRAFANA_PASSWORD}"


def test_a_folder_with_quotes_is_a_folder(installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    odd = tmp_path / 'a "folder": # of\\ours'
    (odd / "grafana" / "en").mkdir(parents=True)
    (odd / "grafana" / "en" / "live.json").touch()
    (odd / "grafana" / "provisioning").symlink_to(FOLDER / "provisioning")
    monkeypatch.setattr("ops.up.watching.dashboards", lambda: odd)
    grafana(Settings(data=tmp_path / "data"), {"WAKELINE_GRAFANA_PASSWORD": "x"}, for_all=True)
    provider = yaml.safe_load((tmp_path / "data/grafana/provisioning/dashboards/wakeline.yaml").read_text())
    assert provider["providers"][0]["options"]["path"] == str(odd / "grafana" / "en")


def test_an_older_grafana_and_one_from_a_package(
    installed: Path, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (installed / "grafana").rename(installed / "grafana-server")
    (tmp_path / "grafana").rename(tmp_path / "moved")
    (tmp_path / "share" / "conf").mkdir(parents=True)
    (tmp_path / "moved" / "conf" / "defaults.ini").rename(tmp_path / "share" / "conf" / "defaults.ini")
    monkeypatch.setenv("PATH", str(tmp_path / "moved" / "bin"))
    monkeypatch.setattr("ops.up.watching.HOMES", (str(tmp_path / "share"),))
    service = grafana(settings, {"WAKELINE_GRAFANA_PASSWORD": "x"}, for_all=True)
    assert service.command[:3] == (
        str(tmp_path / "moved/bin/grafana-server"),
        "--homepath",
        str(tmp_path / "share"),
    )


@pytest.mark.parametrize(
    ("environ", "why"),
    [
        ({}, r"WAKELINE_GRAFANA_PASSWORD=\.\.\. wakeline up --with-grafana"),
        ({"WAKELINE_GRAFANA_PASSWORD": ""}, "choose a password"),
        ({"WAKELINE_GRAFANA_PASSWORD": "x", "WAKELINE_LANGUAGE": "xx"}, "choose one of en, fa, it, pl"),
        ({"WAKELINE_GRAFANA_PASSWORD": "x", "WAKELINE_LANGUAGE": "../en/.."}, "choose one of"),
    ],
)
def test_what_grafana_needs_is_said(installed: Path, settings: Settings, environ: dict[str, str], why: str) -> None:
    with pytest.raises(CannotStart, match=why):
        grafana(settings, environ, for_all=False)
    assert not (settings.data / "grafana").exists()


def test_a_program_that_is_missing_is_named(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CannotStart, match="no `prometheus` on PATH: install it"):
        prometheus(settings)
    with pytest.raises(CannotStart, match="no `grafana` on PATH: install it"):
        grafana(settings, dict(os.environ), for_all=False)


def test_a_grafana_without_its_files_is_refused(installed: Path, settings: Settings) -> None:
    (installed.parent / "conf" / "defaults.ini").unlink()
    with pytest.raises(CannotStart, match=r"no conf/defaults\.ini in"):
        grafana(settings, {"WAKELINE_GRAFANA_PASSWORD": "x"}, for_all=False)


def test_the_folder_of_dashboards_is_found_and_in_the_wheel() -> None:
    assert dashboards() == FOLDER.parent
    project = (FOLDER.parents[1] / "pyproject.toml").read_text()
    assert '"demo", "dashboards"]' in project


def test_a_flag_that_is_about_nothing_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    said = CliRunner().invoke(main, ["up", "--grafana-for-all"])
    assert said.exit_code == 2
    assert "--with-grafana" in said.output
