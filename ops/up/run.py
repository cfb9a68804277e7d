"""`wakeline up`: starts the services for the settings; returns the exit code."""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
import webbrowser
from collections.abc import Mapping
from dataclasses import dataclass, replace

from ops.backup import swap
from ops.up.applier import Applier, apply_command
from ops.up.differing import differing
from ops.up.guard import refuse_taken_ports, sole_use
from ops.up.output import JsonOutput, Output
from ops.up.plan import plan
from ops.up.summary import shop_url, summary
from ops.up.supervisor import NAME, Supervisor
from ops.up.watching import grafana, prometheus
from wakeline import data_folder
from wakeline.logs import is_coloured
from wakeline.settings import Config, LogFormat


@dataclass(frozen=True)
class With:
    """What else is started."""

    demo: bool = False
    visitors: int = 0  # simulated ones, in the demo shop
    opens_shop: bool = False  # in a browser
    prometheus: bool = False
    grafana: bool = False
    grafana_for_all: bool = False  # without a login


def run(config: Config, environ: Mapping[str, str], more: With) -> int:
    """Runs until it is stopped; returns the exit code. `environ` is passed to the children.

    Raises CannotStart.
    """
    token = config.settings.api_token or secrets.token_urlsafe(18)  # one for this run
    config = replace(config, settings=replace(config.settings, api_token=token))
    is_json = config.settings.log_format is LogFormat.JSON
    coloured = not is_json and is_coloured(sys.stdout)
    environ = {**environ, "WAKELINE_API_TOKEN": token, "PYTHONUNBUFFERED": "1"}
    if coloured:
        environ["FORCE_COLOR"] = "1"
    with sole_use(config.settings.data):
        swap.clear(config.settings.data)  # data staged by a restore that was interrupted before it changed anything
        (config.settings.data / "redis").mkdir(exist_ok=True)
        watching = [prometheus(config.settings)] if more.prometheus or more.grafana else []
        if more.grafana:
            watching.append(grafana(config.settings, environ, for_all=more.grafana_for_all))
        services = plan(config, demo=more.demo, visitors=more.visitors, watching=watching)
        refuse_taken_ports(listener for service in services.services() for listener in service.listeners)
        output = (JsonOutput if is_json else Output)(sys.stdout, coloured=coloured)
        for words in data_folder.close(config.settings.data):
            output.report(NAME, words)

        def when_up() -> None:
            output.block(summary(config, demo=more.demo, watching=[service.name for service in watching]))
            if more.demo and more.opens_shop and _has_display():
                webbrowser.open(shop_url(config))

        async def applies() -> None:
            assert config.path is not None
            server = next((one.listeners[0] for one in services.services() if one.name == "server"), None)
            await Applier(
                apply_command(),
                config.path,
                environ,
                say=output.say,
                waits_for_a_start=lambda: differing(config, environ),
                server=server,
            ).run()

        async def supervise() -> int:
            supervisor = Supervisor(services, environ, say=output.say, report=output.report)
            output.lost = supervisor.ask_to_stop
            applying = asyncio.create_task(applies())
            try:
                return await supervisor.run(when_up)
            finally:
                applying.cancel()
                await asyncio.wait([applying])

        return asyncio.run(supervise())


def _has_display() -> bool:
    """Whether a browser can open outside the terminal."""
    display = sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return bool(display) and sys.stdout.isatty()
