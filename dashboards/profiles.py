"""Generates docs/profiles.md: every field of a profile, from `wakeline.profile_fields`, and of things.

`python -m dashboards.profiles` writes it; a test fails if it is out of date.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

from msgspec import Struct

from wakeline.profile_fields import (
    Cart,
    Consent,
    Earned,
    Interest,
    Preference,
    Profile,
    Purchases,
    Ranked,
    Record,
    Session,
    Source,
    Touch,
)
from wakeline.thing_fields import Agreement, Contact, Item, Order, Product, Refund, ServiceOrder

FILE = Path(__file__).parents[1] / "docs" / "profiles.md"

HEAD = """# Profiles

The fields of a profile of one visitor, or of one customer over all its visitors. `wakeline.profiles` reads them;
`GET /v1/profiles/...` and `wakeline profile show --json` return them as JSON. `make dashboards` writes this page.

In JSON, times are text in ISO 8601, amounts are text, and `None` is `null`. An empty field means that nothing is known,
and one that is missing in Redis that it is empty, or 0.

What is known of an [order](#order), a [product](#product), a [contact](#contact), a [service order](#service-order) or
an [agreement](#agreement) is read by your own id of it: `wakeline profile show A1001 --order`, with `--json` as
JSON, or

```python
from wakeline.profiles import Order, Profiles

with Profiles("redis://127.0.0.1:8706/0") as profiles:
    order = profiles.read_thing("shop", Order, "A1001", secret)  # the site's key and its secret
    if order:
        print(order.value, order.currency, order.paid, order.refunds)
```

Their amounts are in their `currency`; one that was told in another currency is left out.

The [best customers](orders.md#the-best-customers), by `value` or `profit` of all time, or `value-year` or `profit-year`
of the last 365 days, as `wakeline best` shows them:

```python
for one in profiles.best("shop", "profit-year", currency="EUR", limit=20):  # the site's main currency
    print(one.customer, one.amount)
```
"""

PARTS: dict[str, type[Struct]] = {
    "A profile": Profile,
    "Session": Session,
    "Cart": Cart,
    "Source": Source,
    "Touch": Touch,
    "Interest": Interest,
    "Record": Record,
    "Preference": Preference,
    "Consent": Consent,
    "Purchases": Purchases,
    "Earned": Earned,
    "Ranked": Ranked,
    "Order": Order,
    "Item": Item,
    "Refund": Refund,
    "Product": Product,
    "Contact": Contact,
    "Service order": ServiceOrder,
    "Agreement": Agreement,
}


def page() -> str:
    return "\n".join([HEAD, *(line for title, kind in PARTS.items() for line in _table(title, kind))])


def _table(title: str, kind: type[Struct]) -> Iterator[str]:
    yield from (f"## {title}", "", "| field | type | unit | meaning |", "|---|---|---|---|")
    hints = get_type_hints(kind, include_extras=True)
    for name in kind.__struct_fields__:
        declared, field = get_args(hints[name])
        yield f"| `{name}` | {_type(declared)} | {_unit(name, declared)} | {field.help} |"
    yield ""


def _type(declared: Any) -> str:
    parts = get_args(declared)
    if get_origin(declared) is dict:
        return "names with values" if parts[1] is Any else f"names, each with a {_type(parts[1])}"
    if NoneType in parts:
        return " or ".join(_type(part) for part in parts)
    if parts:
        return f"list of {_type(parts[0])}"
    if declared is NoneType:
        return "`None`"
    title = next((title for title, kind in PARTS.items() if kind is declared), "")
    return f"[{title}](#{title.lower().replace(' ', '-')})" if title else f"`{declared.__name__}`"


def _unit(name: str, declared: Any) -> str:
    return "UTC" if datetime in (declared, *get_args(declared)) else "s" if name.endswith("_seconds") else ""


if __name__ == "__main__":
    FILE.write_text(page())
    print(FILE)
