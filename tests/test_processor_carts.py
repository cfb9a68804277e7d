"""Carts: filled, left and bought by what pages say. Real server, in-memory log."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.replay_stand import stand
from tests.timeline import DAY, MINUTE, START, Timeline, event, timeline
from wakeline.definitions import CART_GAP_MS, CART_KEPT_MS, MAX_CART_ITEMS
from wakeline.keys import Keys, date
from wakeline.profiles import Cart, Profiles
from wakeline.record import Erase, Event

ANN, NOBODY = "visitor-1", "~visitor-1"  # with a profile, and without one
RUNNER, BAG = {"item_id": "runner-7", "price": 89.9}, {"item_id": "bag", "price": 50, "quantity": 2}
FABRIC, MORE, ALL = ({"item_id": "fabric", "price": 10, "quantity": metres} for metres in (0.1, 0.2, 0.3))

OWN_ID = "bag 7/größe 42%"  # a site's own id, which a key spells otherwise


def add(n: int, at: int, *items: dict[str, Any], who: str = ANN, type: str = "add_to_cart", **props: Any) -> Event:
    return event(who, f"page-{who}", n, at, type, props={"currency": "EUR", "items": list(items)} | props)


def buy(n: int, at: int, *, who: str = ANN) -> Event:
    return event(who, f"page-{who}", n, at, "purchase", props={"transaction_id": "A-1", "value": 1, "currency": "EUR"})


async def played(server: Any, *events: Event, wait: int = 0) -> tuple[dict[str, int], dict[str, Any], dict[str, int]]:
    """The site's numbers of carts that are not 0, the cart of the profile, and the list of products."""
    async with timeline(server) as made:
        for one in events:
            await made.append(one)
            await made.run()
        await made.pass_time(wait)
        return await seen(made)


async def seen(made: Timeline) -> tuple[dict[str, int], dict[str, Any], dict[str, int]]:
    totals = {name: amount for name, amount in (await made.totals()).items() if name.startswith("cart") and amount}
    profile = await made.profile(ANN)
    return totals, json.loads(profile.get("cart", "{}")), await made.top("carted", date("2027-01-15"))


async def test_a_cart_is_what_was_put_in_and_not_taken_out(redis_server: Any) -> None:
    totals, cart, carted = await played(
        redis_server,
        add(0, 0, RUNNER),
        add(1, 5, BAG, RUNNER),
        add(2, 9, RUNNER, type="remove_from_cart"),
    )
    assert totals == {"carts": 1}
    assert cart == {
        "began": START, "last": START + 9, "items": {"bag": 2, "runner-7": 1}, "value": 18_990, "currency": "EUR",
    }  # fmt: skip
    assert carted == {"runner-7": 2, "bag": 2}


async def test_a_cart_that_is_shown_is_what_it_shows(redis_server: Any) -> None:
    _, cart, _ = await played(redis_server, add(0, 0, RUNNER, BAG), add(1, 5, BAG, type="view_cart", value=90))
    assert (cart["items"], cart["value"]) == ({"bag": 2}, 9_000)


async def test_a_cart_of_which_only_the_value_is_shown_keeps_what_is_in_it(redis_server: Any) -> None:
    totals, cart, _ = await played(
        redis_server,
        add(0, 0, RUNNER, BAG),
        add(1, 5, type="view_cart", value=150),
        add(2, 9, RUNNER, type="remove_from_cart"),
        wait=DAY,
    )
    assert (cart["items"], cart["value"]) == ({"bag": 2}, 6_010)
    assert totals == {"carts": 1, "carts_abandoned": 1, "cart_value_abandoned:EUR": 6_010}


async def test_a_product_of_which_nothing_is_left_is_not_listed(redis_server: Any) -> None:
    events = add(0, 0, FABRIC, BAG), add(1, 5, MORE), add(2, 9, ALL, type="remove_from_cart")
    assert (await played(redis_server, *events))[1]["items"] == {"bag": 2}


@pytest.mark.parametrize("who", [ANN, NOBODY])
async def test_a_cart_that_is_left_counts_once_and_is_recovered_when_it_is_bought(redis_server: Any, who: str) -> None:
    """Whether or not the visitor may be known."""
    async with timeline(redis_server) as made:
        await made.append(add(0, 0, RUNNER, who=who))
        await made.run()
        await made.pass_time(CART_GAP_MS - 1)
        assert (await seen(made))[0] == {"carts": 1}
        await made.pass_time(MINUTE)
        left = {"carts": 1, "carts_abandoned": 1, "cart_value_abandoned:EUR": 8_990}
        assert (await seen(made))[0] == left
        assert (await seen(made))[1].get("abandoned", False) is (who == ANN)
        await made.append(add(1, CART_GAP_MS + 2 * MINUTE, BAG, who=who))
        await made.run()
        await made.pass_time(2 * CART_GAP_MS)
        assert (await seen(made))[0] == left, "it is the same cart"
        await made.append(buy(2, 4 * CART_GAP_MS, who=who))
        await made.run()
        totals, cart, _ = await seen(made)
        assert totals == left | {"carts_recovered": 1, "cart_value_recovered:EUR": 18_990}
        assert cart == {}


@pytest.mark.parametrize(
    "events",
    [
        pytest.param([add(0, 0, FABRIC), add(1, 5, MORE), add(2, 9, ALL, type="remove_from_cart")], id="by parts"),
        pytest.param([add(0, 0, RUNNER), buy(1, 5)], id="bought"),
        pytest.param([add(0, 0, RUNNER), add(1, 5, RUNNER, type="remove_from_cart")], id="emptied"),
        pytest.param([add(0, 0, RUNNER), add(1, 5, type="view_cart", value=0)], id="worth nothing any more"),
        pytest.param([add(0, 0, RUNNER), add(1, 5, type="view_cart")], id="shown empty"),
        pytest.param([buy(1, 9), add(0, 5, RUNNER)], id="told after it was bought"),
    ],
)
async def test_a_cart_that_is_over_is_not_left(redis_server: Any, events: list[Event]) -> None:
    totals, cart, _ = await played(redis_server, *events, wait=DAY)
    assert {name for name in totals if name != "carts"} == set()
    assert cart == {}


async def test_amounts_of_two_currencies_are_never_added(redis_server: Any) -> None:
    _, cart, _ = await played(redis_server, add(0, 0, RUNNER), add(1, 5, BAG, currency="USD"))
    assert (cart["value"], cart["currency"], len(cart["items"])) == (10_000, "USD", 2)


async def test_what_was_bought_before_an_erasure_is_no_cart_after_it(redis_server: Any) -> None:
    async with timeline(redis_server) as made:
        await made.append(buy(1, 9))
        await made.append(Erase("shop", ANN, START + MINUTE), at=MINUTE)
        await made.append(add(0, 5, RUNNER), at=2 * MINUTE)
        await made.run()
        assert "carts" not in await made.totals()


async def test_a_clock_that_was_ahead_hides_no_cart_and_no_purchase(redis_server: Any) -> None:
    """Of a collector, for some of the events."""
    async with timeline(redis_server) as made:

        async def told(one: Event, at: int) -> None:
            await made.append(one, at=at)
            await made.run()

        await told(add(0, DAY, RUNNER), 0)
        await told(buy(1, MINUTE), MINUTE)
        await made.pass_time(CART_GAP_MS + MINUTE)
        assert (await seen(made))[0] == {"carts": 1}, "it is bought"
        await told(buy(2, 2 * DAY), 2 * CART_GAP_MS)
        await told(add(3, 3 * CART_GAP_MS, BAG), 3 * CART_GAP_MS)
        await made.pass_time(CART_GAP_MS + MINUTE)
        assert (await seen(made))[0] == {"carts": 2, "carts_abandoned": 1, "cart_value_abandoned:EUR": 10_000}


async def test_after_a_week_nobody_buys_it_any_more(redis_server: Any) -> None:
    late = CART_KEPT_MS + 2 * CART_GAP_MS
    totals, _, _ = await played(redis_server, add(0, 0, RUNNER), event(ANN, "page-2", 0, late - 1), buy(1, late))
    assert "carts_recovered" not in totals


@pytest.mark.parametrize(
    ("props", "value", "currency"),
    [
        pytest.param({"items": [RUNNER | {"price": "free"}]}, 0, "EUR", id="a price that is no number"),
        pytest.param({"items": [{"price": 5}], "value": 5}, 500, "EUR", id="no product"),
        pytest.param({"items": "runner-7"}, 0, "EUR", id="no list"),
        pytest.param({"items": [RUNNER | {"quantity": -3}]}, 8_990, "EUR", id="less than nothing"),
        pytest.param({"items": [RUNNER], "currency": "DOUBLOONS"}, 0, "", id="no currency"),
        pytest.param({"items": [RUNNER | {"quantity": 10**6, "price": 10**9}]}, 10**12, "EUR", id="all there is"),
    ],
)
async def test_what_a_page_says_wrongly_does_no_harm(
    redis_server: Any, props: dict[str, Any], value: int, currency: str
) -> None:
    async with timeline(redis_server) as made:
        await made.append(add(0, 0, **props))
        await made.run()
        await made.pass_time(DAY)
        totals = await made.totals()
        assert (totals["carts"], totals["carts_abandoned"]) == (1, 1)
        assert totals.get(f"cart_value_abandoned:{currency}", 0) == value
        assert (await made.ledger())["dead"] == 0


async def test_a_profile_lists_the_latest_products_of_a_cart(redis_server: Any) -> None:
    many = [{"item_id": f"item-{n}", "price": 1} for n in range(3 * MAX_CART_ITEMS)]
    _, cart, _ = await played(redis_server, add(0, 0, *many))
    assert list(cart["items"]) == [f"item-{n}" for n in range(2 * MAX_CART_ITEMS, 3 * MAX_CART_ITEMS)]
    assert cart["value"] == 100 * 3 * MAX_CART_ITEMS


async def test_readers_see_it(redis_server: Any) -> None:
    began = datetime.fromtimestamp(START / 1000, UTC)

    def read(now: int) -> Cart | None:
        with Profiles(redis_server.url) as profiles:
            found = profiles.read("shop", ANN, now=START + now)
        assert found is not None
        return found.cart

    async with timeline(redis_server) as made:
        await made.redis.hset("wl:deployment", mapping={"lanes": 4, "decay_zero": START - DAY, "half_life": 7 * DAY})
        await made.append(add(0, 0, BAG | {"item_id": OWN_ID}))
        await made.run()
        assert await made.top("carted", date("2027-01-15")) == {OWN_ID: 2}, "as of orders"
        found = await asyncio.to_thread(read, MINUTE)
        assert found == Cart(began=began, last=began, items={OWN_ID: 2}, value=Decimal("100.00"), currency="EUR")
        assert await asyncio.to_thread(read, CART_KEPT_MS + MINUTE) is None


async def test_an_erasure_takes_the_products_and_leaves_what_the_site_counts(redis_server: Any) -> None:
    """In a replay that knows of it from the first record on, too."""
    async with stand(redis_server) as live:
        made = live.made
        await made.append(add(0, 0, RUNNER))
        await made.run()
        await made.append(Erase("shop", ANN, START + MINUTE), at=MINUTE)
        await made.run()
        state = await made.redis.get(made.store.keys.state(made.lane(ANN), "shop", ANN))
        assert b"runner" not in (state or b"")
        await made.pass_time(CART_GAP_MS + MINUTE)
        wanted = {"carts": 1, "carts_abandoned": 1, "cart_value_abandoned:EUR": 8_990}
        assert (await seen(made))[0] == wanted
        await live.switch(2)
        totals = await made.totals(Keys(2))
        assert {name: n for name, n in totals.items() if name.startswith("cart") and n} == wanted
