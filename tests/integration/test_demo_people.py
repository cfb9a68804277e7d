"""Two phones, a tablet shared by two people, a till and a service desk, as `wakeline up --demo` tells of them.

They make two persons, with the sums that follow from the story: read by `wakeline profile show`, and in the panel by a
real Chromium, where one of them is forgotten.
"""

from __future__ import annotations

import json
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import redis

from benchmarks.machine import ports_of_settings
from benchmarks.waiting import until, wait_until
from demo import known
from demo.catalogue import SITE
from demo.household import FIRST, FORMER, SECOND, Household
from demo.opening import FILE, Begun, begun_in
from demo.visitors import Visit
from tests.balance import assert_balanced
from tests.browser import CHROMIUM, Tab, running_browser
from tests.integration.up import Up
from wakeline.config import load
from wakeline.event import CONSENT, ENGAGEMENT, IDENTIFY, PAGE_VIEW, PING, decode_event
from wakeline.identity import customer_id
from wakeline.profiles import Profiles
from wakeline.vocabulary.types import OF_ITSELF

DEMO = load(SITE.parent / "wakeline.toml", {}, {}).sites["demo"]
QUIETLY = {PAGE_VIEW, ENGAGEMENT, PING, CONSENT, IDENTIFY} | OF_ITSELF  # what no profile counts as an event
PERSON = "[...document.querySelectorAll('.person')].find(one => one.querySelector('h3').innerText.startsWith('{}'))"


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    """The demo, once its story was told."""
    ports = ports_of_settings()
    names = {f"WAKELINE_{name.upper()}": str(port) for name, port in ports.items()}
    up = Up(tmp_path, ports, names | {"WAKELINE_DATA": str(tmp_path / "data")})
    try:
        up.start("--demo", "--no-open")
        wait_until(lambda: begun(up).is_told, "the story is told")
        wait_until(lambda: has_settled(up), "all of it is folded")
        yield up
        assert_balanced(ports["metrics_port"])
    finally:
        up.stop(signal.SIGINT)


def begun(up: Up) -> Begun:
    return begun_in(up.folder / "data")


def has_settled(up: Up) -> bool:
    return up.number("wakeline_ledger_records", state="pending") == 0 and up.number("wakeline_lag_seconds") == 0


def shown(up: Up, number: str) -> dict[str, Any]:
    """`wakeline profile show NUMBER --customer`; {} if there is none."""
    said = up.command("profile", "show", number, "--customer", "--site", "demo", "--json")
    return dict(json.loads(said.stdout)) if said.returncode == 0 else {}


def exported(up: Up, number: str) -> dict[str, Any]:
    said = up.command("profile", "export", number, "--site", "demo")
    assert said.returncode == 0, said.stderr
    return dict(json.loads(said.stdout))


def told(start: int) -> tuple[Household, dict[str, Counter[str]]]:
    """The story, and by person what its browsers told: an event belongs to whose turn it was when it happened."""
    story, sums = Household(DEMO, start), {FIRST: Counter[str](), SECOND: Counter[str]()}
    for step in story.steps:
        if not isinstance(step, Visit):
            continue
        events = [decode_event(raw) for one in step.deliveries for raw in one.envelope.events]
        events = [event for event in events if event.visitor]
        turns = [(event.time, str(event.id)) for event in events if event.type == IDENTIFY]
        for event in events:
            whose = next((who for time, who in reversed(turns) if time <= event.time), turns[0][1])
            sums[whose][PAGE_VIEW] += event.type == PAGE_VIEW
            sums[whose]["events"] += event.type not in QUIETLY
            sums[whose]["engaged_ms"] += event.engaged_ms
        sums[turns[0][1]]["visits"] += 1  # each is one visit, which began in the first turn
    return story, sums


def people(up: Up) -> set[str]:
    """Pseudonyms of the customers whose page part is not empty."""
    found = set()
    with redis.Redis(port=up.ports["embedded_port"]) as client:
        for key in client.scan_iter("*:demo:profile:@*"):
            if int(client.hget(key, "page_views") or 0):
                found.add(key.decode().rpartition(":")[2])
    return found


def test_they_are_two_persons_with_what_pages_till_and_desk_told(up: Up) -> None:
    story, sums = told(begun(up).start)
    assert people(up) == {customer_id(DEMO.secret, number) for number in (FIRST, SECOND)}
    assert [sums[number][PAGE_VIEW] for number in (FIRST, SECOND)] == [9, 9]
    assert [sums[number]["visits"] for number in (FIRST, SECOND)] == [2, 1]
    for number, interests in ((FIRST, {"lamps", "ceramics"}), (SECOND, {"plants", "textiles"})):
        profile = shown(up, number)
        assert set(profile["visitors"]) == {story.visitors[number], story.visitors["tablet"]}
        counts = {
            PAGE_VIEW: profile["page_views"],
            "visits": profile["visits"],
            "events": profile["events"],
            "engaged_ms": round(profile["engaged_seconds"] * 1_000),
        }
        assert counts == dict(sums[number])
        names = {interest["name"] for interest in profile["interests"]}
        assert names & {"lamps", "ceramics", "plants", "textiles"} == interests
        assert profile["record"]["traits"] == {"has_card": True, "language": "en"}
        assert profile["record"]["consent"]["level"] == "full"
    assert shown(up, SECOND)["record"]["consent"]["version"] == "till-3"
    things = exported(up, SECOND)["things"]
    bought = [(order.get("channel", "web"), order["value"], order["currency"]) for order in things["order"]]
    till = [("till", value, "EUR") for value in ("64.00", "285.00", "72.00", "158.00")]
    assert Counter(bought) == Counter([("web", "38.00", "EUR"), *till])
    assert "contact" not in things
    (asked,) = exported(up, FIRST)["things"]["contact"]
    assert (asked["topic"], set(asked["states"]), asked["satisfaction"]) == (
        "delivery",
        {"opened", "answered", "solved"},
        9,
    )
    names = ("orders", "revenue", "margin", "cost_to_serve", "profit")
    worth = [[shown(up, number)["purchases"]["year"][0][name] for name in names] for number in (FIRST, SECOND)]
    assert worth == [
        [2, "288.00", "158.40", "3.20", "155.20"],  # a question took four minutes
        [5, "377.00", "203.55", "4.20", "199.35"],  # a rug came back
    ]

    # told again, as after a cut in the middle, it counts once
    before = {number: shown(up, number) for number in (FIRST, SECOND)}
    up.stop(signal.SIGINT)
    file = up.folder / "data" / FILE
    file.write_bytes(msgspec.json.encode(Begun(begun(up).start)))
    up.start("--demo", "--no-open")
    wait_until(lambda: begun(up).is_told, "it is told again")
    wait_until(lambda: has_settled(up), "all of it is folded")
    again = {number: shown(up, number) for number in (FIRST, SECOND)}
    kept = (
        "visits", "page_views", "events", "engaged_seconds", "visitors", "record", "first_seen", "last_seen",
        "purchases",
    )  # fmt: skip
    assert [[one[name] for name in kept] for one in again.values()] == [
        [one[name] for name in kept] for one in before.values()
    ]


@pytest.mark.browser
async def test_the_panel_shows_them_and_forgets_one_at_once(up: Up) -> None:
    async with running_browser(CHROMIUM) as chromium:
        tab = await chromium.tab()
        await tab.goto(f"http://localhost:{up.ports['demo_port']}/lamps")
        await tab.do("document.querySelector('#panel-handle').click()")  # on a narrow screen it is closed
        await tab.do("document.querySelector('[data-view=people]').click()")
        await until(lambda: holds(tab, FIRST, "4 pages", "5 pages", "Delivery", "version 1", "solved, 9 of 10"), FIRST)
        assert await holds(tab, SECOND, "6 pages", "3 pages", "shared", "€38", "€158", "version till-3", "sealed")
        assert await holds(tab, FIRST, "€155.20 profit from €288 of revenue")
        assert await holds(tab, SECOND, "€199.35 profit from €377 of revenue", "€285 €45", "and 1 earlier order")
        best = "[...document.querySelectorAll('#best b')].map(one => one.innerText)"
        assert await tab.ask(best) == [SECOND, FIRST]
        assert await tab.ask("document.querySelectorAll('.person').length") == 2
        button = f"{PERSON.format(FIRST)}.querySelector('.forget')"
        await tab.do(f"{button}.click()")
        assert await tab.ask(f"{button}.innerText") == f"Forget {FIRST} for good"
        assert shown(up, FIRST)
        await tab.do(f"{button}.click()")
        await until(lambda: holds(tab, FIRST, "Nothing is known"), "the effect is seen", within=5.0)
        assert await tab.ask("localStorage['wakeline.consent']") == "off"
        assert await holds(tab, SECOND, "9 pages", "€38", "€158", "version till-3")
        assert await tab.ask(f"{PERSON.format(SECOND)}.querySelector('.forget').disabled")
    assert not shown(up, FIRST)
    assert shown(up, SECOND)["page_views"] == 9
    assert people(up) == {customer_id(DEMO.secret, SECOND)}


@pytest.mark.browser
async def test_a_platforms_word_becomes_the_level(up: Up) -> None:
    async with running_browser(CHROMIUM) as chromium:
        tab = await chromium.tab()
        await tab.goto(f"http://localhost:{up.ports['demo_port']}/privacy")
        for level in ("full", "anonymous", "off"):
            await tab.do(f"document.querySelector('[data-platform={level}]').click()")
            chosen = "[localStorage['wakeline.consent'], document.querySelector('#panel').dataset.level]"
            await until(lambda chosen=chosen, level=level: is_so(tab, chosen, [level, level]), f"{level} is chosen")


async def holds(tab: Tab, number: str, *words: str) -> bool:
    text = await tab.ask(f"{PERSON.format(number)}?.innerText ?? ''")
    return all(word in text for word in words)


async def is_so(tab: Tab, expression: str, wanted: Any) -> bool:
    return bool(await tab.ask(expression) == wanted)


def every_customer(up: Up) -> set[str]:
    """Ids of the customers that have a profile, each by the one that keeps what is known of it."""
    with redis.Redis(port=up.ports["embedded_port"]) as client:
        ids = {key.decode().rpartition(":")[2] for key in client.scan_iter("*:demo:profile:@*")}
    with Profiles(f"redis://127.0.0.1:{up.ports['embedded_port']}") as profiles:
        found = [profiles.read("demo", id) for id in ids]
    return {profile.id for profile in found if profile is not None}


def test_the_number_of_before_is_the_same_person_and_is_erased_with_it(up: Up) -> None:
    assert every_customer(up) == {customer_id(DEMO.secret, number) for number in (FIRST, SECOND)}
    assert shown(up, FORMER)["id"] == shown(up, FIRST)["id"] == customer_id(DEMO.secret, FIRST)
    assert shown(up, FIRST)["aliases"] == [customer_id(DEMO.secret, FORMER)]
    for number in (FIRST, FORMER):
        orders = exported(up, number)["things"]["order"]
        assert {(order["channel"], order["currency"]) for order in orders} == {("till", "EUR")}
        assert sorted(order["value"] for order in orders) == ["120.00", "129.00", "159.00"]
    first, _ = known._household(f"redis://127.0.0.1:{up.ports['embedded_port']}", DEMO)
    assert first["former"] == [{"number": FORMER, "is_joined": True}]
    assert [order["items"] for order in first["orders"]] == [
        ["Harbour lamp"],
        ["Pilot pendant"],
        ["Shoal bowls", "Ebb teapot"],
    ]
    said = up.command("profile", "erase", FORMER, "--customer", "--site", "demo", "--yes")
    assert said.returncode == 0, said.stderr
    wait_until(lambda: not (shown(up, FIRST) or shown(up, FORMER)), "both numbers are erased")
    assert shown(up, SECOND)["page_views"] == 9
