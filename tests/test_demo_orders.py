"""What the demo's panel shows of orders and customers follows from what was told. Real server, in-memory log."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from benchmarks.machine import free_port
from collector.facts import Facts
from collector.told import convert_told
from demo import known
from demo.app import create_app
from demo.catalogue import SITE
from demo.departments import Fields, ship, take_back
from demo.household import FIRST, FORMER, LENGTH_MS, SECOND, Household
from demo.orders import BACK, SHIP, Orders, OrdersAway, asked, shown
from demo.visitors import Visit, product_of
from tests.timeline import START, Timeline, event, timeline
from wakeline.config import load
from wakeline.identity import customer_id
from wakeline.lanes import open_deployment
from wakeline.profiles import Order
from wakeline.record import Fact
from wakeline.settings import Settings, Site
from wakeline.vocabulary.things import ORDER, thing_id
from wakeline.vocabulary.types import By

OURS = {"Host": "127.0.0.1:8710", "Wakeline-Demo": "1", "Sec-Fetch-Site": "same-origin"}
SHOP = replace(load(SITE.parent / "wakeline.toml", {}, {}).sites["demo"], key="shop")
VISITOR, NUMBER = "v" * 22, "T1ABC"
BOUGHT = {"value": 205, "currency": "EUR", "items": [
    {"item_id": "harbour-lamp", "item_category": "lamps", "price": 129, "quantity": 1},
    {"item_id": "reed", "item_category": "plants", "price": 38, "quantity": 2},
]}  # fmt: skip


def record(told: Fields, site: Site = SHOP) -> Fact:
    """A server's event as the collector writes it."""
    made = Facts(site).made(convert_told(told, By.SERVER), [], now=told["time"]).record
    assert isinstance(made, Fact)
    return made


async def tell(made: Timeline, *records: Any) -> None:
    await made.append(*records)
    await made.run()
    assert (await made.ledger())["dead"] == 0


@pytest.fixture
async def made(redis_server: Any) -> AsyncIterator[Timeline]:
    """A shop in which the visitor's page has told of an order."""
    async with timeline(redis_server, sites=(SHOP,)) as made:
        await open_deployment(made.redis, Settings(lanes=4))
        home = thing_id(SHOP.secret, ORDER, NUMBER)
        bought = {"transaction_id": NUMBER, **BOUGHT}
        await tell(made, event(VISITOR, "page-1", 1, 0, "purchase", order=home, props=bought))
        yield made


def orders_of(server: Any, site: Site = SHOP) -> Orders:
    return Orders(Settings(redis=server.url), site)


async def own(server: Any) -> Order:
    orders = orders_of(server)
    order = await orders.of(VISITOR, NUMBER)
    await orders.close()
    assert order is not None
    return order


def amounts(order: Order) -> tuple[str, ...]:
    """The state, and what was ordered, refunded and kept, as the panel gets them."""
    seen = msgspec.to_builtins(shown(order))
    return (seen["state"], seen["value"], seen["refunded"], seen["kept"])


async def warehouse(made: Timeline, server: Any, what: str, at: int) -> None:
    """The button is pressed twice."""
    order = await own(server)
    for press in (at, at + 1):
        story = asked(what, NUMBER, order, random.Random(press), START + press)
        assert story
        await tell(made, *(record(said.event) for said in story))


async def test_an_order_is_shipped_and_comes_back_piece_by_piece(made: Timeline, redis_server: Any) -> None:
    assert amounts(await own(redis_server)) == ("", "205.00", "0.00", "205.00")
    seen = shown(await own(redis_server))
    assert (seen["items"], seen["channel"], seen["left"]) == (["Harbour lamp", "2 × Reed"], "web", 3)
    await warehouse(made, redis_server, SHIP, 60_000)
    assert amounts(await own(redis_server)) == ("delivered", "205.00", "0.00", "205.00")
    assert list(shown(await own(redis_server))["states"]) == ["paid", "shipped", "delivered"]
    assert asked(SHIP, NUMBER, await own(redis_server), random.Random(), START) == []
    for place, (state, refunded, kept) in enumerate(
        [("delivered", "129.00", "76.00"), ("delivered", "167.00", "38.00"), ("returned", "205.00", "0.00")]
    ):
        await warehouse(made, redis_server, BACK, 120_000 + place * 60_000)
        assert amounts(await own(redis_server)) == (state, "205.00", refunded, kept)
        assert shown(await own(redis_server))["left"] == 2 - place
    for what in (SHIP, BACK):
        assert asked(what, NUMBER, await own(redis_server), random.Random(), START) == []
    assert asked("burn", NUMBER, await own(redis_server), random.Random(), START) is None


@pytest.mark.parametrize("end", [{"type": "order_state", "state": "cancelled"}, {"type": "refund", "refund_id": "all"}])
async def test_of_an_order_that_was_taken_back_nothing_is_left(made: Timeline, redis_server: Any, end: Fields) -> None:
    await tell(made, record({"id": "end", "time": START + 1_000, "transaction_id": NUMBER, **end}))
    assert amounts(await own(redis_server)) == (end.get("state", ""), "205.00", "205.00", "0.00")
    assert shown(await own(redis_server))["left"] == 0


async def test_an_order_without_a_value_is_shown_without_amounts(made: Timeline, redis_server: Any) -> None:
    number = "T2"
    home = thing_id(SHOP.secret, ORDER, number)
    await tell(made, event(VISITOR, "page-1", 2, 9, "purchase", order=home, props={"transaction_id": number}))
    orders = orders_of(redis_server)
    order = await orders.of(VISITOR, number)
    await orders.close()
    assert order is not None
    assert amounts(order) == ("", None, None, None)


def test_the_latest_state_is_shown() -> None:
    first, later = (datetime.fromtimestamp(START / 1_000 + second, UTC) for second in (0, 1))
    order = Order(site="shop", id="#1", last_told=later, paid=later, shipped=first, placed=first)
    assert shown(order)["state"] == "paid"
    assert shown(msgspec.structs.replace(order, shipped=later))["state"] == "shipped"  # of one moment: the later step


async def test_orders_of_others_are_not_shown(made: Timeline, redis_server: Any) -> None:
    orders = orders_of(redis_server)
    assert await orders.of("w" * 22, NUMBER) is None
    assert await orders.of(VISITOR, "T9") is None
    await orders.close()


async def test_before_the_first_start_there_are_no_orders(redis_server: Any) -> None:
    orders = orders_of(redis_server)
    assert await orders.of(VISITOR, NUMBER) is None
    await orders.close()
    assert known._people_of(redis_server.url, SHOP)["best"] == []


async def test_without_redis_orders_are_away() -> None:
    orders = Orders(Settings(redis=f"redis://127.0.0.1:{free_port()}"), SHOP)
    with pytest.raises(OrdersAway):
        await orders.of(VISITOR, NUMBER)
    await orders.close()


def test_the_warehouse_names_no_customer() -> None:
    told = ship(NUMBER, random.Random(1), START)
    told += take_back(NUMBER, product_of("reed"), random.Random(1), START, left=1)
    for said in told:
        assert said.event["transaction_id"] == NUMBER
        assert "customer" not in said.event
        convert_told(said.event, By.SERVER)
    assert [said.event.get("state", said.event.get("value")) for said in told] == [
        "paid", "shipped", "delivered", 38, "returned",
    ]  # fmt: skip


# ---- what customers are worth


def secret(*, keeps: str) -> str:
    """One under which this number of the first person has the smaller id, which keeps what is known."""
    secrets = (f"{number:016}" for number in range(99))
    return next(one for one in secrets if min((FIRST, FORMER), key=partial(customer_id, one)) == keeps)


@pytest.mark.parametrize("keeps", [FIRST, FORMER])
async def test_the_household_is_worth_what_its_story_says(
    redis_server: Any, monkeypatch: pytest.MonkeyPatch, keeps: str
) -> None:
    """As till and service desk tell it; the order of the phone is missing here."""
    site = replace(SHOP, secret=secret(keeps=keeps))
    monkeypatch.setattr("wakeline.profiles.now_ms", lambda: START + LENGTH_MS)
    async with timeline(redis_server, sites=(site,)) as made:
        await open_deployment(made.redis, Settings(lanes=4))
        steps = [step for step in Household(site, START).steps if not isinstance(step, Visit)]
        await tell(made, *(record(said.event, site) for step in steps for said in step))
    found = msgspec.to_builtins(known._people_of(redis_server.url, site))
    first, second = found["people"]
    names = ("orders", "revenue", "margin", "cost_to_serve", "profit")
    assert [[one[name] for name in names] for one in (sums(first, "all_time"), sums(first, "year"))] == [
        [3, "408.00", "224.40", "3.20", "221.20"],  # a question took four minutes
        [2, "288.00", "158.40", "3.20", "155.20"],
    ]
    of_second = [sums(second, "year")[name] for name in names]
    assert of_second == [4, "339.00", "186.45", "4.20", "182.25"]  # a rug came back
    assert [(one["items"], one["value"], one["kept"], one["state"]) for one in second["orders"]][2] == (
        ["Sandbar rug", "Pebble cushion"], "285.00", "45.00", "",
    )  # fmt: skip
    assert [one["time"] for one in second["orders"]] == list(second["purchases"]["times"])
    assert [(one["number"], one["profit"]) for one in found["best"]] == [(SECOND, "182.25"), (FIRST, "155.20")]
    assert [one["purchases"] for one in found["best"]] == [second["purchases"], first["purchases"]]


def sums(person: Fields, name: str) -> Fields:
    (one,) = person["purchases"][name]
    return dict(one)


# ---- whom the warehouse obeys


@pytest.mark.parametrize(
    ("what", "headers", "body", "status"),
    [
        pytest.param("ship", {"Sec-Fetch-Site": "cross-site"}, {}, 403, id="another site"),
        pytest.param("ship", {}, {"order": "T9"}, 404, id="an order that nobody knows"),
        pytest.param("ship", {}, {"visitor": "w" * 22}, 404, id="another's order"),
        pytest.param("burn", {}, {}, 404, id="what it cannot do"),
        pytest.param("ship", {}, {"order": "a b"}, 400, id="no number"),
        pytest.param("ship", {}, {"visitor": "@" + "c" * 32}, 400, id="no visitor"),
    ],
)
async def test_the_warehouse_obeys_only_who_bought(
    made: Timeline, redis_server: Any, monkeypatch: pytest.MonkeyPatch, what: str, headers: Any, body: Any, status: int
) -> None:
    monkeypatch.setattr("demo.app.Orders", lambda settings, site: orders_of(redis_server))
    flags = {"port": str(free_port())}
    app = create_app(load(SITE.parent / "wakeline.toml", flags, {}), 8710)
    async with TestClient(TestServer(app)) as shop:
        asked = {"visitor": VISITOR, "order": NUMBER} | body
        answer = await shop.post(f"/panel/order/{what}", json=asked, headers=OURS | headers)
        assert answer.status == status


async def test_the_panel_shows_the_visitors_own_order_alone(
    made: Timeline, redis_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("demo.app.Orders", lambda settings, site: orders_of(redis_server))
    read_side = web.Application()

    async def profile(request: web.Request) -> web.Response:
        return web.json_response({"id": request.match_info["id"], "customer": None})

    read_side.router.add_get("/v1/profiles/demo/{id}", profile)
    async with TestServer(read_side) as server:
        flags = {"port": str(free_port()), "api_port": str(server.port), "api_token": "t"}
        app = create_app(load(SITE.parent / "wakeline.toml", flags, {}), 8710)
        async with TestClient(TestServer(app)) as shop:

            async def seen(visitor: str, query: str) -> Any:
                answer = await shop.get(f"/panel/profile/{visitor}{query}", headers=OURS)
                return (answer.status, (await answer.json()).get("order", {}).get("kept"))

            assert await seen(VISITOR, f"?order={NUMBER}") == (200, "205.00")
            assert await seen("w" * 22, f"?order={NUMBER}") == (200, None)
            assert await seen(VISITOR, "") == (200, None)
            assert await seen(VISITOR, "?order=a%20b") == (400, None)
