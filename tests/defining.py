"""Interest rules as records: what tests of definitions append, and what comes of it."""

from __future__ import annotations

from typing import Any

import msgspec

from crm.definitions import body_of
from crm.sites import SiteFacts
from tests.timeline import Timeline, event
from wakeline.keys import Keys
from wakeline.record import Definition, encode_record
from wakeline.settings import InterestRule, Site

LANES = range(4)
VISITORS = [f"visitor-{number}" for number in range(24)]
OF = ("shop", "interests")


def site(*rules: str) -> Site:
    """`site("/shoes/* Shoes")`."""
    return Site(key="shop", interests=tuple(InterestRule(path=path, interest=to) for path, to in map(str.split, rules)))


def defined(version: int, *rules: str, key: str = "shop", name: str = "interests") -> Definition:
    return Definition(key, name, version, msgspec.Raw(body_of("interests", site(*rules))))


CONFIGURED = ("/shoes/* Shoes",)  # as the timeline's site has it
SECOND = ("/shoes/* Shoes", "/bags/* Bags")
THIRD = ("/shoes/red Red",)


async def apply(made: Timeline, record: Definition, lanes: Any = LANES) -> None:
    await made.log.append([(lane, encode_record(record)) for lane in lanes])


async def view(made: Timeline, name: str, at: int, path: str, visitors: list[str] = VISITORS) -> None:
    await made.append(*(event(who, f"{name}-{who}", 0, at, path=path) for who in visitors))


async def names(made: Timeline, keys: Keys | None = None, visitors: list[str] = VISITORS) -> list[set[str]]:
    return [set(await made.interests(who, keys)) for who in visitors]


def all_have(*wanted: str) -> list[set[str]]:
    return [set(wanted)] * len(VISITORS)


def configure(made: Timeline, *rules: str) -> None:
    """From the next start on the configuration says this."""
    made.sites = {"shop": SiteFacts(site(*rules))}


async def restart(made: Timeline, *rules: str) -> None:
    """New workers, whose configuration says this."""
    configure(made, *rules)
    await made.start()
