"""`wakeline profile show --personal`: the card of a customer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ops.cli.errors import FAILED, Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from wakeline.cards import Personal
    from wakeline.settings import Config


def personal_of(config: Config, site: str, customers: Sequence[str]) -> dict[str, Personal]:
    """The cards of those who have one. Ends the command if there is no key to read it with."""
    from wakeline.cards import Cards, NoCardKey, key_file, read_ring

    try:
        ring = read_ring(key_file(config))
    except NoCardKey as error:
        raise Refused(str(error), FAILED) from None
    with Cards(config.settings.redis, ring) as cards:
        return cards.read_many(site, customers)


def personal_view(card: Personal) -> RenderableType:
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    from wakeline.escape import plain

    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_column(style="dim", no_wrap=True)
    for name, value in card.values.items():
        table.add_row(plain(name), Text(plain(value.text)), f"{value.time:%Y-%m-%d}")
    for name in card.unreadable:
        table.add_row(plain(name), Text("encrypted with a key that the file does not hold"), "")
    return Panel(table, title=Text.assemble("personal values of ", plain(card.customer)), title_align="left", width=88)
