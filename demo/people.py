"""Simulated people: devices, places, habits; a mixture of new visitors, regulars and crawlers.

Pure: everything is derived from the given `random.Random`.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from wakeline.event import ConsentLevel

BOTS = 0.05  # of all visits
RETURNING = 0.3  # of visits, once there are known visitors
GPC = 0.08  # of people: their browser has Global Privacy Control
ANSWERS = {"accept": 0.45, "ignore": 0.37, "refuse": 0.18}  # to the consent banner
CUSTOMERS = 0.12  # of those who accept: they have an account and two devices
CLOCK_OFF = 0.05  # of browsers with a wrong clock
MAX_CLOCK_OFF_MS = 26 * 3_600_000
MAX_KNOWN = 5_000  # people who may return

DEVICES = {"phone": 0.55, "desktop": 0.38, "tablet": 0.07}
USER_AGENTS = {
    "phone": (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
        "Version/18.5 Mobile/15E148 Safari/604.1",
        "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/138.0.0.0 Mobile Safari/537.36",
        "Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0",
    ),
    "desktop": (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/138.0.0.0 Safari/537.36",
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
        "Version/18.5 Safari/605.1.15",
        "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    ),
    "tablet": (
        "Mozilla/5.0 (iPad; CPU OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
        "Version/18.5 Mobile/15E148 Safari/604.1",
        "Mozilla/5.0 (Linux; Android 14; SM-X710) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/138.0.0.0 Safari/537.36",
    ),
    "bot": (
        "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; Googlebot/2.1; "
        "+http://www.google.com/bot.html) Chrome/138.0.0.0 Safari/537.36",
        "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; bingbot/2.0; "
        "+http://www.bing.com/bingbot.htm) Chrome/136.0.0.0 Safari/537.36",
        "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
    ),
}

ID_ALPHABET = "0123456789abcdefghijklmnopqrstuv"  # five bits each
Choice = TypeVar("Choice")


@dataclass(kw_only=True, eq=False)
class Person:
    """One browser on one device, and its user. A visit changes the fields below the line."""

    device: str  # a key of USER_AGENTS
    user_agent: str
    address: str
    has_gpc: bool = False
    answer: str = "ignore"  # a key of ANSWERS
    customer: str | None = None  # the shop's id of their account
    clock_off: int = 0  # ms by which the browser's clock is ahead
    tastes: Mapping[str, float] = field(default_factory=dict)  # category -> weight
    # ----
    level: ConsentLevel = ConsentLevel.ANONYMOUS  # the shop's default before a choice
    has_answered: bool = False
    visitor: str | None = None  # the first-party id; only under `full`
    cart: list[str] = field(default_factory=list)  # product ids, one per piece

    @property
    def is_bot(self) -> bool:
        return self.device == "bot"


class Crowd:
    """Generates visitors of a shop with these categories. Remembers at most MAX_KNOWN."""

    def __init__(self, chance: random.Random, categories: Sequence[str]) -> None:
        self._chance = chance
        self._categories = categories
        self._known: list[Person] = []
        self._second_devices: list[Person] = []

    def arrive(self) -> Person:
        """A crawler, a returning visitor, or a new one."""
        chance = self._chance
        if chance.random() < BOTS:
            return Person(device="bot", user_agent=chance.choice(USER_AGENTS["bot"]), address=address(chance))
        if chance.random() < RETURNING:
            if self._second_devices and chance.random() < 0.25:
                return self._second_devices.pop(0)
            if self._known:
                return self._take(chance.randrange(len(self._known)))
        return self._newcomer()

    def leave(self, person: Person) -> None:
        """The person may return later."""
        if person.is_bot:
            return
        self._known.append(person)
        if len(self._known) > MAX_KNOWN:
            self._take(self._chance.randrange(MAX_KNOWN))

    def _take(self, index: int) -> Person:
        self._known[index], self._known[-1] = self._known[-1], self._known[index]
        return self._known.pop()

    def _newcomer(self) -> Person:
        chance = self._chance
        answer = pick(chance, ANSWERS)
        has_gpc = chance.random() < GPC
        tastes = {category: chance.gammavariate(0.5, 1.0) + 0.01 for category in self._categories}
        customer = None
        if answer == "accept" and not has_gpc and chance.random() < CUSTOMERS:
            customer = f"C-{int(random_id(chance)[:8], 32) % 10**8:08}"
        person = self._person(has_gpc=has_gpc, answer=answer, tastes=tastes, customer=customer)
        if customer and len(self._second_devices) < MAX_KNOWN:
            self._second_devices.append(self._person(answer=answer, tastes=tastes, customer=customer))
        return person

    def _person(
        self, *, answer: str, tastes: Mapping[str, float], customer: str | None, has_gpc: bool = False
    ) -> Person:
        chance = self._chance
        device = pick(chance, DEVICES)
        is_off = chance.random() < CLOCK_OFF
        return Person(
            device=device,
            user_agent=chance.choice(USER_AGENTS[device]),
            address=address(chance),
            has_gpc=has_gpc,
            answer=answer,
            customer=customer,
            clock_off=chance.randint(-MAX_CLOCK_OFF_MS, MAX_CLOCK_OFF_MS) if is_off else 0,
            tastes=tastes,
        )


def address(chance: random.Random) -> str:
    """An unassigned IP address: from the ranges for benchmarks and documentation."""
    if chance.random() < 0.4:
        return f"2001:db8:{chance.getrandbits(16):x}:{chance.getrandbits(16):x}::{chance.randint(1, 65_535):x}"
    return f"198.{chance.choice((18, 19))}.{chance.randrange(256)}.{chance.randint(1, 254)}"


def random_id(chance: random.Random) -> str:
    """22 characters, 110 bits: as hard to guess as the snippet's ids."""
    bits = chance.getrandbits(110)
    return "".join(ID_ALPHABET[bits >> shift & 31] for shift in range(0, 110, 5))


def pick(chance: random.Random, shares: Mapping[Choice, float]) -> Choice:
    """A key, with a probability proportional to its share."""
    return chance.choices(list(shares), list(shares.values()))[0]
