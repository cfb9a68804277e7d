"""Flags derived from the settings, whose names, defaults and help are declared once, in settings.py."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from enum import StrEnum
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

import click

from ops.cli.errors import Refused, config_errors
from wakeline.config import FILE, PREFIX, flag, load
from wakeline.settings import Config, Settings, Site, described

Function = TypeVar("Function", bound=Callable[..., Any])

CONFIG = f"{PREFIX}CONFIG"
SETTINGS = [name for name, _, _ in described(Settings)]
DEMO_DATA = "data-demo"  # where its own file is not told another: a shop of your own has the default


def config_option(function: Function) -> Function:
    return click.option(
        "--config",
        type=click.Path(path_type=Path),
        metavar="FILE",
        envvar=CONFIG,
        help=f"The configuration file.  [default: {FILE} here, if it exists; {CONFIG}]",
    )(function)


def all_settings(function: Function) -> Function:
    """--config and one flag per setting; the command gets them as text, None if not given."""
    for name, default, help in reversed(described(Settings)):
        function = click.option(
            flag(name),
            name,
            metavar=metavar(default),
            cls=SettingOption,
            help=f"{sentence(help)}{note(default)}",
        )(function)
    return config_option(function)


def some_settings(*names: str) -> Callable[[Function], Function]:
    """--config and flags for the settings that a command needs."""

    def add(function: Function) -> Function:
        for name, default, help in reversed(described(Settings)):
            if name in names:
                text = f"{sentence(help)}{note(default)}"
                function = click.option(flag(name), name, metavar=metavar(default), help=text)(function)
        return config_option(function)

    return add


def redis_option(function: Function) -> Function:
    help = next(help for name, _, help in described(Settings) if name == "redis")
    return click.option("--redis", metavar="TEXT", help=sentence(help))(function)


class SettingOption(click.Option):
    """Listed separately from a command's own options."""


class SettingsCommand(click.Command):
    """A command whose help lists the settings, and those of a site, in separate sections."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        own: list[tuple[str, str]] = []
        settings: list[tuple[str, str]] = []
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                (settings if isinstance(parameter, SettingOption) else own).append(record)
        with formatter.section("Options"):
            formatter.write_dl(own)
        with formatter.section(f"Settings (also {PREFIX}<NAME>, or at the top of {FILE}; lists are comma-separated)"):
            formatter.write_dl(settings)
        with formatter.section(f"Settings of a site (only in {FILE}, below [[site]]; see wakeline.example.toml)"):
            formatter.write_dl([(name, sentence(help) + note(default)) for name, default, help in described(Site)])


def metavar(default: Any) -> str:
    kind = type(default)
    if issubclass(kind, StrEnum):
        return "|".join(kind)
    return {int: "N", float: "NUMBER", tuple: "LIST"}.get(kind, "PATH" if issubclass(kind, Path) else "TEXT")


def sentence(help: str) -> str:
    return help[0].upper() + help[1:] + "."


def note(default: Any) -> str:
    """The default shown in help; "" if the help text explains it."""
    return f"  [default: {default}]" if default not in ("", (), None) else ""


# ---- reading --------------------------------------------------------------------------------------


def chosen_file(config: Path | None) -> Path | None:
    """The named file, otherwise the one in this folder, otherwise None."""
    return config or (Path(FILE) if Path(FILE).exists() else None)


def demo_file() -> Path:
    return Path(str(files("demo") / FILE))


def read(config: Path | None, flags: Mapping[str, Any], *, else_demo: bool = False) -> Config:
    """The configuration. With `else_demo` the demo shop's if there is none; if nothing names a server either, it says
    whose data are meant. Ends the command on errors.
    """
    with config_errors():
        file = chosen_file(config) or (demo_file() if else_demo else None)
        defaults = {"data": DEMO_DATA} if file == demo_file() else {}
        texts = {name: text for name, text in flags.items() if name in SETTINGS}
        found = load(file, texts, os.environ, defaults=defaults)
    if file == demo_file() and not config and "redis" in flags and not found.given & {"redis", "embedded_port"}:
        click.echo(f"no {FILE} here: using the demo's settings, and the server {found.settings.redis}", err=True)
    return found


def site_of(config: Config, key: str | None) -> Site:
    """The site named by `key`, or the only one."""
    if key is None and len(config.sites) == 1:
        return next(iter(config.sites.values()))
    known = ", ".join(config.sites) or "none"
    if key is None:
        raise Refused(f"which site? Name one with --site ({config.path} has {known})")
    if key not in config.sites:
        raise Refused(f"there is no site {key} in {config.path} (it has {known})")
    return config.sites[key]


def secret_of(site: Site) -> str:
    if not site.secret:
        raise Refused(
            f"site {site.key} has no secret, so its customers cannot be identified: "
            f"add secret below its [[site]]; `openssl rand -hex 16` generates one"
        )
    return site.secret


def site_option(function: Function) -> Function:
    return click.option("--site", "key", metavar="KEY", help="The site's key.  [default: the only site]")(function)
