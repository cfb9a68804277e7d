"""Whose an order is, where several browsers, or a browser and a server, name somebody."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm import facts
from crm.commerce.claims import CLAIM
from crm.out import Out
from crm.sites import SiteFacts
from crm.things.state import Thing
from tests.timeline import DAY, START, fact
from wakeline.kept import Kept
from wakeline.orders import order
from wakeline.record import Fact
from wakeline.settings import Site
from wakeline.told import CUSTOMER, FORMER_VISITOR, RANK_OF_OTHERS, RANK_OF_PAGES, ThingState, customer_of, visitor_of

ORDER = "#" + "a" * 32
PEOPLE = ("@jo", "@ben", "@ada")
SOLD = {"value": 100, "currency": "EUR"}


class Erased:
    """What a lane knows of a person: up to when it was erased."""

    def __init__(self, upto: int = 0) -> None:
        self.tombstone = upto


def told_to(thing: Thing, *said: Fact, erased: dict[str, int] | None = None) -> Thing:
    out = Out(decay_zero=0, half_life=DAY)
    out.enter(SiteFacts(Site(key="shop")), START)
    out.now = START + DAY
    for one in said:
        named = {id: Erased((erased or {}).get(id, 0)) for id in (one.customer, one.visitor) if id}
        facts.take(one, thing, named, out)
    return thing


def unheard() -> Thing:
    return Thing("shop", ORDER, ThingState())


def bought(at: int, visitor: str, customer: str = "", *, signed: bool = False) -> Fact:
    """A page's purchase."""
    by = "signed" if signed else "page"
    return fact(ORDER, "purchase", at, SOLD, visitor=visitor, customer=customer, by=by)


def claim(of: Fact, customer: str, number: int) -> Fact:
    return fact(ORDER, CLAIM, of.time - START, {"claim": number}, visitor=of.visitor, customer=customer, by=of.by)


@st.composite
def stories(draw: Any, *, at_once: bool = False) -> tuple[list[Fact], str, str]:
    """What is said of an order; whose it is then, and whose page told it."""
    said: list[Fact] = []
    visits = []
    for number, at in enumerate(draw(st.lists(st.integers(1, 9), unique=not at_once, max_size=4))):
        names = draw(st.lists(st.sampled_from(PEOPLE), max_size=3))
        first = names.pop(0) if names and draw(st.booleans()) else ""
        one = bought(at, f"visitor-{number}", first, signed=draw(st.booleans()))
        said += [one, *(claim(one, name, nth) for nth, name in enumerate(names, start=1))]
        visits.append((one.by != "signed", at, one.visitor, names[-1] if names else first))
    visits.sort()
    words = [
        fact(ORDER, "order_state", at, {"state": "paid"}, customer=name, by="server")
        for at, name in draw(st.dictionaries(st.integers(1, 9), st.sampled_from(PEOPLE), max_size=2)).items()
    ]
    customer = next((customer for *_, customer in visits if customer), "")
    if words:
        customer = max(words, key=lambda word: word.time).customer
    return said + words, customer, visits[0][2] if visits else ""


@settings(deadline=None)
@given(stories(), st.randoms(use_true_random=False))
def test_a_server_then_a_signature_then_the_earlier_says_whose_it_is(
    story: tuple[list[Fact], str, str], rng: random.Random
) -> None:
    said, customer, visitor = story
    shuffled = said + rng.choices(said, k=3) if said else []
    rng.shuffle(shuffled)
    thing = told_to(unheard(), *shuffled)
    found = order(thing.state.told)
    assert (found.customer, found.visitor) == (customer, visitor)
    assert msgspec.json.encode(thing.state) == msgspec.json.encode(told_to(unheard(), *said).state)
    assert {customer, visitor} - {""} <= thing.named()


@settings(deadline=None)
@given(stories(at_once=True), st.randoms(use_true_random=False))
def test_the_order_of_what_is_said_for_one_moment_changes_nothing(
    story: tuple[list[Fact], str, str], rng: random.Random
) -> None:
    said, *_ = story
    shuffled = rng.sample(said, k=len(said))
    assert msgspec.json.encode(told_to(unheard(), *shuffled).state) == msgspec.json.encode(
        told_to(unheard(), *said).state
    )


@settings(deadline=None)
@given(stories(at_once=True), st.data())
def test_who_is_erased_is_not_named_whenever_that_is_told(
    story: tuple[list[Fact], str, str], data: st.DataObject
) -> None:
    said, *_ = story
    who = data.draw(st.sampled_from((*PEOPLE, "visitor-0", "visitor-1")))
    upto, at = START + data.draw(st.integers(0, 9)), data.draw(st.integers(0, len(said)))
    live = told_to(unheard(), *said[:at])
    out = Out(decay_zero=0, half_life=DAY)
    out.enter(SiteFacts(Site(key="shop")), START)
    facts.unlink(live, who, out, upto=upto)
    told_to(live, *said[at:], erased={who: upto})
    replayed = told_to(unheard(), *said, erased={who: upto})
    assert msgspec.json.encode(live.state) == msgspec.json.encode(replayed.state)
    if all(one.time <= upto for one in said):
        assert who not in live.named()


@pytest.mark.parametrize("rank", [RANK_OF_PAGES, RANK_OF_OTHERS])
def test_what_an_earlier_version_stored_gives_way_to_pages_only(rank: int) -> None:
    """It did not tell apart who named the customer: with the rank of a page it was none but a page."""
    former = {"$v": 100, "c": "EUR", CUSTOMER: "@jo", FORMER_VISITOR: "visitor-0"}
    thing = Thing("shop", ORDER, ThingState(told=[Kept("d" * 16, rank, START + 1, former)]))
    assert (customer_of(thing.state.told), visitor_of(thing.state.told)) == (("@jo", START + 1), "visitor-0")
    assert thing.named() == {"@jo", "visitor-0"}
    told_to(thing, claim(bought(1, "visitor-0"), "@ben", 1))
    assert customer_of(thing.state.told)[0] == ("@ben" if rank == RANK_OF_PAGES else "@jo")


@pytest.mark.parametrize("rank", [RANK_OF_PAGES, RANK_OF_OTHERS])
def test_a_later_page_takes_no_order_that_an_earlier_version_stored(rank: int) -> None:
    former = {"$v": 100, "c": "EUR", CUSTOMER: "@jo", FORMER_VISITOR: "visitor-0"}
    thing = Thing("shop", ORDER, ThingState(told=[Kept("d" * 16, rank, START + 5, former)]))
    told_to(thing, bought(9, "visitor-1", "@ben"))
    assert (customer_of(thing.state.told), visitor_of(thing.state.told)) == (("@jo", START + 5), "visitor-0")
    told_to(thing, bought(3, "visitor-2", "@ada"))
    wanted = ("@ada", "visitor-2") if rank == RANK_OF_PAGES else ("@jo", "visitor-0")
    assert (customer_of(thing.state.told)[0], visitor_of(thing.state.told)) == wanted
