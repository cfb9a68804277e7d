"""Asked before what is done: a person at a terminal; elsewhere nobody is there to answer, and --yes says it."""

from __future__ import annotations

import sys

import click

from ops.cli.errors import Refused


def confirm(question: str, *, yes: bool, for_good: bool) -> None:
    """Ends the command unless it was confirmed. `for_good`: it cannot be taken back, and is not done unasked."""
    if yes:
        return
    if sys.stdin.isatty():
        click.confirm(question, abort=True)
    elif for_good:
        raise Refused("this cannot be taken back: add --yes")
