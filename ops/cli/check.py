"""`wakeline check`: is the configuration, and what it names, fit; is the snippet on a page right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ops.cli.errors import FAILED, shown_url
from ops.cli.options import SettingsCommand, all_settings, read


@click.command(cls=SettingsCommand, short_help="Say whether all is fit, and how to fix what is not.")
@click.option("--page", metavar="URL", help="Say whether the snippet on this page is right.")
@all_settings
def check(page: str | None, config: Path | None, **flags: Any) -> None:
    """Say whether the configuration and what it names are fit, and how to fix what is not."""
    read_config = read(config, flags, else_demo=True)
    from ops.check.run import run

    is_fit = run(read_config, page=page, shown_url=shown_url(read_config.settings.redis))
    raise SystemExit(0 if is_fit else FAILED)
