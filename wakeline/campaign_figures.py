"""What campaigns, their elements and sources brought, as it is stored for the boards: computed from the history.

One value holds the figures of all sites, so they are replaced at once. Names are site-made, or come from links that
anybody may write: they are cleaned, cut and without telephone numbers and addresses of mail, and only the first
STORED of each list have a name.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TypeVar

import msgspec
from msgspec import Struct

from wakeline import keys
from wakeline.labels import cut
from wakeline.personal import impersonal

if TYPE_CHECKING:
    from redis.asyncio import Redis

STORED = 50  # campaigns of a site with a name; of elements of each kind and of sources as well
MOST_NAME = 100  # visible characters, at most 400 bytes
MOST_READ = 1_000  # characters
NO_NAME = "(none)"


class Campaign(Struct, array_like=True):
    """Since it began, as far as the history reaches. Amounts are in units of the site's currency."""

    name: str
    started: int = 0  # s since 1970: its first day, where it is planned; 0: it is not
    visits: int = 0
    sent: int = 0  # mails and letters
    opened: int = 0
    clicked: int = 0
    orders: float = 0.0  # that are owed to it, by the model `definitions.BOARD_MODEL`; parts of an order too
    revenue: float = 0.0
    margin: float = 0.0
    cost: float = 0.0
    unknown: float = 0.0  # revenue of which the margin is not known


class Element(Struct, array_like=True):
    """A part of a campaign: a content, a subject."""

    campaign: str
    kind: str
    name: str
    visits: int = 0
    sent: int = 0
    clicked: int = 0
    orders: int = 0
    revenue: float = 0.0


class Source(Struct, array_like=True):
    """Of visits, as far as the history reaches."""

    name: str
    visits: int = 0
    orders: float = 0.0
    revenue: float = 0.0
    margin: float = 0.0


class SiteFigures(Struct, array_like=True):
    """Of one site. Lists are in the order in which they are shown; the sum of the rest is `keys.OTHER`."""

    currency: str = ""
    campaigns: list[Campaign] = []
    elements: list[Element] = []
    sources: list[Source] = []


class Figures(Struct, array_like=True):
    """Of all sites."""

    computed: int  # ms since 1970: when they were
    sites: dict[str, SiteFigures]


encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder(Figures).decode


async def store(redis: Redis, figures: Figures) -> None:
    """In place of those before. Raises redis-py's errors."""
    await redis.set(keys.CAMPAIGN_FIGURES, encode(figures), px=keys.CAMPAIGN_FIGURES_TTL_MS)


# ---- names and lists -----------------------------------------------------------------------------


def shown_name(text: str) -> str:
    """A name that everybody with the boards may see: nobody's address of mail or telephone number, and not too long."""
    clean = "".join(c for c in text[:MOST_READ] if unicodedata.category(c)[0] != "C")
    return cut(impersonal(clean), MOST_NAME) or NO_NAME


Row = TypeVar("Row", Campaign, Element, Source)


def _names(row: Campaign | Element | Source) -> tuple[str, ...]:
    return ("campaign", "kind", "name") if isinstance(row, Element) else ("name",)


def shortened(rows: Iterable[Row], most: int) -> list[Row]:
    """The first `most`, and the sum of all others as `keys.OTHER`, of elements one of each kind; equal names are added.

    So all sums stay the same.
    """
    found: dict[tuple[str, ...], Row] = {}
    rest: dict[tuple[str, ...], Row] = {}
    for row in rows:
        id = tuple(getattr(row, field) for field in _names(row))
        is_named = row.name != keys.OTHER and (id in found or len(found) < most)
        into, id = (found, id) if is_named else (rest, _other(row))
        into[id] = _sum(into[id], row) if id in into else _named(row, id)
    return list(found.values()) + list(rest.values())


def _other(row: Row) -> tuple[str, ...]:
    return (keys.OTHER, row.kind, keys.OTHER) if isinstance(row, Element) else (keys.OTHER,)


def _named(row: Row, id: Sequence[str]) -> Row:
    names = dict(zip(_names(row), id, strict=True))
    if isinstance(row, Campaign) and names["name"] == keys.OTHER:
        return msgspec.structs.replace(row, started=0, **names)
    return msgspec.structs.replace(row, **names)


def _sum(one: Row, other: Row) -> Row:
    texts = (*_names(one), "started")
    sums = {field: getattr(one, field) + getattr(other, field) for field in one.__struct_fields__ if field not in texts}
    return msgspec.structs.replace(one, **sums)
