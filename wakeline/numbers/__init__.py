"""Every number of a site, declared once: Redis fields and lists, metrics, panels and docs are derived from it.

Rules use these constants, so the type checker finds misspelt ones. To add a number, add a line to one of these files
and count it in a rule: it is then in `keys.totals` and `keys.day`, in /metrics and, after `make dashboards`, in
docs/metrics.md. A list also needs a panel, and others may have one. Names are public and pinned by
`tests/test_wakeline_site_numbers.py`.

What orders can lose again is a pair of numbers, gained and taken back: see `PAIRS` in `crm.commerce.counting`, and
`Counted` in `wakeline.told`, which stores what an order has in each. A help text stands alone in /metrics.

kinds.py     the kinds of numbers, and the windows
visits.py    visits, content and consent
commerce.py  orders, carts and products
service.py   mails, letters and contacts
speed.py     how fast pages were, and the errors that visitors met
usability.py what annoys visitors
long.py      what is shown of weeks, months and years, and what targets may be set for
"""

from __future__ import annotations

from collections.abc import Iterable

from wakeline.numbers import commerce, service, speed, usability, visits
from wakeline.numbers.commerce import *  # noqa: F403  # so that each number is named in one place only
from wakeline.numbers.kinds import *  # noqa: F403
from wakeline.numbers.kinds import OF_CURRENCY, Count, Histogram, LiveMoney, Money, Pending, Top
from wakeline.numbers.long import *  # noqa: F403
from wakeline.numbers.service import *  # noqa: F403
from wakeline.numbers.speed import *  # noqa: F403
from wakeline.numbers.usability import *  # noqa: F403
from wakeline.numbers.visits import *  # noqa: F403
from wakeline.vocabulary.money import CURRENCIES

_declared = [number for module in (visits, commerce, service, speed, usability) for number in vars(module).values()]

COUNTS = tuple(number for number in _declared if isinstance(number, Count))
TOPS = tuple(number for number in _declared if isinstance(number, Top))
LIVE_MONEYS = tuple(number for number in _declared if isinstance(number, LiveMoney))
MONEYS = tuple(number for number in _declared if isinstance(number, Money))
HISTOGRAMS = tuple(number for number in _declared if isinstance(number, Histogram))
PENDINGS = tuple(number for number in _declared if isinstance(number, Pending))

TOTALS = frozenset(count.name for count in COUNTS if count.has_total)
MONEY_NAMES = frozenset(money.name for money in MONEYS)
_OF_PARTS = MONEY_NAMES | {histogram.name for histogram in HISTOGRAMS}
LIVE_TOPS = tuple(top for top in TOPS if top.is_live)


def is_money(field: str) -> bool:
    """Whether a field of `keys.day` or `keys.totals` is an amount."""
    return field.partition(OF_CURRENCY)[0] in MONEY_NAMES


def has_total(field: str) -> bool:
    """Whether a number is in `keys.totals`: all but some counts of a day."""
    return field in TOTALS or field.partition(OF_CURRENCY)[0] in _OF_PARTS


def currencies_of(fields: Iterable[str]) -> set[str]:
    """The currencies of the amounts among fields of `keys.day` or `keys.totals`."""
    return {field.partition(OF_CURRENCY)[2] for field in fields if is_money(field)} & CURRENCIES
