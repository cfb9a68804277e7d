"""A command that also has commands of its own, named by its first word."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click


class WithParts(click.Command):
    """`parts`: those commands by name; with another first word it is the command itself."""

    parts: Mapping[str, click.Command] = {}

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        if args and args[0] in self.parts:
            return self.parts[args[0]].make_context(f"{info_name} {args[0]}", args[1:], parent, **extra)
        return super().make_context(info_name, args, parent, **extra)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, part.get_short_help_str(80)) for name, part in self.parts.items()])
