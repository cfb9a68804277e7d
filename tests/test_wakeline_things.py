"""What servers tell of orders and other things is read by the site's own ids: by applications, and in a terminal."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, get_args

import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from collector.facts import Facts
from collector.told import convert_told
from ops.cli import main
from ops.cli.things import KINDS as FLAGS
from ops.cli.things import thing_view
from tests.timeline import DAY, START, event, timeline
from wakeline.escape import NOTHING
from wakeline.identity import customer_id
from wakeline.lanes import NoDeployment, open_deployment
from wakeline.profiles import (
    Agreement,
    AsyncProfiles,
    Consent,
    Contact,
    Item,
    Order,
    Preference,
    Product,
    Profiles,
    Record,
    Refund,
    ServiceOrder,
)
from wakeline.record import Erase, Event, Fact
from wakeline.settings import Settings, Site
from wakeline.thing_fields import AnyThing
from wakeline.vocabulary.things import AGREEMENT, ORDER, thing_id
from wakeline.vocabulary.types import By

SECRET = "0123456789abcdef"
SITE = Site(key="shop", secret=SECRET)
JO = customer_id(SECRET, "jo")
MOMENT = datetime.fromtimestamp(START / 1000, UTC)
FILE = f'lanes = 4\n[[site]]\nkey = "shop"\norigins = ["https://shop.example"]\nsecret = "{SECRET}"\n'


def told(type: str, second: int, **fields: Any) -> Fact:
    """A fact as a server's event becomes one, so many seconds after START."""
    event = {"type": type, "id": f"{type}-{second}", "time": START + second * 1000} | fields
    record = Facts(SITE).made(convert_told(event, By.SERVER), [], now=START + DAY).record
    assert isinstance(record, Fact)
    record.received = START + DAY
    return record


def after(seconds: int) -> datetime:
    return MOMENT + timedelta(seconds=seconds)


RUNNERS = {"item_id": "runner-7", "item_name": "Runner 7", "price": "89.90", "quantity": 2, "cost": "40"}
BOUGHT = told(
    "purchase", 1, transaction_id="A1001", value="179.80", currency="EUR", tax="28.71", customer="jo", channel="till",
    items=[RUNNERS],
)  # fmt: skip
ALL = [
    BOUGHT,
    told("order_state", 7, transaction_id="A1001", state="paid", at=START + 5_000),
    told("refund", 9, transaction_id="A1001", refund_id="r-1", value="89.90", currency="EUR"),
    told("refund", 10, transaction_id="A1001", refund_id="r-2", items=[{"item_id": "runner-7"}]),
    told("refund", 11, transaction_id="A1001", refund_id="r-3"),
    told(
        "contact", 2, contact_id="T-1", channel="phone", topic="delivery", customer="jo", order="A1001", state="opened"
    ),
    told(
        "contact",
        3,
        contact_id="T-1",
        customer="jo",
        channel="phone",
        state="solved",
        minutes=12.5,
        cost=8,
        currency="EUR",
    ),
    told(
        "service_order",
        2,
        customer="jo",
        service_id="S-1",
        state="open",
        parts=[{"item_id": "sole", "price": 900}],
        currency="JPY",
    ),
    told(
        "agreement",
        2,
        customer="jo",
        agreement_id="C-1",
        level="gold",
        start=START,
        end=START + DAY,
        value=49,
        currency="EUR",
    ),
    told(
        "product", 2, item_id="runner 7", name="Runner 7", categories=["shoes"], price="89.9", currency="EUR", stock=3
    ),
    told("product", 3, item_id="runner 7", cost=45, currency="USD", attributes={"colour": "red"}),
]


async def filled(server: Any, *records: Event | Fact | Erase) -> None:
    async with timeline(server) as made:
        await open_deployment(made.redis, Settings(lanes=4))
        await made.append(*records, at=2 * DAY)
        await made.run()
        assert (await made.ledger())["dead"] == 0


@pytest.fixture
def read(redis_server: Any) -> Callable[..., Any]:
    """`read(kind, id)` reads by both readers, which agree."""

    def read(kind: type[AnyThing], id: str, secret: str = SECRET) -> Any:
        async def read_too() -> Any:
            async with AsyncProfiles(redis_server.url) as profiles:
                return await profiles.read_thing("shop", kind, id, secret)

        with Profiles(redis_server.url) as profiles:
            found = profiles.read_thing("shop", kind, id, secret)
        assert asyncio.run(read_too()) == found
        return found

    return read


def test_an_order_is_read_by_the_shops_number(redis_server: Any, read: Any) -> None:
    asyncio.run(filled(redis_server, *ALL))
    found = read(Order, "A1001")
    assert found == Order(
        site="shop",
        id=thing_id(SECRET, ORDER, "A1001"),
        time=after(1),
        value=Decimal("179.80"),
        currency="EUR",
        tax=Decimal("28.71"),
        channel="till",
        items=(
            Item(item_id="runner-7", item_name="Runner 7", price=Decimal("89.90"), quantity=2, cost=Decimal("40.00")),
        ),
        customer=JO,
        paid=after(5),
        refunds=(
            Refund(time=after(9), value=Decimal("89.90"), currency="EUR"),
            Refund(time=after(10), currency="EUR", items=(Item(item_id="runner-7"),)),
            Refund(time=after(11), currency="EUR", is_whole=True),
        ),
        refunded=Decimal("179.80"),
        revenue=Decimal("0.00"),
        margin=Decimal("0.00"),
        last_told=after(11),
    )
    assert read(Order, " A1001\u200b") == found  # as whoever tells of it may write the number
    assert read(Order, "A1002") is None
    assert read(Order, "A1001", "another secret") is None
    assert read(Agreement, "A1001") is None


def test_an_order_says_how_many_days_its_delivery_took(redis_server: Any, read: Any) -> None:
    asyncio.run(filled(redis_server, BOUGHT, told("order_state", 2, transaction_id="A1001", state="shipped")))
    assert read(Order, "A1001").delivery_days is None
    arrived = told("order_state", 3, transaction_id="A1001", state="delivered", at=START + DAY // 2)
    asyncio.run(filled(redis_server, BOUGHT, arrived))
    found = read(Order, "A1001")
    assert found.delivery_days == 0.5
    console = Console(width=88)
    with console.capture() as shown:
        console.print(thing_view(found, "A1001"))
    assert "delivery days  0.5" in shown.get()


def test_other_things_are_read_by_their_ids(redis_server: Any, read: Any) -> None:
    asyncio.run(filled(redis_server, *ALL))
    contact = read(Contact, "T-1")
    assert (contact.channel, contact.topic, contact.customer) == ("phone", "delivery", JO)
    assert contact.order == thing_id(SECRET, ORDER, "A1001")
    assert (contact.opened, contact.answered, contact.solved) == (after(2), None, after(3))
    assert (contact.minutes, contact.cost, contact.currency) == (12.5, Decimal("8.00"), "EUR")
    service = read(ServiceOrder, "S-1")
    assert (service.state, service.parts) == ("open", (Item(item_id="sole", price=Decimal(900)),))
    agreement = read(Agreement, "C-1")
    assert (agreement.level, agreement.start, agreement.end) == ("gold", MOMENT, MOMENT + timedelta(days=1))
    assert (agreement.value, agreement.id) == (Decimal("49.00"), thing_id(SECRET, AGREEMENT, "C-1"))
    product = read(Product, "runner 7", "")
    assert (product.id, product.name, product.categories, product.stock) == ("$runner%207", "Runner 7", ("shoes",), 3)
    assert (product.cost, product.price, product.currency) == (Decimal("45.00"), None, "USD")
    assert product.attributes == {"colour": "red"}


def test_an_order_without_a_value_says_what_is_known(redis_server: Any, read: Any) -> None:
    asyncio.run(filled(redis_server, told("refund", 1, transaction_id="7", refund_id="r", value=5, currency="EUR")))
    found = read(Order, "7")
    assert (found.value, found.time, found.currency, found.customer) == (None, None, "EUR", "")
    assert found.refunds == (Refund(time=after(1), value=Decimal("5.00"), currency="EUR"),)


def test_who_was_erased_is_named_no_more(redis_server: Any, read: Any) -> None:
    asyncio.run(filled(redis_server, *ALL, Erase(site="shop", id=JO, time=START + DAY)))
    assert (read(Order, "A1001").customer, read(Contact, "T-1").customer) == ("", "")
    assert read(Order, "A1001").value == Decimal("179.80")


@pytest.mark.parametrize("id", ["", "NULL", " ", "x" * 300])
def test_what_is_no_id_is_of_nothing(redis_server: Any, read: Any, id: str) -> None:
    asyncio.run(filled(redis_server, *ALL))
    assert read(Order, id) is None


def test_what_is_missing_is_said(redis_server: Any) -> None:
    with Profiles(redis_server.url) as profiles:
        with pytest.raises(ValueError, match="the site's secret is needed"):
            profiles.read_thing("shop", Order, "A1001")
        with pytest.raises(NoDeployment):
            profiles.read_thing("shop", Order, "A1001", SECRET)


# ---- what is told of a customer itself


OF_JO = [
    told("customer", 1, customer="jo", traits={"plan": "gold", "score": 7}, email="jo@shop.example", orders_before=3),
    told("customer", 2, customer="jo", value_before="99.5", currency="EUR", traits={"plan": "silver", "vip": True}),
    told("tag", 1, customer="jo", tag="press"),
    told("tag", 2, customer="jo", tag="friend"),
    told("tag", 3, customer="jo", tag="press", removed=True),
    told("preference", 1, customer="jo", topic="shoes", allowed=True, frequency="weekly"),
    told("preference", 2, customer="jo", channel="phone", allowed=False),
    told("consent", 4, customer="jo", level="full", purposes=["mail"], version="3", wording="Yes, please"),
]
RECORD = Record(
    traits={"plan": "silver", "score": 7, "vip": True},
    tags=("friend",),
    topics={"shoes": Preference(allowed=True, frequency="weekly", time=after(1))},
    channels={"phone": Preference(allowed=False, time=after(2))},
    consent=Consent(level="full", purposes=("mail",), version="3", wording="Yes, please", time=after(4)),
    orders_before=3,
    value_before=Decimal("99.50"),
    currency="EUR",
)


def test_what_is_told_of_a_customer_is_in_its_profile(redis_server: Any) -> None:
    asyncio.run(filled(redis_server, *OF_JO, BOUGHT))

    async def read_too() -> Any:
        async with AsyncProfiles(redis_server.url) as profiles:
            return await profiles.read_customer("shop", "jo", SECRET)

    with Profiles(redis_server.url) as profiles:
        found = profiles.read_customer("shop", "jo", SECRET)
    assert found is not None
    assert found.record == RECORD
    assert asyncio.run(read_too()) == found


def test_of_whom_nothing_is_told_there_is_no_record(redis_server: Any) -> None:
    asyncio.run(filled(redis_server, BOUGHT, event("visitor-1", "page-1", 0, 0)))
    with Profiles(redis_server.url) as profiles:
        found = [profiles.read_customer("shop", "jo", SECRET), profiles.read("shop", "visitor-1")]
    assert [profile and profile.record for profile in found] == [None, None]
    assert all(found)


# ---- in a terminal


@pytest.fixture
def command(configured: Callable[[str], None], redis_server: Any) -> Callable[..., Result]:
    configured(FILE)
    asyncio.run(filled(redis_server, *ALL, *OF_JO))
    return lambda *words: CliRunner().invoke(main, ["profile", *words, "--redis", redis_server.url])


def test_an_order_is_shown_by_its_number(command: Any) -> None:
    said = command("A1001", "--order")
    assert said.exit_code == 0, said.output
    for words in (
        "order A1001 on shop", "value      179.80 EUR", "channel    till", "2  runner-7 Runner 7  89.90 EUR", JO,
        "89.90 EUR, 2027-01-15", "1 x runner-7, 2027", "all of it, 2027", "paid       2027-01-15 08:00 UTC",
    ):  # fmt: skip
        assert words in said.output, said.output
    assert NOTHING not in said.output
    assert "page only" not in said.output
    shown = json.loads(command("A1001", "--order", "--json").output)
    assert (shown["value"], shown["currency"], shown["items"][0]["item_id"]) == ("179.80", "EUR", "runner-7")
    assert (shown["customer"], shown["refunds"][2]["is_whole"], shown["shipped"]) == (JO, True, None)


@pytest.mark.parametrize(
    ("items", "why"), [((), "nobody told its items"), ((Item(item_id="runner-7"),), "of an item nobody told the cost")]
)
def test_what_nobody_can_vouch_for_or_compute_is_said_of_an_order(items: tuple[Item, ...], why: str) -> None:
    five = Decimal(5)
    found = Order(
        site="shop", id="#1", is_of_page=True, value=five, revenue=five, items=items, last_told=after(1)
    )  # fmt: skip
    console = Console(width=88)
    with console.capture() as shown:
        console.print(thing_view(found, "A1"))
    said = [line.strip("│ ").split("  ", 1) for line in shown.get().splitlines()]
    rows = {name: value.strip() for name, value in filter(lambda parts: len(parts) == 2, said)}
    assert rows["page only"] == "yes"
    assert rows["margin"].startswith(f"not known: {why}")


@pytest.mark.parametrize(
    ("words", "known"),
    [
        (["T-1", "--contact"], "12.5"),
        (["S-1", "--service-order"], "900 JPY"),
        (["C-1", "--agreement"], "49.00 EUR"),
        (["runner 7", "--product"], "45.00 USD"),
    ],
)
def test_every_kind_is_shown(command: Any, words: list[str], known: str) -> None:
    said = command(*words)
    assert said.exit_code == 0, said.output
    assert known in said.output


def test_what_is_told_of_a_customer_is_shown(command: Any) -> None:
    said = command("jo", "--customer")
    assert said.exit_code == 0, said.output
    for words in (
        "traits plan silver, score 7, vip True", "tags friend", "topics shoes yes weekly",
        "channels phone no", "consent full, mail, version 3 (2027-01-15)", "before 3 orders, 99.50 EUR",
    ):  # fmt: skip
        assert words in " ".join(said.output.replace("│", "").split()), said.output
    assert "jo@shop.example" not in said.output
    shown = json.loads(command("jo", "--customer", "--json").output)["record"]
    assert (shown["traits"]["plan"], shown["channels"]["phone"]["allowed"]) == ("silver", False)
    assert shown["value_before"] == "99.50"


def test_every_kind_has_a_flag() -> None:
    assert set(FLAGS.values()) == {kind.__name__ for kind in get_args(AnyThing)}


def test_what_is_unknown_or_asked_wrongly_is_said(command: Any) -> None:
    said = command("\x1bA1", "--order")
    assert (said.exit_code, "\x1b" in said.output) == (1, False)
    assert "nothing is known of order" in said.output
    for words in (["A1001", "--order", "--customer"], ["A1001", "--order", "--personal"], ["NULL", "--order"]):
        assert command(*words).exit_code == 2, words
