"""A customer has two parts: a withdrawal of consent ends what its browsers told, never what servers told."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm.state import CustomerState, Visitor, VisitorState, encode_state
from tests.test_processor_forgetting import A, B, Story, V, W, check_replay
from tests.thorough import cases
from tests.timeline import START, fact
from wakeline.record import FOR_GOOD, Erase

ORDER = "#" + "a" * 32
MONEY = {"value": 9, "currency": "EUR"}


class Told(Story):
    """A story in which servers speak too, each a second after the one before."""

    def tell(self, home: str, type: str, body: dict[str, Any] | None = None, *, late: int = 0, **fields: Any) -> None:
        self.now += 1_000
        self.lanes.append(home, fact(home, type, self.now - late, body, **fields), self.now)

    def of(self, id: str) -> CustomerState:
        return self.lanes.customer(id).state

    def record(self, id: str) -> tuple[Any, ...]:
        """What commutes: it is the same whatever browsers said meanwhile."""
        state = self.of(id)
        return sorted(encode_state(kept) for kept in state.record), state.first_heard, state.heard, state.returned


@pytest.fixture
def story() -> Told:
    """Two browsers of one customer, of whom a server told too."""
    told = Told()
    told.tell(A, "customer", {"traits": {"plan": "gold"}})
    for visitor, interest in ((V, "shoes"), (W, "bags")):
        told.view(visitor, interest)
        told.identify(visitor, A)
    told.settle()
    assert (told.views(A), told.of(A).visitors) == (2, [V, W])
    return told


def test_a_withdrawal_ends_the_page_part_and_no_more(story: Told) -> None:
    kept = story.record(A)
    story.withdraw(V)
    story.settle()
    state = story.of(A)
    assert story.record(A) == kept
    assert (state.visitors, state.counts, state.last_seen, state.source) == ([], {}, 0, "")
    assert (state.first_seen, state.last) == (START + 1_000, START + 1_000), "those of the record"
    assert not story.lanes.customer(A).interests.scores
    assert story.lanes.tombstones == {("shop", V): FOR_GOOD}
    assert (story.is_blank(V), story.linked(W), story.views(W)) == (True, "", 1)
    assert story.lanes.visitor(W).interests.scores.keys() == {"bags"}


def test_what_was_told_to_the_page_part_does_not_come_back_with_another_browser(story: Told) -> None:
    story.withdraw(V)
    story.settle()
    story.view(W, "hats")
    story.identify(W, A)
    story.view(W, "belts")
    story.settle()
    assert (story.linked(W), story.of(A).visitors, story.views(A)) == (A, [W], 1)
    assert story.lanes.customer(A).interests.scores.keys() == {"belts"}
    assert story.lanes.visitor(W).interests.scores.keys() == {"bags", "hats", "belts"}


def test_who_signs_in_again_before_its_browser_is_told_stays_linked(story: Told) -> None:
    story.withdraw(V)
    story.fold(V)
    story.send(V)
    story.identify(W, A)
    story.view(W, "belts")
    story.fold(W)
    story.settle()
    assert (story.linked(W), story.of(A).visitors) == (A, [W])
    story.erase(A)
    story.settle()
    assert (story.linked(W), story.is_blank(W)) == ("", True), "so that an erasure reaches it"


def test_what_a_browser_saw_before_the_withdrawal_stays_out(story: Told) -> None:
    """It is told late, by a browser that is linked again."""
    story.withdraw(V)
    story.settle()
    story.identify(W, A)
    story.view(W, "felt", late=10_000)
    story.settle()
    assert (story.views(A), "felt" in story.lanes.customer(A).interests.scores) == (0, False)
    assert (story.views(W), "felt" in story.lanes.visitor(W).interests.scores) == (2, True)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_withdrawal_holds_beside_an_erasure_of_before(story: Told, order: tuple[int, int]) -> None:
    """In either order: what came between them is in no page part."""
    story.withdraw(V)
    between = story.now - 500
    for one in order:
        story.settle() if one else story.erase(A, upto=story.now - 1_000)
    story.settle()
    story.identify(W, A, late=story.now + 1_000 - between)
    story.settle()
    assert (story.linked(W), story.of(A).visitors) == ("", [])


def test_a_customer_is_first_seen_by_its_record_alone() -> None:
    story = Told()
    story.view(V)
    story.identify(V, A)
    story.settle()
    story.tell(A, "tag", {"tag": "v"})
    story.settle()
    assert story.of(A).first_seen == START + 1_000
    story.withdraw(V)
    story.settle()
    assert story.of(A).first_seen == START + 3_000


def test_a_share_that_comes_after_the_withdrawal_is_refused_and_its_visitor_told(story: Told) -> None:
    third = "visitor-3"
    story.view(third, "felt")
    story.identify(third, A)
    story.view(third, "wool")
    story.fold(third)
    story.withdraw(V)
    story.fold(V)
    story.send(V)
    story.fold(A)
    assert story.linked(third) == A
    story.settle()
    assert (story.linked(third), story.views(third), story.views(A)) == ("", 2, 0)
    (told,) = [one for one in story.lanes.records(Erase, third) if isinstance(one, Erase) and one.id == third]
    assert (told.customer, told.withdrawn) == (A, True)


def test_things_keep_naming_the_customer_and_no_browser(story: Told) -> None:
    story._event(V, "purchase", order=ORDER, props=MONEY)
    story.settle()
    story.withdraw(V)
    story.settle()
    assert story.of(A).heard == START + story.now - 1_000
    story.tell(ORDER, "order_state", {"state": "paid"}, customer=A)
    story.settle()
    assert story.of(A).heard == START + story.now


@pytest.mark.parametrize("level", ["off", "anonymous"])
def test_a_withdrawal_told_by_a_server_holds_for_all_browsers(story: Told, level: str) -> None:
    plan = story.of(A).record[0]
    story.tell(A, "consent", {"level": level})
    at = story.now
    story.settle()
    assert story.lanes.tombstones == {("shop", V): START + at, ("shop", W): START + at}
    for visitor in (V, W):
        assert (story.is_blank(visitor), story.linked(visitor)) == (True, "")
    assert plan in story.of(A).record
    assert (story.of(A).visitors, story.views(A)) == ([], 0)
    story.identify("visitor-3", A, late=story.now - at + 1_500)
    story.settle()
    assert story.linked("visitor-3") == "", "also for one that is heard of later"
    story.tell(A, "consent", {"level": "full"})
    story.identify(W, A)
    story.settle()
    assert story.of(A).visitors == [W]


def test_a_withdrawal_told_by_a_server_for_a_browser_is_one_on_that_browser(story: Told) -> None:
    kept = story.record(A)
    story.tell(V, "consent", {"level": "off"})
    story.settle()
    assert (story.is_blank(V), story.linked(W), story.views(W), story.views(A)) == (True, "", 1, 0)
    assert story.record(A) == kept


def test_who_is_erased_loses_the_record_too(story: Told) -> None:
    story.withdraw(V)
    story.settle()
    story.tell(A, "forget")
    story.settle()
    assert story.record(A) == ([], 0, 0, 0)
    assert story.lanes.tombstones["shop", A] == START + story.now


def test_a_former_customer_keeps_the_earliest_time_that_is_known(story: Told) -> None:
    """Earlier versions did not store when a customer was first heard of."""
    story.tell(A, "tag", {"tag": "v"})
    story.settle()
    story.of(A).first_heard = 0
    story.withdraw(V)
    story.settle()
    assert story.of(A).first_seen == START + 1_000


def test_a_link_that_ends_is_taken_from_the_profile() -> None:
    """So is all else that has become empty."""
    from processor.people import _traits

    visitor = Visitor("shop", V, VisitorState(first_seen=1, customer=A), {}, 0)
    fields: list[str] = []
    assert "customer" not in _traits(visitor, fields)
    assert fields == ["first_seen", "1", "customer", A]
    visitor.state.customer = ""
    fields.clear()
    assert {"customer", "visits", "country", "last_source"} <= {*_traits(visitor, fields)}
    assert fields == ["first_seen", "1"]


VISITORS, CUSTOMERS = (V, W, "visitor-3"), (A, B)
LATE = st.sampled_from([0, 0, 1_000, 3_000])
ACTIONS = st.one_of(
    st.tuples(st.just("view"), st.sampled_from(VISITORS), st.just(""), LATE),
    st.tuples(st.just("identify"), st.sampled_from(VISITORS), st.sampled_from(CUSTOMERS), LATE),
    st.tuples(st.just("withdraw"), st.sampled_from(VISITORS), st.just(""), LATE),
    st.tuples(st.just("off"), st.sampled_from((*CUSTOMERS, *VISITORS)), st.just(""), LATE),
    st.tuples(st.just("tag"), st.sampled_from(CUSTOMERS), st.sampled_from("vw"), LATE),
    st.tuples(st.just("order"), st.sampled_from(CUSTOMERS), st.just(""), LATE),
    st.tuples(st.just("fold"), st.sampled_from(VISITORS), st.just(""), LATE),
    st.tuples(st.just("send"), st.sampled_from((*CUSTOMERS, *VISITORS)), st.just(""), LATE),
)


@settings(max_examples=cases(1_000), deadline=None)
@given(actions=st.lists(ACTIONS, max_size=40), cuts=st.lists(st.integers(1, 5), min_size=1, max_size=4))
def test_a_record_does_not_depend_on_what_browsers_say(actions: Any, cuts: list[int]) -> None:
    """However they are mixed; and what a withdrawal ended is in no page part."""
    story, alone = Told(), Told()
    withdrawn = dict.fromkeys(CUSTOMERS, 0)
    viewed: list[tuple[str, int]] = []
    for action, who, what, late in actions:
        late = min(late, story.now)
        if action == "view":
            viewed.append((f"i{len(viewed)}", story.now + 1_000 - late))
            story.view(who, viewed[-1][0], late=late)
        elif action == "identify":
            story.identify(who, what, late=late)
        elif action == "withdraw":
            story.withdraw(who, late=late)
        elif action == "fold":
            story.fold(who)
        elif action == "send":
            story.send(who)
        else:
            home, type, body = {
                "off": (who, "consent", {"level": "off"}),
                "tag": (who, "tag", {"tag": what}),
                "order": (ORDER, "purchase", MONEY),
            }[action]
            customer = {"customer": who} if action == "order" else {}
            story.tell(home, type, body, late=late, **customer)
            if who in CUSTOMERS:
                alone.now = story.now - 1_000
                alone.tell(home, type, body, late=late, **customer)
            if action == "off" and who in CUSTOMERS:
                withdrawn[who] = max(withdrawn[who], story.now - late)
    story.settle()
    alone.settle()
    for id in CUSTOMERS:
        assert story.record(id) == alone.record(id)
        scores, state = story.lanes.customer(id).interests.scores, story.of(id)
        assert not [name for name, at in viewed if at <= withdrawn[id] and name in scores and not state.visitors]
        for visitor in VISITORS:
            held = story.lanes.visitor(visitor).state
            if held.customer == id:
                assert max(held.linked, held.named) > START + withdrawn[id]
                assert visitor in state.visitors
    check_replay(story, cuts)
