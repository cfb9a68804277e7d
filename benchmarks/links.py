"""From a click on a signed link of a mail to the redirect, and to the profile of the mail's customer, at a steady rate,
among a million persons.

Each click is of another mail, to a customer who agreed to be known by it: it is on disk and folded in the mail's lane
before the redirect, and that lane tells the customer's.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from itertools import islice
from statistics import quantiles

import uvloop

from benchmarks.figures import Figure, Run, below
from benchmarks.live import LOST_S, Marker, ProfileWatch, Sender, SentOn, Wait, send
from benchmarks.load import USER_AGENTS
from benchmarks.mix import MIX
from benchmarks.stand import Stand
from benchmarks.visitors import ORIGIN, SITE, customer_of, hash_of
from crm.identity.state import decode_customer, encode_customer
from wakeline.definitions import CONTACT_PURPOSE
from wakeline.durations import DAY_MS
from wakeline.event import CONSENT, ConsentLevel
from wakeline.kept import Kept
from wakeline.keys import Keys
from wakeline.lanes import lane_of
from wakeline.mailing import Links
from wakeline.profiles import AsyncProfiles
from wakeline.redis.connect import connect
from wakeline.settings import Settings
from wakeline.told import RANK_OF_OTHERS

PER_SECOND = 500
WARM_S = 3
MARKED = 10  # the profile of one click in so many is awaited, so that looking does not slow down what it looks at

FIGURES = (
    Figure("link_p50_ms", f"click on a signed link to its redirect at {PER_SECOND:,} clicks/s"),
    Figure("link_p99_ms", "the same, 99 of 100", below(20)),
    Figure("click_p50_ms", "click on a signed link to its customer's profile"),
    Figure("click_p99_ms", "the same, 99 of 100", below(150)),
)


def measure(run: Run) -> dict[str, float]:
    seconds, per_second = (3, 50) if run.quick else (25, PER_SECOND)
    stand = run.stand()
    stand.fall_due(lambda lane, members: dict.fromkeys(members, stand.now() + DAY_MS))  # after the measurement
    linked = (visitor for visitor in stand.visitors if hash_of(visitor) % 100 < MIX.customers)
    readers = list(islice(linked, per_second * (WARM_S + seconds)))
    agree(stand, readers)
    markers = clicks(readers)
    with stand.path.running("collector", "processor"):
        waited, took = uvloop.run(_waits(stand.path.config.settings, markers, per_second))
    redirected = [one for due, one in took if due >= WARM_S]
    seen = [wait.took for wait in waited if wait.due >= WARM_S]
    links, profiles = (quantiles(found, n=100, method="inclusive") for found in (redirected, seen))
    run.say(
        f"{len(redirected)} clicks, the slowest redirect after {1000 * max(redirected):.0f} ms, "
        f"the slowest profile after {1000 * max(seen):.0f} ms"
    )
    return {
        "link_p50_ms": 1000 * links[49],
        "link_p99_ms": 1000 * links[98],
        "click_p50_ms": 1000 * profiles[49],
        "click_p99_ms": 1000 * profiles[98],
    }


def agree(stand: Stand, visitors: Sequence[str]) -> None:
    """Have the customers of these visitors agree to be known by what they do with mails. No processor may run."""
    agreed = {"level": str(ConsentLevel.FULL), "purposes": [CONTACT_PURPOSE]}
    lanes = stand.deployment.lanes
    keys = [Keys().state(lane_of(SITE.key, id, lanes), SITE.key, id) for id in map(customer_of, visitors)]
    for key in keys:
        stored = stand.client.get(key)
        assert isinstance(stored, bytes)
        state = decode_customer(stored)
        state.record = [Kept("a" * 16, RANK_OF_OTHERS, state.first_seen, {CONSENT: agreed})]
        stand.client.set(key, encode_customer(state), keepttl=True)


def clicks(visitors: Sequence[str]) -> list[Marker]:
    """A click of each visitor's customer, on a link of a mail of its own. The profile of one in MARKED is awaited."""
    links = Links("http://stats.shop.example", SITE.key, secret=SITE.secret, origins=SITE.origins)
    run, made = secrets.token_hex(4), []
    for number, visitor in enumerate(visitors):
        mail = links.mail(
            campaign="winter-light", sent_id=f"{run}-{number}", customer=visitor, links=[{"url": f"{ORIGIN}/lamps"}]
        )
        path = mail.links[0].removeprefix("http://stats.shop.example")
        head = f"GET {path} HTTP/1.1\r\nHost: stats.shop.example\r\nUser-Agent: {USER_AGENTS[0]}\r\nAccept: */*\r\n\r\n"
        made.append(Marker(head.encode(), "" if number % MARKED else customer_of(visitor)))
    return made


class Clicker(Sender):
    """Follows links, and notes how long each redirect took."""

    accepted = b"302"

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self.took: list[tuple[float, float]] = []  # when it was sent by the loop's clock, and seconds

    def answered(self, connection: SentOn, status: bytes) -> None:
        now = asyncio.get_running_loop().time()
        self.took.append((connection.since, now - connection.since))
        super().answered(connection, status)


class ClickWatch(ProfileWatch):
    """Awaits the profiles; one that does not change in time took LOST_S.

    That happens if the collector could not ask in time whether the customer agreed: then the click names nobody.
    """

    lost = 0

    async def run(self) -> None:
        try:
            await super().run()
        except RuntimeError:
            self.lost = len(self.outstanding)
            self.waited += [Wait(id, due, LOST_S) for id, due in self.outstanding.items()]
            await self.redis.aclose()


async def _waits(
    settings: Settings, markers: Sequence[Marker], per_second: int
) -> tuple[list[Wait], list[tuple[float, float]]]:
    """The waits for all profiles, and for each redirect when it was asked for, in seconds since the first, and how long
    it took."""
    async with AsyncProfiles(settings.redis) as profiles:
        watch = ClickWatch(connect(settings.redis), profiles, lanes=settings.lanes)
        await watch.note([marker.id for marker in markers if marker.id])
        sender = Clicker(settings.port)
        waited = await send(settings.port, markers, watch, per_second=per_second, sender=sender)
    first = min(since for since, _ in sender.took)
    return waited, [(since - first, took) for since, took in sender.took]
