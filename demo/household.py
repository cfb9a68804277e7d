"""Two customers of one household: each has a phone, they share a tablet, and till and service desk know them too.

Both bought at the till before, where the first was known under a former number. The first signs in on the tablet, then
the second, without a sign-out between. Pure: the story is derived from its start alone, so told again it counts once.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from demo.browser import Browser, described
from demo.catalogue import catalogue
from demo.departments import DESK, TILL, Said, Story, item, take_back
from demo.people import USER_AGENTS, Person, address, random_id
from demo.visitors import Visit, product_of
from wakeline.durations import DAY_MS
from wakeline.event import ConsentLevel
from wakeline.settings import Site

FIRST, SECOND = "C-3107", "C-3108"
FORMER = "K-311"  # the first one's number at the till, until it was found out
NUMBERS = {FIRST: (FIRST, FORMER), SECOND: (SECOND,)}  # by person, its own first
CONSENTS = {  # version and wording of what each agreed to
    FIRST: ("1", "May we remember you?"),  # the shop's banner
    SECOND: ("till-3", "Remember me, at the till and on the web"),
}
LENGTH_MS = 2 * 3_600_000  # all of it is over after that
MINUTE = 60_000
PAST = (  # who bought what at the till, and how many days before the start
    (FORMER, ("shoal-bowls", "ebb-teapot"), 431),
    (SECOND, ("swell-vase",), 296),
    (FORMER, ("pilot-pendant",), 214),
    (SECOND, ("sandbar-rug", "pebble-cushion"), 127),
    (SECOND, ("harbour-fern", "reed"), 46),
    (FORMER, ("harbour-lamp",), 3),
)
CAME_BACK = {"sandbar-rug": 6}  # which of it, after how many days
PHONES = {FIRST: USER_AGENTS["phone"][0], SECOND: USER_AGENTS["phone"][1]}
TABLET = USER_AGENTS["tablet"][0]


class Household:
    """`steps`, in the order of their time: visits of browsers, and what a department tells."""

    def __init__(self, site: Site, start: int) -> None:
        """`start`: ms since 1970."""
        self.site, self.now, self.chance = site, start, random.Random(start)
        self.visitors: dict[str, str] = {}  # ids, by device: "tablet", or whose phone
        self.orders: dict[str, str] = {}  # where each was bought, by number
        self.steps: list[Visit | Sequence[Said]] = []
        for customer, products, days in PAST:
            self._sold(customer, products, start - days * DAY_MS)
        self._first_phone()
        self._second_phone()
        self._tablet()
        self._at_the_till()
        self._at_the_desk()

    def _first_phone(self) -> None:
        """Looks at lamps, and signs in afterwards: what came before belongs to the customer as well."""
        browser = self._browser("phone", PHONES[FIRST])
        browser.referrer = "https://www.google.com/"
        self._agree(browser, "/lamps")
        self._read(browser, "/lamps/harbour-lamp", "/lamps/pilot-pendant")
        self._sign_in(browser, FIRST)
        self._end(browser, FIRST, FIRST)
        story = Story(FIRST, self.chance, self.now)
        self._agreed(story, "passes on what was agreed to on the phone")
        self.steps.append(story.said)

    def _second_phone(self) -> None:
        """Signs in, and orders."""
        browser = self._browser("phone", PHONES[SECOND])
        self._agree(browser, "/")
        self._sign_in(browser, SECOND)
        self._read(browser, "/plants", "/plants/reed")
        bought = described([(product_of("reed"), 1)])
        browser.tell("add_to_cart", bought)
        self._read(browser, "/cart")
        browser.tell("begin_checkout", bought)
        browser.open("/order")
        number = "T" + random_id(self.chance)[:5].upper()
        self.orders[number] = "web"
        browser.tell("purchase", {"transaction_id": number, **bought})
        browser.think()
        self._end(browser, SECOND, SECOND)

    def _tablet(self) -> None:
        """One browser, one visit, two turns. The page on which the second signs in is still the first one's."""
        browser = self._browser("tablet", TABLET)
        self._agree(browser, "/")
        self._sign_in(browser, FIRST)
        self._read(browser, "/ceramics", "/ceramics/swell-vase")
        self._sign_in(browser, SECOND)
        self._read(browser, "/textiles", "/textiles/breaker-throw", "/textiles/sandbar-rug")
        self._end(browser, "tablet", SECOND)

    def _at_the_till(self) -> None:
        """The second gets a card there; of the first it turns out that there is an account on the web."""
        self._pass(15)
        story = self._card(SECOND)
        self._agreed(story, "heard a yes")
        self.steps.append(story.said)
        self._sold(SECOND, ["breaker-throw", "shoal-bowls"], self.now)
        self._pass(5)
        story = self._card(FIRST)
        story.say("alias", f"found that {FORMER} is {FIRST}", other=FORMER)
        self.steps.append(story.said)

    def _at_the_desk(self) -> None:
        """A question of the first, answered and solved."""
        self._pass(5)
        story = Story(FIRST, self.chance, self.now)
        request = {"contact_id": story.id("Q"), "channel": "phone", "topic": "delivery", "direction": "in"}
        story.say("contact", f"{DESK}: asked", **request, state="opened")
        story.now += 4 * MINUTE
        story.say("contact", f"{DESK}: answered", **request, state="answered", minutes=4)
        story.now += MINUTE
        story.say("contact", f"{DESK}: solved", **request, state="solved", satisfaction=9)
        self.now = story.now
        self.steps.append(story.said)

    # ---- parts of it

    def _pass(self, minutes: int) -> None:
        self.now += minutes * MINUTE

    def _browser(self, device: str, user_agent: str) -> Browser:
        self._pass(5)
        person = Person(device=device, user_agent=user_agent, address=address(self.chance), answer="accept")
        return Browser(person, self.site, self.chance, self.now)

    def _agree(self, browser: Browser, path: str) -> None:
        browser.open(path)
        browser.think()
        version, wording = CONSENTS[FIRST]
        browser.choose(ConsentLevel.FULL, version=version, wording=wording)
        browser.person.has_answered = True
        browser.think()

    def _read(self, browser: Browser, *paths: str) -> None:
        for path in paths:
            browser.open(path)
            browser.think()

    def _sign_in(self, browser: Browser, customer: str) -> None:
        browser.open("/account")
        browser.think()
        browser.identify(customer)
        browser.think(0.2)

    def _end(self, browser: Browser, device: str, customer: str) -> None:
        browser.leave()
        assert browser.person.visitor is not None
        self.visitors[device] = browser.person.visitor
        sent = [delivery for delivery in browser.deliveries if not delivery.is_resent]
        deliveries = tuple(sorted(sent, key=lambda delivery: delivery.at))
        end = max(browser.now, deliveries[-1].at)
        self.steps.append(Visit(browser.person, deliveries, self.now, end, customer))
        self.now = end

    def _card(self, customer: str) -> Story:
        story = Story(customer, self.chance, self.now)
        traits = {"language": "en", "has_card": True}
        story.say("customer", f"knows {customer} by the card", email=f"{customer.lower()}@example.com", traits=traits)
        return story

    def _agreed(self, story: Story, words: str) -> None:
        version, wording = CONSENTS[story.customer]
        story.say("consent", words, level="full", version=version, wording=wording)

    def _sold(self, customer: str, products: Sequence[str], at: int) -> None:
        story = Story(customer, self.chance, at)
        number, bought = story.id("K"), [product_of(id) for id in products]
        self.orders[number] = TILL
        value = sum(one.price for one in bought)
        story.say(
            "purchase", f"sold for €{value}", transaction_id=number, currency=catalogue().currency, value=value,
            items=[item(one, 1) for one in bought], channel=TILL,
        )  # fmt: skip
        self.steps.append(story.said)
        for one in bought:
            if days := CAME_BACK.get(one.id):
                back = take_back(number, one, self.chance, at + days * DAY_MS, left=len(bought))
                self.steps.append(back)
