"""Prometheus and Grafana beside the services, for `wakeline up --with-prometheus` and `--with-grafana`.

Both are programs of this machine, found on PATH, and keep what they store below the data folder. Their configuration is
written at each start: the committed one of `dashboards/`, at the ports that are in use.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from ops.up.guard import CannotStart
from ops.up.plan import Listener, Service
from wakeline.history.opening import archive_url
from wakeline.settings import Settings
from wakeline.tag import address

HOST = "127.0.0.1"
KEPT = "90d"  # what Prometheus stores
PASSWORD, LANGUAGE = "WAKELINE_GRAFANA_PASSWORD", "WAKELINE_LANGUAGE"  # of Grafana's admin; of the boards
ENGLISH = "en"
HOMES = ("/usr/share/grafana", "/usr/local/share/grafana", "/opt/homebrew/share/grafana")  # of its packages


def dashboards() -> Path:
    """The folder of the boards and of Prometheus' configuration, without importing its code."""
    found = find_spec("dashboards")
    if found is None or not found.submodule_search_locations:
        raise CannotStart("the folder `dashboards` of Wakeline is missing here: install Wakeline again")
    return Path(next(iter(found.submodule_search_locations)))


def prometheus(settings: Settings) -> Service:
    """Scrapes all services that run; ready once it has read its configuration. Raises CannotStart."""
    program = shutil.which("prometheus")
    if program is None:
        raise CannotStart(
            "there is no `prometheus` on PATH: install it (Debian: apt-get install prometheus, "
            "macOS: brew install prometheus), or leave --with-prometheus out"
        )
    folder = settings.data / "prometheus"
    committed = dashboards() / "prometheus"
    _write(folder / "prometheus.yml", prometheus_config((committed / "prometheus.yml").read_text(), settings))
    for file in rules(committed):
        _write(folder / file.name, file.read_text())
    command = (
        program,
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--storage.tsdb.retention.time={KEPT}",
        f"--web.listen-address={HOST}:{settings.prometheus_port}",
        "--log.level=warn",
    )
    return Service("prometheus", command, (Listener("prometheus_port", HOST, settings.prometheus_port, "/-/ready"),))


def rules(folder: Path) -> list[Path]:
    """The files of rules in a folder, without their tests."""
    return [file for file in sorted(folder.glob("rules*.yml")) if not file.stem.endswith("_test")]


def prometheus_config(committed: str, settings: Settings) -> str:
    """The committed configuration, with the services that run, at their ports."""
    head, _, _ = committed.partition("scrape_configs:")
    jobs = {
        "collector": settings.metrics_ports,
        "processor": (settings.processor_metrics_port,),
        "api": (settings.api_metrics_port,),
        "archiver": (settings.archiver_metrics_port,) if archive_url(settings) is not None else (),
    }
    host = address(Listener("internal_host", settings.internal_host, 0).asked_at)
    lines = ["scrape_configs:"]
    for name, ports in jobs.items():
        if ports:
            targets = ", ".join(f'"{host}:{port}"' for port in ports)
            lines += [f"  - job_name: wakeline-{name}", "    static_configs:", f"      - targets: [{targets}]"]
    return head + "\n".join(lines) + "\n"


def grafana(settings: Settings, environ: Mapping[str, str], *, for_all: bool) -> Service:
    """Shows the boards, in the language of LANGUAGE; without a login if `for_all`. Raises CannotStart."""
    program, home = _grafana()
    if not environ.get(PASSWORD):
        raise CannotStart(f"choose a password for Grafana's admin: {PASSWORD}=... wakeline up --with-grafana")
    boards = dashboards() / "grafana"
    language = environ.get(LANGUAGE) or ENGLISH
    if not (boards / language / "live.json").is_file():
        there = ", ".join(sorted(file.parent.name for file in boards.glob("*/live.json")))
        raise CannotStart(f"there are no boards in {LANGUAGE}={language}: choose one of {there}")
    folder = settings.data / "grafana"
    source = (boards / "provisioning/datasources/prometheus.yaml").read_text()
    provider = (boards / "provisioning/dashboards/wakeline.yaml").read_text()
    _write(
        folder / "provisioning/datasources/prometheus.yaml",
        source.replace("http://127.0.0.1:9090", f"http://{HOST}:{settings.prometheus_port}"),
    )
    _write(
        folder / "provisioning/dashboards/wakeline.yaml",
        provider.replace("path: /var/lib/grafana/dashboards", f"path: {_quoted(boards / language)}"),
    )
    _write(folder / "grafana.ini", _grafana_ini(folder, boards / language, settings, for_all=for_all))
    command = (*program, "--homepath", str(home), "--config", str(folder / "grafana.ini"))
    listener = Listener("grafana_port", HOST, settings.grafana_port, "/api/health")
    return Service("grafana", command, (listener,), folder / "log" / "grafana.log")


def _grafana() -> tuple[tuple[str, ...], Path]:
    """Its command, and the folder of its own files."""
    server, both = shutil.which("grafana-server"), shutil.which("grafana")
    found = both or server
    if found is None:
        raise CannotStart(
            "there is no `grafana` on PATH: install it (grafana.com/docs/grafana/latest/setup-grafana/installation), "
            "or leave --with-grafana out"
        )
    homes = [Path(found).resolve().parent.parent, *map(Path, HOMES)]
    home = next((one for one in homes if (one / "conf" / "defaults.ini").is_file()), None)
    if home is None:
        raise CannotStart(f"the files of {found} were not found: no conf/defaults.ini in {homes[0]} or {HOMES[0]}")
    return ((both, "server") if both else (found,)), home


def _grafana_ini(folder: Path, boards: Path, settings: Settings, *, for_all: bool) -> str:
    """The password stays in the environment."""
    return f"""[paths]
data = {folder.resolve() / "data"}
logs = {folder.resolve() / "log"}
plugins = {folder.resolve() / "plugins"}
provisioning = {folder.resolve() / "provisioning"}
[server]
http_addr = {HOST}
http_port = {settings.grafana_port}
[security]
admin_password = $__env{{{PASSWORD}}}
[auth.anonymous]
enabled = {str(for_all).lower()}
org_role = Viewer
[dashboards]
default_home_dashboard_path = {boards / "live.json"}
[analytics]
reporting_enabled = false
check_for_updates = false
[log]
mode = file
"""


def _quoted(path: Path) -> str:
    """As a YAML text."""
    return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _write(file: Path, text: str) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(handle, "w", encoding="utf-8") as out:
            out.write(text)
    except OSError as error:
        raise CannotStart(f"cannot write {file}: {error.strerror}") from None
