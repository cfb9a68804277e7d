"""The message that `wakeline up` prints when everything is running."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from wakeline.history.opening import archive_url
from wakeline.settings import Config, Settings
from wakeline.tag import address, collector_url, script_tag


def summary(config: Config, *, demo: bool, watching: Sequence[str] = ()) -> str:
    """URLs, the tag of each site, the location of the data."""
    settings = config.settings
    local = address(settings.internal_host)
    token = "your api_token" if "api_token" in config.given else f"{settings.api_token} (for this run)"
    rows = [("Collector", collector_url(settings))]
    if demo:
        rows.insert(0, ("Demo shop", shop_url(config)))
    archiver = ("", f"http://{local}:{settings.archiver_metrics_port}/metrics   archiver")
    rows += [
        ("Profiles", f"http://{local}:{settings.api_port}   bearer token: {token}"),
        ("Metrics", f"http://{local}:{settings.api_metrics_port}/metrics   live numbers of the sites"),
        ("", f"http://{local}:{settings.metrics_port}/metrics   collector"),
        ("", f"http://{local}:{settings.processor_metrics_port}/metrics   processor"),
        *([archiver] if archive_url(settings) is not None else []),
        *([("Prometheus", f"http://127.0.0.1:{settings.prometheus_port}")] if "prometheus" in watching else []),
        *([("Grafana", f"http://127.0.0.1:{settings.grafana_port}   user: admin")] if "grafana" in watching else []),
        ("Data", str(settings.data.resolve())),
    ]
    lines = ["Wakeline is up. Ctrl-C stops it.", ""]
    lines += [f"  {name:<11}{value}" for name, value in rows]
    for site in config.sites.values():
        lines += ["", f"  Paste into the <head> of each page of {site.key}:", f"  {script_tag(site, settings)}"]
    if demo:
        flag = _redis(settings.redis)
        lines += ["", f"  Show the profile of a visitor of the shop: {command()} profile show VISITOR_ID{flag}"]
    return "\n".join(lines)


def shop_url(config: Config) -> str:
    host = address(config.settings.internal_host)
    return f"http://{'localhost' if host == '127.0.0.1' else host}:{config.settings.demo_port}"


def _redis(url: str) -> str:
    """The flag for a server that the command would not use by default. Credentials stay out of the shell history."""
    return "" if url == Settings.redis or "@" in url else f" --redis {url}"


def command() -> str:
    """How to run `wakeline` from here, even if the virtual environment is not activated."""
    script = Path(sys.executable).with_name("wakeline")
    if shutil.which("wakeline") or not script.exists():
        return "wakeline"
    return str(script.relative_to(Path.cwd()) if script.is_relative_to(Path.cwd()) else script)
