"""`wakeline up`: runs all services on one machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from ops.cli.errors import FAILED, Refused
from ops.cli.options import (
    CONFIG,
    DEMO_DATA,
    SETTINGS,
    SettingsCommand,
    all_settings,
    chosen_file,
    demo_file,
    read,
)
from wakeline import data_folder, process
from wakeline.config import PREFIX
from wakeline.settings import Settings


@click.command(cls=SettingsCommand)
@click.option("--demo", is_flag=True, help="With a demo shop.")
@click.option("--simulate", type=click.IntRange(1, 10_000), metavar="N", help="N simulated visitors in the demo shop.")
@click.option("--no-open", is_flag=True, help="Do not open the demo shop in a browser.")
@click.option("--with-prometheus", is_flag=True, help="With a Prometheus that is on PATH and scrapes everything.")
@click.option("--with-grafana", is_flag=True, help="With a Grafana and a Prometheus that are on PATH, and the boards.")
@click.option(
    "--grafana-for-all", is_flag=True, help="Let anyone on this machine view Grafana's boards, without a login."
)
@all_settings
def up(config: Path | None, demo: bool, simulate: int | None, no_open: bool, **flags: Any) -> None:
    """Start all of Wakeline here and supervise it.

    A server for the data (unless --redis names yours), the collector, the processor, the archiver and the read side.
    Processes that die are restarted; Ctrl-C stops everything.

    With --with-grafana, WAKELINE_GRAFANA_PASSWORD is the password of Grafana's admin, and WAKELINE_LANGUAGE the
    language of the boards: en, it, pl or fa.
    """
    from ops.up.guard import CannotStart
    from ops.up.run import With, run

    names = ("with_prometheus", "with_grafana", "grafana_for_all")
    with_prometheus, with_grafana, grafana_for_all = (bool(flags.pop(name)) for name in names)
    if grafana_for_all and not with_grafana:
        raise Refused("--grafana-for-all is about the Grafana of --with-grafana: add that")

    if simulate and not demo:
        raise Refused("simulated visitors need the demo shop: add --demo")
    process.set_up()
    file = config or (demo_file() if demo else chosen_file(None))
    if file is None:
        raise Refused(
            "there is no wakeline.toml here\n"
            "to try the demo: wakeline up --demo\n"
            "for your own site: copy wakeline.example.toml to wakeline.toml, edit its [[site]], wakeline up"
        )
    read_config = read(file, flags)
    if demo and (words := former_data(read_config.settings)):
        click.echo(words)
    if demo and not config and read_config.settings.demo_port != Settings().demo_port:
        read_config = read(moved_shop(read_config.settings), flags)
    if not read_config.sites:
        raise Refused(f"{file} has no site: add a [[site]], as in wakeline.example.toml")
    if demo and "demo" not in read_config.sites:
        raise Refused(f"{file} has no site with key demo: omit --config, or copy that site from {demo_file()}")
    environ = dict(os.environ)
    environ.pop(CONFIG, None)
    environ |= {PREFIX + name.upper(): text for name, text in flags.items() if name in SETTINGS and text}
    try:
        more = With(demo, simulate or 0, not no_open, with_prometheus, with_grafana, grafana_for_all)
        raise SystemExit(run(read_config, environ, more))
    except CannotStart as why:
        raise Refused(str(why), FAILED) from None


def former_data(settings: Settings) -> str:
    """A note before the demo creates its folder, if an earlier version may have kept its data elsewhere; or ""."""
    former = Settings().data
    if settings.data != Path(DEMO_DATA) or settings.data.exists() or not data_folder.ours(former):
        return ""
    return (
        f"the demo keeps its data in {settings.data}; what lies in {former} stays as it is "
        f"(`--data {former}` goes on with it, if that is a demo of before)"
    )


def moved_shop(settings: Settings) -> Path:
    """The demo's configuration with the shop on another port, and so with another origin."""
    moved = settings.data / "demo.toml"
    try:
        moved.parent.mkdir(parents=True, exist_ok=True)
        text = demo_file().read_text().replace(f":{Settings().demo_port}", f":{settings.demo_port}")
        moved.write_text(f'data = "."  # the folder of this file\n{text}')
    except OSError as error:
        raise Refused(f"cannot write to the data folder {settings.data}: {error.strerror}", FAILED) from None
    return moved
