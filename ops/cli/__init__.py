"""The `wakeline` command; one file per subcommand, each importing what it runs only when it runs.

options.py   flags made from the settings       errors.py   what a user did wrong, in words
service.py   collector, processor, archiver...  up.py       all of them on one machine
check.py     is it fit                          profile.py  what is known of a visitor
erase.py     forget a person                    sign.py     the signature of an identify
snippet.py   the line to paste                  adopt_log.py  go on without the former log
query.py     the history asked in SQL           rows.py     its answer as a table, CSV or JSON
lag.py       how far behind the log             dead_letters.py  what could not be folded
replay.py    all of it made anew                progress.py  how far that is
backup.py    a copy to keep, and its way back   confirm.py  asked before what is done
profile_view.py  a profile for the terminal
"""

from __future__ import annotations

import click

from ops.cli.adopt_log import adopt_log
from ops.cli.backup import backup, restore
from ops.cli.check import check
from ops.cli.dead_letters import dead_letters
from ops.cli.erase import erase
from ops.cli.lag import lag
from ops.cli.profile import profile
from ops.cli.query import query
from ops.cli.replay import replay
from ops.cli.service import SERVICES
from ops.cli.sign import sign
from ops.cli.snippet import snippet
from ops.cli.up import up


class InOrder(click.Group):
    """Lists its commands as a newcomer meets them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(cls=InOrder, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="wakeline", message="wakeline %(version)s")
def main() -> None:
    """Know each customer of your site while they are still on the page.

    Start with `wakeline up --demo`. Settings come from flags, the environment (WAKELINE_<NAME>) and
    wakeline.toml; each command's --help explains them.
    """


for command in (
    up, check, *SERVICES, profile, query, erase, sign, snippet, lag, dead_letters, replay, backup, restore, adopt_log,
):  # fmt: skip
    main.add_command(command)
