"""What campaigns do: mails, visits by their links, and what those people buy, at once, after paying, or weeks later.

Also visits that have nothing to do with a campaign, and customers who leave. It is decided after all else of the shop.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Sequence

from tests.shop_years.catalogue import in_currency
from tests.shop_years.decided import (
    OF_PAGES,
    Browser,
    Cost,
    Customer,
    Gone,
    Happened,
    Line,
    Look,
    Order,
    Told,
    Years,
    worth,
)
from tests.shop_years.fates import befall
from tests.shop_years.pages import LATER_MS, browser_of
from tests.shop_years.plans import PLANS, SEND_CENTS, Plan
from tests.shop_years.ways import DIRECT, PAYING, UNPLANNED, Way
from wakeline.durations import DAY_MS, MINUTE_MS
from wakeline.vocabulary.fields import ELEMENTS

HOUR_MS = 60 * MINUTE_MS
APART_MS = 3 * HOUR_MS  # between two visits of one browser that are two
BORDER_MS = 10_000  # of an hour, near which no visit begins: the network delays what is told live
KINDS = {"same": 7, "paid": 4, "later": 4, "other": 3, "till": 2, "paid late": 1}
"""How a customer buys because of a campaign, and how often: in that visit; back from paying in it; days later from
nowhere; on another browser; in the shop; a day after the visit, back from paying."""
SUBJECTS, CREATIVES, AUDIENCES = ("Candles", "Warm light"), ("blue", "red"), ("buyers", "readers", "")
OLD_MS = 150 * DAY_MS  # campaigns have visits since then
assert set(ELEMENTS) == {"subject", "creative", "link", "audience"}

Lines = Callable[[Customer, str], list[Line]]


def add(made: Years, chance: random.Random, lines: Lines, *, later: bool = False) -> None:
    """Add it to what is decided. `lines`: what a customer buys, in a currency; `later`: some do not sign in at once."""
    one = _Journeys(made, chance, lines, later=later)
    for plan in PLANS:
        one.run(plan)
    one.wander()
    one.leave(next(plan for plan in PLANS if plan.buys))


class _Journeys:
    def __init__(self, made: Years, chance: random.Random, lines: Lines, *, later: bool) -> None:
        self._made, self._chance, self._lines, self._later = made, chance, lines, later
        self._strangers = 0
        self._busy: defaultdict[str, list[int]] = defaultdict(list)
        for order in made.orders:
            if order.told in OF_PAGES:
                self._occupy(order)

    def _occupy(self, order: Order) -> None:
        times = self._busy[browser_of(order).visitor]
        times += [order.time - order.seen_ms, order.time]
        times += [refund.time for refund in (*order.refunds, *order.claimed)]
        if order.identified_later:
            times.append(order.time + LATER_MS)

    def _free(self, browser: Browser, time: int, *, until: int = 0) -> int:
        """That time or a later one at which nothing else happens in the browser, up to `until`; 0: it is too late."""
        time = time // 1_000 * 1_000
        until = until or time
        while True:
            near = [busy for busy in self._busy[browser.visitor] if time - APART_MS < busy < until + APART_MS]
            if not near or not browser.visitor:
                break
            moved = max(near) + APART_MS - time
            time, until = time + moved, until + moved
        if time % HOUR_MS > HOUR_MS - BORDER_MS:
            time += 2 * BORDER_MS
            until += 2 * BORDER_MS
        return time if until < self._made.end - 3 * HOUR_MS else 0

    # ---- campaigns

    def run(self, plan: Plan) -> None:
        end, chance = self._made.end, self._chance
        since, until = end - plan.first * DAY_MS, min(end - plan.last * DAY_MS, end - DAY_MS)
        if since >= end:
            return
        for one in self._made.customers:
            at = chance.randrange(since + DAY_MS, until) // 1_000 * 1_000
            if one.since < at and chance.random() < plan.reached and (not plan.sends or self._send(plan, one, at)):
                self._come(plan, one, at + chance.randrange(5 * MINUTE_MS, 2 * DAY_MS) * bool(plan.sends))
        for _ in range(round(plan.strangers * len(self._made.customers))):
            self._stranger(plan, chance.choice(plan.ways), chance.randrange(since + DAY_MS, until))

    def _send(self, plan: Plan, one: Customer, time: int) -> bool:
        """Send something, of which some tell their own cost. Returns whether its link is used."""
        chance, made = self._chance, self._made
        mail = Cost("campaign_sent", f"M-{len(made.costs) + 1}", time, chance.choice(one.ids),
                    campaign=plan.id, medium=plan.sends)  # fmt: skip
        said = {"subject": chance.choice(SUBJECTS), "creative": chance.choice(CREATIVES),
                "audience": chance.choice(AUDIENCES)}  # fmt: skip
        mail.element = {name: text for name, text in said.items() if text}
        mail.of_plan = SEND_CENTS[plan.id]
        if chance.random() < 0.15:
            mail.cost, mail.currency = in_currency(chance.choice((3, 95)), one.currency), one.currency
        made.costs.append(mail)
        if chance.random() < 0.06:
            mail.happened.append(Happened("bounced", time + MINUTE_MS))
            return False
        if plan.opened:
            if chance.random() > plan.opened:
                return False
            mail.happened += [Happened("opened", time + n * HOUR_MS) for n in range(1, chance.choice((2, 2, 3)))]
            if chance.random() < 0.05:
                mail.happened.append(Happened("unsubscribed", time + HOUR_MS))
        if not plan.ways or chance.random() > plan.clicked:
            return False
        if plan.opened:
            links = chance.choices(("top link", "bottom link"), k=chance.choice((1, 1, 2)))
            mail.happened += [Happened("clicked", time + (2 + n) * HOUR_MS, link) for n, link in enumerate(links)]
        return True

    def _come(self, plan: Plan, one: Customer, at: int) -> None:
        """A customer comes by a link, and buys or does not."""
        chance = self._chance
        browser, way = self._browser(one), chance.choice(plan.ways)
        kind = chance.choices(list(KINDS), list(KINDS.values()))[0] if chance.random() < plan.buys else ""
        if kind == "same":
            self._buy(one, browser, way, at, chance.randrange(1, 25) * MINUTE_MS)
            return
        pays_in = chance.randrange(35, 120) * MINUTE_MS if kind == "paid" else 0
        at = self._free(browser, at, until=at + pays_in)
        if not at:
            return
        self._look(browser, way, at, chance.choice((1, 1, 2, 3)), is_late=not pays_in)
        later = at + chance.randrange(DAY_MS, 20 * DAY_MS)
        if kind == "paid":
            self._buy(one, browser, chance.choice(PAYING), at + 3 * MINUTE_MS + pays_in, MINUTE_MS, is_free=True)
        elif kind == "later":
            self._buy(one, browser, DIRECT, later, 5 * MINUTE_MS)
        elif kind == "other":
            self._buy(one, self._browser(one, but=browser), chance.choice(UNPLANNED), later, 9 * MINUTE_MS)
        elif kind == "till":
            self._buy(one, None, DIRECT, later, 0)
        elif kind == "paid late":
            self._buy(one, browser, chance.choice(PAYING), at + 30 * HOUR_MS, MINUTE_MS)

    def _stranger(self, plan: Plan | None, way: Way, at: int) -> None:
        """Somebody whom nobody knows, with consent or without, who does not come again."""
        chance, made = self._chance, self._made
        browser = self._unknown(has_consent=chance.random() < 0.5)
        at = self._free(browser, at)
        buys = plan is not None and chance.random() < plan.buys
        if not at or (at >= made.live and (buys or not browser.visitor)):
            return
        one = chance.choice(made.customers)
        is_paid = buys and chance.random() < 0.4
        if buys and not is_paid:
            self._buy(one, browser, way, at, chance.randrange(1, 20) * MINUTE_MS, is_free=True)
            return
        self._look(browser, way, at, chance.choice((1, 1, 2)), is_late=not is_paid)
        if is_paid:
            self._buy(one, browser, chance.choice(PAYING), at + 40 * MINUTE_MS, MINUTE_MS, is_free=True)

    def _look(self, browser: Browser, way: Way, at: int, pages: int, *, is_late: bool = True) -> None:
        self._busy[browser.visitor] += [at, at + pages * MINUTE_MS]
        id, signs_in = f"V-{len(self._made.looks) + 1}", not self._later or self._chance.random() < 0.4
        self._made.looks.append(Look(id, at, browser, way, pages, signs_in, is_late))

    def _buy(
        self, one: Customer, browser: Browser | None, way: Way, at: int, seen_ms: int, *, is_free: bool = False
    ) -> None:
        """An order in a visit that begins at that time, or soon after. `browser`: None: nowhere but in the shop."""
        chance, made = self._chance, self._made
        if browser is not None and not is_free:
            at = self._free(browser, at, until=at + seen_ms)
        if not at or at + seen_ms >= made.end - 3 * HOUR_MS:
            return
        time = (at + seen_ms) // 1_000 * 1_000
        lines = self._lines(one, one.currency)
        order = Order(f"A-{len(made.orders) + 1}", time, "", one.currency, Told.SHOP, lines, worth(lines))
        if browser is None:
            order.customer, order.channel = chance.choice(one.ids), "till"
        else:
            order.customer, order.browser, order.way, order.seen_ms = browser.customer, browser, way, seen_ms
            order.told = chance.choice((Told.BOTH, Told.BARE))
            if time < made.live:
                order.told = chance.choices((Told.PAGE, Told.SIGNED, Told.PAID, order.told), (3, 1, 1, 5))[0]
        befall(order, one, made, lambda: self._lines(one, order.currency), chance)
        if order.customer.startswith("G-"):  # whose browser tells nothing more, and whom no mistake names
            order.refunds, order.claimed, order.first_customer = [], [], order.customer
        self._occupy(order) if browser is not None else None
        made.orders.append(order)

    # ---- browsers

    def _address(self) -> str:
        self._strangers += 1
        return f"203.{self._strangers // 65_536}.{self._strangers // 256 % 256}.{self._strangers % 256}"

    def _unknown(self, *, has_consent: bool) -> Browser:
        address = self._address()
        return Browser(f"stranger-{self._strangers}" if has_consent else "", address)

    def _browser(self, one: Customer, but: Browser | None = None) -> Browser:
        """The usual one of a customer, a second one, or one that two customers share."""
        id = self._chance.choice(one.ids)
        number = int(one.id.removeprefix("C-"))
        names = {f"browser-{id}": 6, f"second-{id}": 3, f"home-{number // 2:05}": 2}
        if but is not None:
            names.pop(but.visitor, None)
        (name,) = self._chance.choices(list(names), list(names.values()))
        return Browser(name, self._address(), id)

    # ---- without a campaign

    def wander(self) -> None:
        """Visits of customers and strangers that nobody paid for, some of whom only come back from paying."""
        made, chance = self._made, self._chance
        ways: Sequence[Way] = (*UNPLANNED, *UNPLANNED, PAYING[0])
        for one in made.customers:
            for _ in range(chance.choice((0, 1, 2))):
                browser = self._browser(one)
                at = self._free(browser, chance.randrange(max(one.since, made.end - OLD_MS), made.end))
                if at:
                    self._look(browser, chance.choice(ways), at, chance.choice((1, 2)))
        for _ in range(len(made.customers) // 3):
            self._stranger(None, chance.choice(ways), chance.randrange(made.end - OLD_MS, made.end))

    # ---- who leaves

    def leave(self, plan: Plan) -> None:
        """Customers who came by a campaign, with two browsers, bought, and withdraw or are erased."""
        made, chance = self._made, self._chance
        for number in range(max(4, len(made.customers) // 20)):
            one = Customer(f"G-{number}", made.start, made.end, 30, 2, "Lamps", 0, 0, "EUR", 1)
            first, second = (Browser(f"gone-{number}-{name}", self._address(), one.id) for name in ("phone", "laptop"))
            at = made.end - chance.randrange(50, 100) * DAY_MS
            self._look(first, chance.choice(plan.ways), at, 2)
            self._look(second, chance.choice(UNPLANNED), at + 2 * DAY_MS, 1)
            self._buy(one, first, DIRECT, at + 5 * DAY_MS, 4 * MINUTE_MS)
            self._buy(one, second, chance.choice(plan.ways), at + 8 * DAY_MS, 4 * MINUTE_MS)
            self._buy(one, None, DIRECT, at + 9 * DAY_MS, 0)
            made.gone[one.id] = Gone(at + 30 * DAY_MS, first if number % 2 else None)
