"""`wakeline profile show --order` and the like: a thing by the site's own id, in the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ops.cli.errors import Refused

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from wakeline.thing_fields import AnyThing, Item, Refund

Function = TypeVar("Function", bound=Callable[..., Any])

KINDS = {"order": "Order", "product": "Product", "contact": "Contact", "service-order": "ServiceOrder"} | {
    "agreement": "Agreement"
}
"""Flag -> class in `wakeline.thing_fields`."""

NAMES = {"is_of_page": "page only"}
UNKNOWN_MARGIN = "not known: of an item nobody told the cost, and its category has no rate"
WITHOUT_ITEMS = "not known: nobody told its items"
HEAD = ("site", "id", "currency", "customer", "visitor", "last_told")


def thing_options(function: Function) -> Function:
    for name in reversed(KINDS):
        of = name.replace("-", " ")
        function = click.option(f"--{name}", is_flag=True, help=f"ID is your own id of {_a(of)}.")(function)
    return function


def kind_of(flags: dict[str, bool], *, customer: bool) -> type[AnyThing] | None:
    """The kind that the flags name, None if they name none. Ends the command if they name two."""
    from wakeline import thing_fields

    named = [name for name in KINDS if flags[name.replace("-", "_")]]
    if len(named) + customer > 1:
        all = ", ".join(f"--{name}" for name in ("customer", *KINDS))
        raise Refused(f"ID is one thing: use one of {all}")
    return getattr(thing_fields, KINDS[named[0]]) if named else None


def of_kind(kind: type[AnyThing]) -> str:
    return kind.kind.name.replace("_", " ")


def _a(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def thing_view(thing: AnyThing, own: str) -> RenderableType:
    """All that is known of it; `own`: the site's id."""
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    from wakeline.escape import plain

    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in _rows(thing):
        table.add_row(name, Text("\n".join(map(plain, value))) if isinstance(value, list) else value)
    title = Text.assemble((plain(f"{of_kind(type(thing))} {own}"), "bold"), f" on {thing.site}")
    return Panel(table, title=title, title_align="left", width=88)


def _rows(thing: AnyThing) -> Iterator[tuple[str, list[str] | Table]]:
    """What is known, as lines or a table, with a name; who it names and its own id come last."""
    for name in thing.__struct_fields__:
        value, label = getattr(thing, name), NAMES.get(name, name).replace("_", " ")
        if name == "margin" and value is None and getattr(thing, "revenue", None) is not None:
            yield label, [UNKNOWN_MARGIN if getattr(thing, "items", ()) else WITHOUT_ITEMS]
        if name in HEAD or value is None or value is False or value in ("", (), {}):
            continue
        if name in ("items", "parts"):
            yield label, _items(value, thing.currency)
        elif name == "refunds":
            yield label, [_refund(one) for one in value]
        elif isinstance(value, dict):
            yield label, [", ".join(f"{key} {_text(one, '')}" for key, one in value.items())]
        else:
            yield label, [_text(value, thing.currency)]
    for name in ("customer", "visitor"):
        if who := getattr(thing, name, ""):
            yield name, [who]
    yield "last told", [_text(thing.last_told, "")]
    yield "id", [thing.id]


def _text(value: Any, currency: str) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M} UTC"
    if isinstance(value, Decimal):
        return f"{value:,f} {currency}"
    if isinstance(value, tuple):
        return ", ".join(value)
    if value is True:
        return "yes"
    return f"{value:,g}" if isinstance(value, float) else str(value)


def _refund(refund: Refund) -> str:
    amount = [] if refund.value is None else [_text(refund.value, refund.currency)]
    pieces = [f"{_text(one.quantity or 1.0, '')} x {one.item_id}" for one in refund.items]
    return ", ".join((*amount, *pieces, *(("all of it",) if refund.is_whole else ()), _text(refund.time, "")))


def _items(items: tuple[Item, ...], currency: str) -> Table:
    from rich.table import Table
    from rich.text import Text

    from wakeline.escape import plain

    table = Table.grid(padding=(0, 2))
    for column in ("right", "left", "right"):
        table.add_column(justify=column, overflow="fold")
    for item in items:
        name = " ".join(filter(None, (item.item_id, item.item_name, item.item_variant)))
        price = _text(item.price, currency) if item.price is not None else ""
        table.add_row(_text(item.quantity or 1.0, ""), Text(plain(name)), price)
    return table
