"""`wakeline collector`, `processor`, `archiver`, `api`: run one service. `up` also runs `demo` and `simulator`."""

from __future__ import annotations

import logging
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from ops.cli.errors import FAILED, Refused
from ops.cli.options import SettingsCommand, all_settings, read
from wakeline import data_folder, logs, process
from wakeline.settings import Config, LogFormat

ABOUT = {
    "collector": ("Receive events from pages.", "Receive events from pages; answer once they are on disk."),
    "processor": ("Fold the log into profiles and counters.", "Fold the log into profiles and counters."),
    "archiver": (
        "Write the history, for replays and queries.",
        "Write the history: the log's records as compressed files, for replays and queries.",
    ),
    "api": (
        "Serve profiles and live numbers over HTTP.",
        "The read side: profiles and cards over HTTP, live numbers for Prometheus.",
    ),
}
"""What each service does: in the list of commands, where there is room for few words, and in its own help."""


def _command(name: str, short: str, about: str) -> click.Command:
    @click.command(name, cls=SettingsCommand, short_help=short, help=about)
    @click.option("--under-up", is_flag=True, hidden=True)
    @all_settings
    def command(under_up: bool, config: Path | None, **flags: Any) -> None:
        run(name, read(config, flags), under_up)

    return command


def run(name: str, config: Config, under_up: bool, module: str = "", *arguments: Any) -> None:
    """Run a service until it is stopped."""
    from wakeline.lanes import DeploymentMismatch
    from wakeline.log import LogMismatch
    from wakeline.ports import CannotListen

    if not config.sites:
        raise Refused(
            "no site is configured, so no events could be accepted: copy wakeline.example.toml to wakeline.toml "
            "and edit its [[site]], or name your file with --config"
        )
    is_named_by_up = under_up and config.settings.log_format is LogFormat.TEXT
    logs.configure(config.settings.log_format, "" if is_named_by_up else name)
    process.set_up()
    if not under_up:  # otherwise done by `up`
        for words in data_folder.close(config.settings.data):
            logging.getLogger("wakeline").warning("%s", words)
    try:
        import_module(module or f"{name}.app").main(config, *arguments)
    except (DeploymentMismatch, LogMismatch) as mismatch:
        raise Refused(str(mismatch)) from None
    except CannotListen as error:
        logging.getLogger(f"wakeline.{name}").error("%s", error)
        raise SystemExit(FAILED) from None


@click.command("demo", hidden=True, cls=SettingsCommand)
@click.option("--under-up", is_flag=True, hidden=True)
@all_settings
def demo(under_up: bool, config: Path | None, **flags: Any) -> None:
    """The demo shop."""
    read_config = read(config, flags, else_demo=True)
    run("demo", read_config, under_up, "demo.app", read_config.settings.demo_port)


@click.command("simulator", hidden=True, cls=SettingsCommand)
@click.argument("visitors", type=click.IntRange(1, 10_000))
@click.option("--under-up", is_flag=True, hidden=True)
@all_settings
def simulator(visitors: int, under_up: bool, config: Path | None, **flags: Any) -> None:
    """VISITORS simulated visitors of the demo shop."""
    run("simulator", read(config, flags, else_demo=True), under_up, "demo.simulator", visitors)


SERVICES = (*(_command(name, *about) for name, about in ABOUT.items()), demo, simulator)
