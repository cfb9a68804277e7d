"""`wakeline check`: checks the configuration, the services it names, and the snippet on a page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ops.cli.errors import FAILED, shown_url
from ops.cli.options import SettingsCommand, all_settings, read


@click.command(cls=SettingsCommand, short_help="Find problems, and how to fix them.")
@click.option("--page", metavar="URL", help="Check the snippet on this page.")
@all_settings
def check(page: str | None, config: Path | None, **flags: Any) -> None:
    """Check the configuration and the services it names, and suggest fixes."""
    read_config = read(config, flags, else_demo=True)
    from ops.check.run import run

    is_fit = run(read_config, page=page, shown_url=shown_url(read_config.settings.redis))
    raise SystemExit(0 if is_fit else FAILED)
