"""What many facts say of one thing, merged: whatever their order, and however often each comes."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm import facts
from crm.commerce import page_orders
from crm.commerce.claims import CLAIM
from crm.out import Out, Verdict
from crm.sites import SiteFacts
from crm.state import Visitor, VisitorState
from crm.things import digests, forms, merging
from crm.things.forms import taken
from crm.things.state import Thing
from tests.timeline import DAY, START, event, fact
from wakeline.definitions import REMEMBERED_DAYS
from wakeline.kept import Kept
from wakeline.orders import Order, order, read_refund, stored_refund
from wakeline.record import Fact
from wakeline.settings import Site
from wakeline.told import BOUGHT, CURRENCY, MONEY, ThingState, stored_name, value_of
from wakeline.vocabulary import pages
from wakeline.vocabulary.fields import AMOUNTS, Item
from wakeline.vocabulary.types import TYPES

ORDER, CONTACT = "#" + "a" * 32, "#contact:" + "c" * 32


def heard(*said: Fact, home: str = ORDER, at: int = START + DAY) -> Thing:
    """A thing that has heard these facts."""
    out = Out(decay_zero=0, half_life=DAY)
    out.enter(SiteFacts(Site(key="shop")), START)
    out.now = at
    thing = Thing("shop", home, ThingState())
    for one in said:
        facts.take(one, thing, {}, out)
    return thing


def made(*said: Fact) -> Order:
    return order(heard(*said).state.told)


VALUES = st.integers(0, 9)
TIMES = st.integers(0, 3)
BY = st.sampled_from(("page", "server", "import"))
CURRENCIES = st.sampled_from(("EUR", "USD"))
PURCHASES = st.builds(
    lambda at, by, body, tax: fact(ORDER, "purchase", at, body | ({"tax": tax} if tax else {}), by=by),
    TIMES,
    BY,
    st.fixed_dictionaries({"value": VALUES, "currency": CURRENCIES}, optional={"coupon": st.sampled_from("xy")}),
    VALUES,
)
REFUNDS = st.builds(
    lambda at, by, id, value: fact(ORDER, "refund", at, {"refund_id": id, "value": value, "currency": "EUR"}, by=by),
    TIMES, BY, st.sampled_from("rs"), VALUES,
)  # fmt: skip
STATES = st.builds(
    lambda at, state: fact(ORDER, "order_state", at, {"state": state}), TIMES, st.sampled_from(("paid", "shipped"))
)
NOTHING = st.builds(lambda at, by: fact(ORDER, "purchase", at, {"currency": "EUR"}, by=by), TIMES, BY)
FACTS = st.lists(st.one_of(PURCHASES, REFUNDS, STATES, NOTHING), max_size=8)


@settings(deadline=None)
@given(FACTS, st.randoms(use_true_random=False))
def test_the_order_of_facts_changes_nothing(said: list[Fact], rng: random.Random) -> None:
    shuffled = said + rng.choices(said, k=3) if said else []
    rng.shuffle(shuffled)
    assert msgspec.json.encode(heard(*said).state) == msgspec.json.encode(heard(*shuffled).state)


@settings(deadline=None)
@given(FACTS)
def test_each_field_says_what_the_last_of_the_highest_rank_said(said: list[Fact]) -> None:
    bought = [one for one in said if "value" in one.body and one.type == "purchase"]
    found = made(*said)
    if bought:
        latest = max((one.by != "page", one.time) for one in bought)
        allowed = {
            (one.body["value"], one.body["currency"]) for one in bought if (one.by != "page", one.time) == latest
        }
        assert (found.value, found.currency) in allowed
    paid = [one.time for one in said if one.body.get("state") == "paid"]
    assert found.states.get("paid") == (min(paid) if paid else None)


@settings(deadline=None)
@given(FACTS)
def test_what_is_overwritten_wholly_leaves_no_trace(said: list[Fact]) -> None:
    told = heard(*said).state.told
    fields = [name for one in told for name in one.fields if name != CURRENCY]
    assert len(fields) == len(set(fields))
    assert all(one.fields.keys() - {CURRENCY} for one in told)


def test_an_amount_stays_in_the_currency_in_which_it_was_said() -> None:
    told = heard(
        fact(ORDER, "purchase", 1, {"value": 100, "tax": 19, "currency": "EUR"}),
        fact(ORDER, "purchase", 2, {"value": 120, "currency": "USD"}),
    ).state.told
    assert [(one.fields.get("$v"), one.fields.get("$t"), one.fields["c"]) for one in told] == [
        (None, 19, "EUR"),
        (120, None, "USD"),
    ]


def test_an_order_has_no_items_in_another_currency_than_its_own() -> None:
    euros = fact(ORDER, "purchase", 1, {"value": 100, "currency": "EUR", "items": [{"item_id": "a", "price": 100}]})
    assert made(euros).items == [["a", 100]]
    again = fact(ORDER, "purchase", 2, {"value": 120, "currency": "EUR"})
    assert made(euros, again).items == [["a", 100]]
    dollars = fact(ORDER, "purchase", 2, {"value": 120, "currency": "USD"})
    found = made(euros, dollars)
    assert (found.value, found.currency, found.items) == (120, "USD", [])


def test_a_pages_refunds_stand_as_long_as_only_pages_speak_of_the_order() -> None:
    """Anybody can make them up, who has the number of an order."""
    bought = fact(ORDER, "purchase", 1, {"value": 500, "currency": "EUR"}, by="page")
    first = fact(ORDER, "refund", 2, {"value": 100, "currency": "EUR"}, by="page")
    second = fact(ORDER, "refund", 3, by="page")
    servers = fact(ORDER, "refund", 1, {"refund_id": "r-1", "value": 50, "currency": "EUR"})
    assert [(refund.value, refund.is_whole) for refund in made(bought, first, second).refunds] == [
        (100, False),
        (None, True),
    ]
    for others in (fact(ORDER, "order_state", 0, {"state": "paid"}), fact(ORDER, "purchase", 0, {}, by="signed")):
        assert made(bought, first, second, others).refunds == []
    for said in ((bought, first, servers, second), (servers, second, first, bought)):
        assert [refund.value for refund in made(*said).refunds] == [50]


@pytest.mark.parametrize("value", [None, 0, 100])
@pytest.mark.parametrize("items", [[], [["a"]], [["a", 100, 2], ["b"]]])
def test_a_refund_is_read_as_it_was_stored(value: int | None, items: list[list[Any]]) -> None:
    assert read_refund(stored_refund(value, items)) == (value, items)


def test_a_mail_keeps_the_first_time_of_whatever_happened_to_it() -> None:
    id = "#sent:" + "b" * 32
    thing = heard(
        *(fact(id, f"campaign_{what}", at, {"campaign": "may"}) for what, at in (
            ("sent", 1), ("opened", 9), ("clicked", 10), ("opened", 5)
        )),
        home=id,
    )  # fmt: skip
    values = {name: value_of(thing.state.told, f"<{name}") for name in ("sent", "opened", "clicked", "bounced")}
    assert values == {"sent": START + 1, "opened": START + 5, "clicked": START + 10, "bounced": None}


def test_refunds_beyond_the_bound_go_and_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merging, "MOST_ENTRIES", 3)
    out = Out(decay_zero=0, half_life=DAY)
    out.enter(SiteFacts(Site(key="shop")), START)
    out.now = START + DAY
    thing = Thing("shop", ORDER, ThingState())
    for n in range(5):
        facts.take(fact(ORDER, "refund", n, {"refund_id": str(n)}), thing, {}, out)
    assert [one.time - START for one in thing.state.told] == [2, 3, 4]
    assert out.cut == {"facts": 2}


@pytest.mark.parametrize("by", ["page", "server"])
def test_what_was_bought_stays_however_many_refunds_come(by: str) -> None:
    """Also where a page alone told of it, and the refunds are long."""
    body = {"value": 900, "currency": "EUR", "items": [{"item_id": "runner-7", "price": 900}], "coupon": "may"}
    bought = fact(ORDER, "purchase", 0, body, by=by, customer="@customer0")
    paid = fact(ORDER, "order_state", 1, {"state": "paid"})
    long = {"items": [{"item_id": "x" * 200, "price": 1}] * 100}
    refunds = [fact(ORDER, "refund", 2 + n, {"refund_id": str(n), **(long if n % 9 else {})}) for n in range(300)]
    out = Out(decay_zero=0, half_life=DAY)
    out.enter(SiteFacts(Site(key="shop")), START)
    out.now = START + DAY
    thing, named = Thing("shop", ORDER, ThingState()), {"@customer0": Thing("shop", ORDER, ThingState())}
    for one in (bought, paid, *refunds):
        facts.take(one, thing, named, out)
    found = order(thing.state.told)
    assert (found.value, found.currency, found.items, found.customer) == (900, "EUR", [["runner-7", 900]], "@customer0")
    assert found.states == {"paid": START + 1}
    assert 0 < len(found.refunds) == 300 - out.cut["facts"]
    assert len(msgspec.json.encode(thing.state.told)) <= merging.MOST_BYTES


MANY = st.lists(
    st.one_of(
        PURCHASES,
        STATES,
        st.builds(
            lambda at, by, id: fact(ORDER, "refund", at, {"refund_id": id, "value": 1, "currency": "EUR"}, by=by),
            TIMES, BY, st.sampled_from("rstuvw"),
        ),
    ),
    max_size=16,
)  # fmt: skip


@settings(deadline=None)
@given(MANY, st.randoms(use_true_random=False))
def test_the_order_of_facts_changes_nothing_beyond_the_bound(said: list[Fact], rng: random.Random) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(merging, "MOST_ENTRIES", 2)
        shuffled = said + rng.choices(said, k=3) if said else []
        rng.shuffle(shuffled)
        assert msgspec.json.encode(heard(*said).state.told) == msgspec.json.encode(heard(*shuffled).state.told)


TRAITS = st.builds(
    lambda at, digest, names: Kept(f"{digest:016}", 1, at, dict.fromkeys(names, digest)),
    TIMES,
    st.integers(1, 9_999),
    st.lists(st.sampled_from(("trait:a", "trait:b", "tag:a", "channel:mail", "consent")), min_size=1, unique=True),
)


@settings(deadline=None)
@given(st.lists(TRAITS, max_size=10, unique_by=lambda one: one.digest), st.randoms(use_true_random=False))
def test_the_same_traits_are_left_in_whichever_order_they_come(said: list[Kept], rng: random.Random) -> None:
    def merged(facts: list[Kept]) -> list[Kept]:
        found: list[Kept] = []
        for one in facts:
            merging.merge(found, Kept(one.digest, one.rank, one.time, dict(one.fields)))
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(merging, "MOST_ENTRIES", 2)
        left = merged(said)
        assert merged(rng.sample(said, len(said))) == left
    names = {name for one in left for name in one.fields}
    for stays in ("consent", "channel:mail"):
        assert (stays in names) is any(stays in one.fields for one in said)


def test_a_state_that_is_too_long_loses_what_is_least(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merging, "MOST_BYTES", 2_000)
    said = [fact(ORDER, "refund", n, {"refund_id": f"{n}", "items": [{"item_id": "x" * 200}] * 3}) for n in range(5)]
    assert [one.time - START for one in heard(*said).state.told] == [3, 4]
    said = [fact(ORDER, "purchase", n, {"coupon" if n else "channel": "x" * 900}) for n in range(2)]
    assert [one.time - START for one in heard(*said).state.told] == [0, 1]
    monkeypatch.setattr(merging, "MOST_BYTES", 1_000)
    assert [one.time - START for one in heard(*said).state.told] == [1]


def test_a_retry_from_a_clock_that_is_ahead_is_another_word_of_the_same_id() -> None:
    """Its time counts as that of its arrival, see docs/servers.md."""
    out = Out(decay_zero=0, half_life=DAY)
    out.now = START + DAY
    home = "#agreement:" + "e" * 32
    thing = Thing("shop", home, ThingState())
    said, again = (fact(home, "agreement", at, {"level": "mail"}, id="1" * 16) for at in (0, 2))
    assert facts.take(said, thing, {}, out) is Verdict.APPLIED
    assert facts.take(again, thing, {}, out) is Verdict.CONFLICT
    facts.take(fact(home, "agreement", 1, {"level": "phone"}), thing, {}, out)
    assert facts.take(said, thing, {}, out) is Verdict.APPLIED
    assert value_of(thing.state.told, stored_name("level")) == "phone"
    facts.take(again, thing, {}, out)
    assert value_of(thing.state.told, stored_name("level")) == "mail"


def test_an_order_was_bought_when_the_first_of_its_purchases_says() -> None:
    """Whichever comes first, and whoever has the last word."""
    said = [
        fact(ORDER, "purchase", at, {"value": at, "currency": "EUR"}, by=by) for at, by in ((5, "page"), (9, "server"))
    ]
    for told in (said, said[::-1]):
        state = heard(*told).state
        assert (order(state.told).value, value_of(state.told, BOUGHT)) == (9, START + 5)


def test_a_fact_older_than_its_kind_is_kept_is_too_late() -> None:
    out = Out(decay_zero=0, half_life=DAY)
    out.enter(SiteFacts(Site(key="shop")), START)
    out.now = START + 801 * DAY
    thing = Thing("shop", ORDER, ThingState())
    said = fact(ORDER, "purchase", 0, {"value": 1, "currency": "EUR"})
    assert facts.take(said, thing, {}, out) is Verdict.TOO_LATE
    assert thing.state == ThingState()


@pytest.mark.parametrize(
    ("type", "body", "field"),
    [
        ("purchase", {"value": 1.5}, "value"),
        ("purchase", {"value": True}, "value"),
        ("purchase", {"items": [{"price": 1}]}, "items"),
        ("purchase", {"items": [{"item_id": "a"}] * 201}, "items"),
        ("order_state", {"state": "lost"}, "state"),
        ("order_state", {"state": "paid", "at": -1}, "at"),
        ("refund", {"refund_id": 7}, "refund_id"),
    ],
)
def test_a_body_that_cannot_be_is_named_by_its_field(type: str, body: dict[str, Any], field: str) -> None:
    assert field in facts.fault_of(fact(ORDER, type, 0, body))


def test_every_type_of_fact_about_a_thing_says_something_of_it() -> None:
    assert set(facts.MAKINGS) - {CLAIM} == {type.name for type in TYPES if type.thing is not None}


def test_every_field_of_a_fact_has_a_form_and_a_stored_name_of_its_own() -> None:
    for type in (*facts.MAKINGS.keys() - {CLAIM}, "customer", "preference", "consent"):
        known = forms.table(type)
        assert len({stored for stored, _ in known.values()}) == len(known), type
        for name, (stored, form) in known.items():
            is_money = form in (forms.amount, forms.items)
            assert (form is forms.amount) == (name in AMOUNTS), f"{type}.{name}: list amounts in vocabulary.fields"
            assert (stored[0] == MONEY) == is_money, f"{type}.{name}"
    assert {name for name, _ in forms.ITEM} == set(Item.__struct_fields__)


def test_a_page_tells_each_field_of_an_order_that_it_may_say() -> None:
    samples = {forms.amount: 1, forms.text: "x", forms.number: 1, forms.flag: True, forms.items: [{"item_id": "a"}]}
    said = {name: samples[form] for name, form in page_orders.FIELDS.items()} | {"currency": "EUR"}
    assert page_orders.body(said).keys() == said.keys()
    of_pages = {name.rstrip("*") for type in ("purchase", "refund") for name in pages.FIELDS[type]}
    assert said.keys() == of_pages - {"transaction_id", "signature"}
    line = {name: samples[form] for name, form in forms.ITEM}
    [item] = page_orders.body({"currency": "EUR", "items": [line]})["items"]
    assert item.keys() == {name.rstrip("*") for name in pages.ITEM} == line.keys() - {"cost"}


def test_an_item_is_stored_without_what_nobody_said() -> None:
    from crm.commerce.orders import PURCHASE_FIELDS

    items = [{"item_id": "runner-7", "price": 8900, "quantity": 2.0, "item_name": ""}]
    assert taken({"items": items}, PURCHASE_FIELDS) == {"$i": [["runner-7", 8900, 2]]}


@pytest.mark.parametrize(
    ("props", "tells"),
    [
        ({}, True),
        ({"items": []}, True),
        ({"value": 3, "currency": "EUR"}, True),
        ({"value": 3}, False),
        ({"value": "three", "currency": "EUR"}, False),
        ({"items": [{"item_name": "Runner 7"}]}, False),
        ({"items": [{"item_name": "Runner 7"}], "value": 3, "currency": "EUR"}, True),
    ],
)
def test_a_pages_refund_that_cannot_be_read_is_not_of_the_whole_order(props: dict[str, Any], tells: bool) -> None:
    out, visitor = Out(decay_zero=0, half_life=DAY), Visitor("shop", "visitor-1", VisitorState(), {}, 0)
    page_orders.tell(event("visitor-1", "page-1", 0, 0, "refund", order=ORDER, props=props), visitor, out)
    assert bool(out.shares) is tells


def test_what_a_page_says_becomes_minor_units() -> None:
    said = {
        "value": 12.345, "currency": "EUR", "tax": "about 2", "channel": "app", "name": "somebody",
        "items": [{"item_id": 7, "price": 0.1, "quantity": 3}, {}],
    }  # fmt: skip
    assert page_orders.body(said) == {
        "value": 1235, "currency": "EUR", "items": [{"item_id": "7", "price": 10, "quantity": 3}], "channel": "app",
    }  # fmt: skip
    assert page_orders.body({"value": 3}) == {}  # in no currency
    assert page_orders.body({"price": 3, "currency": "EUR"}) == {}  # a former name: such an event has no order
    assert not facts.fault_of(fact(ORDER, "purchase", 0, page_orders.body(said), by="page"))


@pytest.mark.parametrize("by", ["page", "signed"])
def test_whom_a_page_names_is_no_part_of_what_it_says(by: str) -> None:
    """A replay, which knows that somebody was forgotten, finds the same fact."""
    said = {"by": by, "id": "1" * 16}
    named = fact(ORDER, "purchase", 0, {"value": 1}, customer="@customer0", visitor="visitor-1", **said)
    assert digests.digest(named) == digests.digest(fact(ORDER, "purchase", 0, {"value": 1}, **said))


def test_a_persons_facts_are_remembered_for_so_many_days() -> None:
    text, said, last = "", fact("@customer0", "tag", 0, {"tag": "vip"}), START + REMEMBERED_DAYS * DAY
    text, verdict, _ = digests.remember(text, said, START)
    assert verdict is None
    assert len(text) <= 24
    other = fact("@customer0", "tag", 0, {"tag": "other"}, id=said.id)
    assert digests.remember(text, said, last)[1] is Verdict.DUPLICATE
    assert digests.remember(text, other, last)[1] is Verdict.CONFLICT
    assert digests.remember(text, other, last + DAY)[1] is None
    cut = 0
    for n in range(digests.MOST_REMEMBERED + 3):
        text, _, more = digests.remember(text, fact("@customer0", "tag", n, {"tag": "vip"}), START)
        cut += more
    assert (len(text), cut) == (digests.MOST_REMEMBERED * digests.ENTRY, 3)
