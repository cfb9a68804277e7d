"""The campaigns of the two years: what they cost, how people come by them, and what that is known to bring.

One is planned to bring the most, one to bring nothing, one is over for long, one has not begun, and one nobody planned.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from tests.shop_years.ways import PASSING_HOSTS, Way, campaign_way

ZONE = ZoneInfo("Europe/Berlin")
BEST, VOID, OLD, COMING, LETTERS = "winter-light", "void-display", "old-catalogue", "next-spring", "spring"
"""LETTERS: those without a plan, each with a cost of its own."""


@dataclass(frozen=True)
class Plan:
    """Days are days ago, `last` 0: today; those below 0 are still to come. Costs are euros.

    Shares: `reached` of the customers are meant by it, or come by it if it sends nothing; `strangers` for each
    customer of the shop come by it; `buys` of those who came buy something because of it.
    """

    id: str
    type: str
    first: int
    last: int
    ways: tuple[Way, ...] = ()
    reached: float = 0.0
    strangers: float = 0.0
    buys: float = 0.0
    sends: str = ""  # the medium of what it sends; "": nothing
    opened: float = 0.0  # of what was sent
    clicked: float = 0.0  # of those
    cost: float = 0.0
    costs: tuple[tuple[int, int, float], ...] = ()  # first day, last day, each day
    send_cost: float = 0.0
    elements: tuple[str, ...] = ()
    is_planned: bool = True


def _newsletter(content: str, path: str = "/", medium: str = "email") -> Way:
    return campaign_way(BEST, "newsletter", "email", medium=medium, content=content, path=path)


def _search(term: str, click: str = "") -> Way:
    return campaign_way(
        "lamp-search", "google", "paid", medium="" if click else "cpc", term=term, path="/lamps", click=click,
        referrer="https://www.google.com/",
    )  # fmt: skip


def _social(content: str) -> Way:
    return campaign_way("summer-social", "instagram", "social", medium="social", content=content, path="/ceramics")


PLANS = (
    Plan(
        BEST, "newsletter", 130, 30, (_newsletter("top link"), _newsletter("bottom link", "/lamps", "E-Mail")),
        reached=0.9, buys=0.9, sends="email", opened=0.8, clicked=0.8, cost=45.0,
        costs=((130, 128, 3.5), (60, 60, 12.34)), send_cost=0.018, elements=("top link", "never sent", "Candles"),
    ),
    Plan(
        "lamp-search", "search", 80, -40, (_search("lamp"), _search("cheap lamp"), _search("", "gclid")),
        reached=0.2, strangers=0.4, buys=0.25, costs=((80, 31, 4.2), (30, 2, 1.11), (-5, -40, 7.0)),
    ),
    Plan(
        "autumn-letter", "letter", 95, 45,
        tuple(campaign_way("autumn-letter", "letter", "other", medium="qr", content=side, path="/autumn")
              for side in ("front", "back")),
        reached=0.5, buys=0.2, sends="letter", clicked=0.5, cost=90.0, send_cost=0.85, elements=("front", "inside"),
    ),
    Plan("summer-social", "social", 145, 100, (_social("reel"), _social("")), reached=0.04, strangers=0.2, buys=0.1,
         costs=((145, 100, 1.0),)),
    Plan(
        VOID, "display", 50, 20,
        (campaign_way(VOID, "adnet.example", "paid", medium="display", content="banner"),
         campaign_way(VOID, "adnet.example", "paid", medium="banner", content="sky", path="/plants")),
        strangers=0.3, cost=300.0, costs=((50, 20, 2.0),),
    ),
    Plan("friends", "", 55, 1, (campaign_way("friends", "partner", "other", medium="", content="code"),),
         reached=0.1, buys=0.4, is_planned=False),
    Plan(OLD, "letter", 385, 300, reached=0.3, sends="letter", cost=70.0, send_cost=1.1, elements=("cover",)),
    Plan(COMING, "newsletter", -30, -60, cost=500.0, costs=((-30, -60, 5.0),), send_cost=0.02, elements=("egg",)),
)  # fmt: skip
SEND_CENTS = {plan.id: int(plan.send_cost * 100 + 0.5) for plan in PLANS if plan.is_planned and plan.send_cost}
"""What a person bears of a mail that tells no cost, whole cents."""


def day_of(ms: int) -> date:
    """In the shop's time zone."""
    return datetime.fromtimestamp(ms / 1000, ZONE).date()


def ago(end: int, days: int) -> date:
    return day_of(end) - timedelta(days=days)


def settings(end: int) -> str:
    """Those of the site, TOML, that depend on when the two years `end`, ms; tables of the site may follow."""
    hosts = ", ".join(f'"{host}"' for host in PASSING_HOSTS)
    return f"passing_hosts = [{hosts}]\n" + "".join(_toml(plan, end) for plan in PLANS if plan.is_planned)


def _toml(plan: Plan, end: int) -> str:
    elements = ", ".join(f'"{one}"' for one in plan.elements)
    lines = [
        "[[site.campaigns]]", f'id = "{plan.id}"', f'type = "{plan.type}"',
        f"starts = {ago(end, plan.first)}", f"ends = {ago(end, plan.last)}",
        f"cost = {plan.cost}", f"send_cost = {plan.send_cost}",
        f"elements = [{elements}]",
    ]  # fmt: skip
    for first, last, cost in plan.costs:
        lines += [
            "[[site.campaigns.costs]]",
            f"first = {ago(end, first)}",
            f"last = {ago(end, last)}",
            f"cost = {cost}",
        ]
    return "\n".join(lines) + "\n"
