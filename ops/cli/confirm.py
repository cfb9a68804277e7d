"""Asks for confirmation at a terminal; otherwise --yes is required."""

from __future__ import annotations

import sys

import click

from ops.cli.errors import Refused


def confirm(question: str, *, yes: bool, for_good: bool) -> None:
    """Ends the command unless it was confirmed. `for_good`: it cannot be undone, so without a terminal --yes is
    required.
    """
    if yes:
        return
    if sys.stdin.isatty():
        click.confirm(question, abort=True)
    elif for_good:
        raise Refused("this cannot be undone: add --yes")
