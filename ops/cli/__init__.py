"""The `wakeline` command; one file per subcommand, with lazy imports.

options.py   flags derived from the settings    errors.py   error messages for users
service.py   collector, processor, archiver...  up.py       all of them on one machine
check.py     check a deployment                 profile.py  show a profile
erase.py     erase a person                     sign.py     a signature of a customer or an order
snippet.py   the script tag                     adopt_log.py  continue without the previous log
query.py     query the history in SQL           rows.py     results as a table, CSV or JSON
lag.py       distance behind the log            dead_letters.py  records that could not be folded
replay.py    rebuild profiles and numbers       progress.py  progress bars
apply.py     make changed definitions hold
backup.py    backup and restore                 confirm.py  confirmation prompts
profile_view.py  a profile in the terminal      person.py   the visitor or customer in ID
things.py    orders and other things            personal.py  the personal values of a customer
best.py      the best customers                 campaigns.py  what campaigns brought and cost
asking.py    asks the history                 link.py      links for mails and letters
key.py       API keys of servers              rotate_cards.py  a new key for the cards
import_.py   import files                     export.py    all that is known of a customer
report.py    numbers by day, week or month    segment.py  tries rules of segments
parts.py     a command that has commands of its own       retention.py  what is kept, and would go
"""

from __future__ import annotations

from difflib import get_close_matches

import click

from ops.cli.adopt_log import adopt_log
from ops.cli.apply import apply
from ops.cli.backup import backup, restore
from ops.cli.best import best
from ops.cli.campaigns import campaigns
from ops.cli.check import check
from ops.cli.dead_letters import dead_letters
from ops.cli.erase import erase
from ops.cli.export import export
from ops.cli.import_ import import_
from ops.cli.key import key
from ops.cli.lag import lag
from ops.cli.link import link
from ops.cli.profile import profile
from ops.cli.query import query
from ops.cli.replay import replay
from ops.cli.report import report
from ops.cli.retention import retention
from ops.cli.rotate_cards import rotate_cards
from ops.cli.segment import segment
from ops.cli.service import SERVICES
from ops.cli.sign import sign
from ops.cli.snippet import snippet
from ops.cli.up import up


class InOrder(click.Group):
    """Lists its commands in the order a new user needs them."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Names a command that is spelt almost like one that does not exist."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            if near := get_close_matches(args[0], self.commands, n=1):
                error.message += f" Did you mean {near[0]!r}?"
            raise

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(cls=InOrder, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="wakeline", message="wakeline %(version)s")
def main() -> None:
    """Know each customer of your site while they are still on the page.

    Start with `wakeline up --demo`. Settings are read from flags, the environment (WAKELINE_<NAME>) and wakeline.toml;
    each command's --help explains them.
    """


key.add_command(rotate_cards)
show = click.Command("show", None, profile.callback, profile.params, profile.help, short_help=profile.short_help)
profile.parts = {"show": show, "export": export, "erase": erase}
for command in (
    up, check, *SERVICES, apply, import_, profile, segment, report, best, campaigns, query, erase, retention, sign,
    link, key, snippet, lag, dead_letters, replay, backup, restore, adopt_log,
):  # fmt: skip
    main.add_command(command)
