"""Simulated visitors, seeded: they send what the shop's pages would send, and the collector accepts all of it."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from collector.agents import agent_of
from demo.browser import PING_MS, RESENT, Delivery, page_shown
from demo.catalogue import catalogue
from demo.people import ANSWERS, BOTS, DEVICES, GPC, RETURNING, USER_AGENTS, Crowd, Person, random_id
from demo.visitors import CAMPAIGNS, MOODS, SOURCES, Visit, geometric, visit
from tests.collector_stand import NOON, stand
from wakeline.config import load
from wakeline.definitions import PRESENT_MS
from wakeline.event import ConsentLevel, WireEvent, decode_event
from wakeline.identity import is_signed

CONFIG = load(Path(__file__).parents[1] / "demo" / "wakeline.toml", {}, {})
SITE = CONFIG.sites["demo"]
CATEGORIES = tuple(category.id for category in catalogue().categories)
VISITS = 2_500


@dataclass(frozen=True)
class Sent:
    """One event with its request."""

    visit: Visit
    delivery: Delivery
    event: WireEvent

    @property
    def level(self) -> ConsentLevel:
        return self.delivery.envelope.consent


def played(count: int, *, seed: int) -> list[Visit]:
    """Visits one after the other, ten minutes apart, so that the next may be by somebody of the last."""
    chance = random.Random(seed)
    crowd = Crowd(chance, CATEGORIES)
    visits = []
    for number in range(count):
        person = crowd.arrive()
        visits.append(visit(person, SITE, chance, NOON + number * 600_000))
        crowd.leave(person)
    return visits


@pytest.fixture(scope="module")
def visits() -> list[Visit]:
    return played(VISITS, seed=7)


@pytest.fixture(scope="module")
def sent(visits: list[Visit]) -> list[Sent]:
    """Each event once, in the order of being sent."""
    return [
        Sent(visit, delivery, decode_event(raw))
        for visit in visits
        for delivery in visit.deliveries
        if not delivery.is_resent
        for raw in delivery.envelope.events
    ]


async def test_the_collector_takes_every_event(tmp_path: Path) -> None:
    seen: set[tuple[str, int]] = set()
    async with stand(tmp_path, SITE, settings={"trusted_proxies": CONFIG.settings.trusted_proxies}) as collector:
        for one in played(150, seed=11):
            for delivery in one.deliveries:
                collector.clock.now = delivery.at
                headers = {"Origin": SITE.origins[0], **one.headers}
                status, answer, _ = await collector.post(msgspec.json.encode(delivery.envelope), headers=headers)
                assert (status, answer["rejected"]) == (202, []), delivery
                seen.update((event.page, event.n) for event in map(decode_event, delivery.envelope.events))
        records = await collector.records()
    assert {(record.page, record.n) for record in records} == seen
    assert {bool(record.bot) for record in records} == {True, False}
    assert {record.device for record in records} >= {"desktop", "mobile", "tablet"}
    assert {record.query.get("utm_campaign") for record in records} == {None, *CAMPAIGNS}
    assert any(record.customer for record in records)


def test_the_same_seed_makes_the_same_visits() -> None:
    first, second = played(30, seed=3), played(30, seed=3)
    assert [one.deliveries for one in first] == [one.deliveries for one in second]
    assert first[0].deliveries != played(1, seed=4)[0].deliveries


def test_shares_are_about_as_configured(visits: list[Visit]) -> None:
    def about(found: float, share: float, of: int) -> bool:
        return abs(found / of - share) < 4 * (share * (1 - share) / of) ** 0.5 + 1e-9

    people = [one.person for one in visits if not one.person.is_bot]
    new = list({id(person): person for person in people}.values())
    assert about(len(visits) - len(people), BOTS, len(visits))
    assert about(len(people) - len(new), RETURNING, len(people))
    for answer, share in ANSWERS.items():
        assert about(sum(person.answer == answer for person in new), share, len(new)), answer
    for device, share in DEVICES.items():
        assert about(sum(person.device == device for person in new), share, len(new)), device
    firsts = [person for person in new if not person.customer]  # second devices have none
    assert about(sum(person.has_gpc for person in firsts), GPC, len(firsts))
    deliveries = [delivery for one in visits if not one.person.is_bot for delivery in one.deliveries]
    again = sum(delivery.is_resent for delivery in deliveries)
    assert 0.7 * RESENT < again / (len(deliveries) - again) <= 1.3 * RESENT
    assert sum(MOODS.values()) == pytest.approx(1)
    assert sum(ANSWERS.values()) == pytest.approx(1)


def test_sources_are_about_as_configured(sent: list[Sent]) -> None:
    landings: dict[int, WireEvent] = {}
    for one in sent:
        if not one.visit.person.is_bot and one.event.type == "page_view":
            landings.setdefault(one.visit.start, one.event)
    sources = Counter(map(source_of, landings.values()))
    for source, share in SOURCES.items():
        assert sources[source] / len(landings) == pytest.approx(share, abs=0.05), source


def source_of(event: WireEvent) -> str:
    query = parse_qs(urlsplit(event.url).query)
    if query:
        assert query["utm_source"] == ["newsletter"]
        assert query["utm_medium"] == ["email"]
        return "newsletter"
    host = urlsplit(event.referrer).hostname or ""
    if not host:
        return "direct"
    if host.endswith(".example"):
        return "referral"
    return "search" if host.split(".")[-2] in ("google", "bing", "duckduckgo") else "social"


def test_a_visit_comes_to_a_shop_like_visit(sent: list[Sent], visits: list[Visit]) -> None:
    """Plausible at a glance: a few pages, some carts, few orders, most on foot of their favourite category."""
    people = [one for one in visits if not one.person.is_bot]
    kinds = Counter(one.event.type for one in sent if not one.visit.person.is_bot)
    assert 3 < kinds["page_view"] / len(people) < 8
    assert 0.02 < kinds["purchase"] / len(people) < 0.08
    assert kinds["add_to_cart"] > 1.5 * kinds["begin_checkout"] >= 1.5 * kinds["purchase"] > 0
    assert min(kinds[kind] for kind in ("view_item", "search", "newsletter_signup", "remove_from_cart", "ping")) > 5


def test_numbers_of_a_page_begin_at_0_and_leave_none_out(sent: list[Sent]) -> None:
    pages: dict[str, list[WireEvent]] = defaultdict(list)
    for one in sent:
        pages[one.event.page].append(one.event)
    for events in pages.values():
        assert [event.n for event in events] == list(range(len(events)))
        assert [event.type for event in events].index("page_view") == 0
        assert len({event.url for event in events}) == 1
        assert all(before.time <= after.time for before, after in pairwise(events))


def test_what_is_sent_again_was_sent_before(visits: list[Visit]) -> None:
    again = 0
    for one in visits:
        before: list[tuple[bytes, ...]] = []
        for delivery in one.deliveries:
            events = tuple(map(bytes, delivery.envelope.events))
            assert (events in before) == delivery.is_resent
            before.append(events)
            again += delivery.is_resent
    assert again


def test_deliveries_come_in_order_and_after_what_they_tell_of(visits: list[Visit]) -> None:
    for one in visits:
        times = [delivery.at for delivery in one.deliveries]
        assert times == sorted(times)
        assert all(one.start <= at <= one.end for at in times)
        for delivery in one.deliveries:
            assert delivery.envelope.sent - delivery.at == one.person.clock_off
            assert all(event.time <= delivery.envelope.sent for event in map(decode_event, delivery.envelope.events))
    assert any(one.person.clock_off > 3_600_000 for one in visits)
    assert any(one.person.clock_off < -3_600_000 for one in visits)


def test_a_page_that_is_looked_at_gives_a_sign_every_25_s(sent: list[Sent]) -> None:
    """Between two pings of a page only a leave may be further back: the page was hidden or closed."""
    last: dict[str, WireEvent] = {}
    longest = 0
    for one in sent:
        before = last.get(one.event.page)
        if before is not None and not before.leave:
            longest = max(longest, one.event.time - before.time)
        if not one.visit.person.is_bot and one.event.type != "consent":
            last[one.event.page] = one.event
    assert PING_MS <= longest + 1_000 < PRESENT_MS
    assert all(event.leave for event in last.values()), "every page is left"


def test_engaged_time_is_no_longer_than_the_time_that_passed(sent: list[Sent]) -> None:
    opened: dict[str, int] = {}
    engaged: Counter[str] = Counter()
    for one in sent:
        event = one.event
        opened.setdefault(event.page, event.time)
        engaged[event.page] += event.engaged_ms
        assert engaged[event.page] <= event.time - opened[event.page]
        assert one.event.type == "engagement" or not event.scroll
    scrolls = [one.event.scroll for one in sent if one.event.type == "engagement" and one.event.engaged_ms]
    assert min(scrolls) < 20
    assert max(scrolls) > 90
    assert 35 < sum(scrolls) / len(scrolls) < 80


def test_an_order_is_what_was_in_the_cart(sent: list[Sent]) -> None:
    """Also over several visits. Who allows nothing says nothing, before and after."""
    prices = {product.id: product.price for product in catalogue().products}
    carts: dict[int, Counter[str]] = defaultdict(Counter)
    checked_out: dict[int, Any] = {}
    orders: set[str] = set()
    for one in sent:
        person, props = one.visit.person, one.event.props
        key = id(person)
        if one.event.type == "add_to_cart":
            carts[key][product(props)] += 1
            assert props["value"] == prices[product(props)]
        elif one.event.type == "remove_from_cart":
            assert carts[key].pop(product(props)) == props["items"][0]["quantity"]
        elif one.event.type == "begin_checkout":
            checked_out[key] = props["value"]
        elif one.event.type == "purchase":
            items: Any = props["items"]
            assert {item["item_id"]: item["quantity"] for item in items} == carts.pop(key)
            assert props["value"] == sum(item["price"] * item["quantity"] for item in items) == checked_out.pop(key)
            assert props["currency"] == "EUR"
            orders.add(str(props["transaction_id"]))
            assert path(one.event) == "/order"
    assert len(orders) == sum(one.event.type == "purchase" for one in sent) > 20


def product(props: Any) -> str:
    (item,) = props["items"]
    return str(item["item_id"])


def test_addresses_are_pages_of_the_shop_and_name_nobody(sent: list[Sent]) -> None:
    shop = catalogue()
    pages = {"/", "/search", "/newsletter", "/cart", "/order", "/account"}
    pages |= {f"/{category}" for category in CATEGORIES} | {product.path for product in shop.products}
    found = {path(one.event) for one in sent}
    assert found == pages
    for one in sent:
        parts = urlsplit(one.event.url)
        assert f"{parts.scheme}://{parts.netloc}" == SITE.origins[0]
        assert set(parse_qs(parts.query)) <= {"utm_source", "utm_medium", "utm_campaign"}
        person = one.visit.person
        for secret in filter(None, (person.customer, person.visitor, person.address, "@")):
            assert secret not in one.event.url + one.event.referrer + one.event.title


def path(event: WireEvent) -> str:
    return urlsplit(event.url).path


def test_product_pages_declare_the_interests_of_the_catalogue(sent: list[Sent]) -> None:
    declared = {product.path: list(product.interests) for product in catalogue().products}
    views = [one.event for one in sent if one.event.type == "page_view"]
    assert all(event.interests == declared.get(path(event), []) for event in views)


def test_ids_go_with_full_consent_alone(sent: list[Sent]) -> None:
    for one in sent:
        event = one.event
        if one.level is ConsentLevel.FULL:
            assert event.visitor is not None
            assert not one.visit.person.has_gpc
        elif one.level is ConsentLevel.ANONYMOUS:
            assert event.visitor is None
        else:
            assert (event.type, event.level) == ("consent", ConsentLevel.OFF)


def test_a_choice_closes_the_page_and_goes_on_under_the_new_level(sent: list[Sent]) -> None:
    choices: Counter[tuple[ConsentLevel | None, bool]] = Counter()
    for before, after in pairwise(sent):
        if before.event.type != "consent" or before.visit is not after.visit:
            continue
        level = before.event.level
        choices[level, before.event.visitor is not None] += 1
        assert level is not ConsentLevel.OFF, "nothing follows a no"
        assert after.level is level
        assert after.event.type == "page_view"
        assert after.event.continued
        assert (after.event.url, after.event.time) == (before.event.url, before.event.time)
    assert choices[ConsentLevel.FULL, False] > 100
    assert choices[ConsentLevel.ANONYMOUS, True] > 0, "some go back to being counted only"
    continued = [one for one in sent if one.event.continued]
    assert len(continued) == sum(choices.values())


def test_after_a_no_nothing_is_sent_and_a_withdrawn_id_never_comes_back(visits: list[Visit]) -> None:
    """But for that word itself, which is sent again where it got lost."""
    silent: dict[int, int] = {}  # person -> when they said so
    withdrawn: dict[str, int] = {}
    visits_in_silence = 0
    for one in visits:
        key = id(one.person)
        visits_in_silence += key in silent
        for delivery in one.deliveries:
            for event in map(decode_event, delivery.envelope.events):
                for said in (silent.get(key), withdrawn.get(event.visitor or "")):
                    assert said is None or (delivery.is_resent and event.time == said)
                if event.type == "consent" and event.level is not ConsentLevel.FULL and event.visitor:
                    withdrawn[event.visitor] = event.time
                if event.level is ConsentLevel.OFF:
                    silent[key] = event.time
    assert visits_in_silence
    assert withdrawn


def test_customers_come_signed_and_on_two_devices(sent: list[Sent]) -> None:
    devices: dict[str, set[str]] = defaultdict(set)
    for one in sent:
        if one.event.type == "identify":
            assert one.event.id
            assert is_signed(SITE.secret, one.event.id, one.event.signature or "")
            devices[one.event.id].add(one.visit.person.address)
    assert {len(found) for found in devices.values()} == {1, 2}


def test_user_agents_are_what_their_names_say() -> None:
    devices = {"phone": "mobile", "desktop": "desktop", "tablet": "tablet"}
    for name, agents in USER_AGENTS.items():
        for text in agents:
            agent = agent_of(text)
            assert bool(agent.bot) == (name == "bot"), text
            assert name == "bot" or agent.device == devices[name], text


def test_requests_of_a_visit_carry_its_address_and_its_gpc(visits: list[Visit]) -> None:
    for one in visits:
        assert one.headers["X-Forwarded-For"] == one.person.address
        assert ("Sec-GPC" in one.headers) == one.person.has_gpc
    addresses = [person.address for person in {id(one.person): one.person for one in visits}.values()]
    assert len(set(addresses)) > 0.98 * len(addresses)


def test_a_crowd_remembers_a_bounded_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("demo.people.MAX_KNOWN", 10)
    crowd = Crowd(random.Random(1), CATEGORIES)
    people: set[Person] = set()
    for _ in range(500):
        person = crowd.arrive()
        people.add(person)
        crowd.leave(person)
    assert len(crowd._known) == 10
    assert len(crowd._second_devices) <= 10
    assert len(people) > 200


def test_who_is_in_the_shop_does_not_arrive_again() -> None:
    crowd = Crowd(random.Random(1), CATEGORIES)
    people = [crowd.arrive() for _ in range(300)]
    assert len({id(person) for person in people}) == 300


def test_ids_are_not_to_be_guessed() -> None:
    ids = {random_id(random.Random(seed)) for seed in range(200)}
    assert len(ids) == 200
    assert all(len(id) == 22 and set(id) <= set("0123456789abcdefghijklmnopqrstuv") for id in ids)


def test_a_page_that_the_shop_does_not_have_is_not_visited() -> None:
    with pytest.raises(LookupError, match="/hats"):
        page_shown("/hats")


@pytest.mark.parametrize("mean", [1.5, 2.0, 4.0])
def test_geometric_has_its_mean(mean: float) -> None:
    chance = random.Random(5)
    drawn = [geometric(chance, mean) for _ in range(20_000)]
    assert min(drawn) == 1
    assert sum(drawn) / len(drawn) == pytest.approx(mean, rel=0.05)
