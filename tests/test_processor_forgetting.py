"""Erasure is complete in any order of records and erasures, and nobody else is forgotten."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm.identity.consent import WITHHELD_MS
from crm.identity.forgetting import MAX_VISITORS
from crm.state import encode_state
from tests.lanes_apart import LANES, LanesApart, lane
from tests.thorough import cases
from tests.timeline import DAY, SECOND, START, event
from wakeline.record import FOR_GOOD, CustomerShare, Delta, Erase, decode_record

V, W, A, B = "visitor-1", "visitor-2", "@alice", "@ben"
VISITORS = ("visitor-1", "visitor-2", "visitor-3")
CUSTOMERS = (A, B)


class Story:
    """Events one second apart, each on its own page instance."""

    def __init__(self) -> None:
        self.lanes = LanesApart()
        self.now = 0

    def _event(self, visitor: str, type: str, late: int = 0, **fields: Any) -> None:
        self.now += SECOND
        at = self.now - late
        self.lanes.append(visitor, event(visitor, f"page-{self.now}", 0, at, type, **fields), self.now)

    def view(self, visitor: str, interest: str = "", late: int = 0) -> None:
        self._event(visitor, "page_view", late, interests=[interest] if interest else [])

    def identify(self, visitor: str, customer: str, late: int = 0) -> None:
        self._event(visitor, "identify", late, customer=customer)

    def withdraw(self, visitor: str, late: int = 0) -> None:
        self._event(visitor, "consent", late, level="off")

    def erase(self, id: str, upto: int | None = None) -> None:
        self.now += SECOND
        self.lanes.append(id, Erase(site="shop", id=id, time=START + (self.now if upto is None else upto)), self.now)

    def fold(self, *ids: str) -> None:
        """Only the lanes of these, once, and send nothing."""
        for id in ids:
            self.lanes.fold(lane(id))

    def send(self, id: str) -> None:
        self.lanes.send(lane(id), self.now)

    def settle(self) -> None:
        self.lanes.settle(self.now)

    # what came of it

    def is_blank(self, id: str) -> bool:
        person = self.lanes.customer(id) if id[0] == "@" else self.lanes.visitor(id)
        return not person.state.first_seen and not person.interests.scores

    def linked(self, visitor: str) -> str:
        return self.lanes.visitor(visitor).state.customer

    def views(self, id: str) -> int:
        if id[0] == "@":
            return self.lanes.customer(id).state.named_counts().get("page_views", 0)
        return self.lanes.visitor(id).state.page_views


@pytest.fixture
def story() -> Story:
    return Story()


def test_the_lanes_are_apart() -> None:
    """Otherwise these tests would show nothing."""
    assert len({lane(V), lane(A), lane(B)}) == 3
    assert len({lane(W), lane(A)}) == 2


# ---- an erasure that overtakes what its person did -------------------------------------------------------


@pytest.mark.parametrize("views", [0, 50])
def test_a_share_that_comes_after_the_erasure_is_refused_and_its_visitor_forgets(story: Story, views: int) -> None:
    """It is told once, however many shares are refused in one call."""
    story.view(V, "shoes")
    story.identify(V, A)
    for _ in range(views):
        story.view(V, "shoes")
    story.fold(V)
    story.erase(A)
    story.fold(A)
    story.send(V)
    assert story.linked(V) == A
    story.settle()
    assert (story.linked(V), story.is_blank(V), story.is_blank(A)) == ("", True, True)
    told = story.lanes.records(Erase, V)
    assert [(one.id, one.customer) for one in told if one.id == V] == [(V, A)]


def test_what_a_visitor_does_before_it_is_told_does_not_begin_the_customer_anew(story: Story) -> None:
    story.view(V)
    story.identify(V, A)
    story.settle()
    story.erase(A)
    story.fold(A)
    story.view(V, "shoes")
    story.fold(V)
    story.settle()
    assert (story.linked(V), story.is_blank(V), story.is_blank(A)) == ("", True, True)


def test_who_signs_in_again_before_its_browser_was_told_begins_anew(story: Story) -> None:
    story.view(V, "old")
    story.identify(V, A)
    story.settle()
    story.erase(A)
    story.fold(A)
    story.identify(V, A)
    story.view(V, "new")
    story.settle()
    assert story.linked(V) == A
    assert story.lanes.customer(A).state.visitors == [V]
    assert story.lanes.customer(A).interests.scores.keys() == {"new"}
    assert "old" not in story.lanes.visitor(V).interests.scores
    story.erase(A)
    story.settle()
    assert (story.linked(V), story.is_blank(V), story.is_blank(A)) == ("", True, True)


def test_who_signs_in_again_and_does_nothing_more_is_known_to_its_customer(story: Story) -> None:
    story.view(V)
    story.identify(V, A)
    story.settle()
    story.erase(A)
    story.fold(A)
    story.identify(V, A)
    story.settle()
    assert (story.linked(V), story.lanes.customer(A).state.visitors) == (A, [V])


def test_a_customer_that_is_not_known_yet_is_forgotten_all_the_same(story: Story) -> None:
    story.erase(A, upto=10 * SECOND)
    story.fold(A)
    story.view(V)
    story.identify(V, A)
    story.settle()
    assert (story.linked(V), story.is_blank(A)) == ("", True)
    story.now = 20 * SECOND
    story.identify(V, A)
    story.settle()
    assert (story.linked(V), story.is_blank(A)) == (A, False)


def test_a_visitor_that_is_erased_behind_its_identify_takes_its_customer_along(story: Story) -> None:
    story.identify(W, A)
    story.settle()
    story.view(V)
    story.identify(V, A)
    story.erase(V)
    story.settle()
    assert [story.is_blank(id) for id in (V, W, A)] == [True] * 3


def test_more_links_than_are_listed_end_with_the_others(story: Story) -> None:
    many = [f"browser-{number}" for number in range(MAX_VISITORS + 3)]
    for visitor in many:
        story.view(visitor)
        story.identify(visitor, A)
    story.settle()
    story.erase(A)
    story.settle()
    assert all(story.is_blank(visitor) and not story.linked(visitor) for visitor in many)
    assert story.is_blank(A)


# ---- a browser that several people use ---------------------------------------------------------------------


def two_people(story: Story) -> None:
    """V was Alice's and is Bob's, W is Bob's too."""
    story.view(W, "bobs")
    story.identify(W, B)
    story.view(V, "alices")
    story.identify(V, A)
    story.identify(V, B)
    story.view(V, "bobs")
    story.settle()


def test_erasing_who_had_the_browser_before_erases_nobody_else(story: Story) -> None:
    two_people(story)
    before = encode_state(story.lanes.customer(B).state)
    story.erase(A)
    story.settle()
    assert encode_state(story.lanes.customer(B).state) == before
    assert (story.linked(V), story.linked(W), story.views(W)) == (B, B, 1)
    assert story.is_blank(A)
    assert "alices" not in story.lanes.visitor(V).interests.scores
    story.view(V)
    story.settle()
    assert story.views(B) == 3


def test_erasing_who_has_the_browser_does_not_erase_who_had_it(story: Story) -> None:
    two_people(story)
    story.erase(B)
    story.settle()
    assert story.views(A) == 1
    assert [story.is_blank(id) for id in (V, W, B)] == [True] * 3


def test_erasing_the_browser_erases_whose_it_is_and_not_who_had_it(story: Story) -> None:
    two_people(story)
    story.erase(V)
    story.settle()
    assert story.views(A) == 1
    assert [story.is_blank(id) for id in (V, W, B)] == [True] * 3


def test_what_comes_late_is_kept_out_up_to_where_the_next_one_began(story: Story) -> None:
    two_people(story)
    story.erase(A)
    story.settle()
    story.view(V, "late-of-alice", late=story.now + SECOND - 3_500)
    story.view(V, "late-of-bob", late=story.now + SECOND - 5_500)
    story.settle()
    assert story.lanes.visitor(V).interests.scores.keys() == {"late-of-bob"}


@pytest.mark.parametrize("order", ["ABA", "ABAB", "BAB"])
def test_turns_that_come_back(story: Story, order: str) -> None:
    """The browser keeps its last customer, unless that is Alice, who is erased."""
    for name in order:
        story.identify(V, A if name == "A" else B)
        story.view(V, f"of-{name.lower()}")
    story.settle()
    story.erase(A)
    story.settle()
    assert story.linked(V) == (B if order[-1] == "B" else "")
    assert story.is_blank(A)
    assert story.views(B) == order.count("B")
    assert "of-a" not in story.lanes.visitor(V).interests.scores


def test_a_link_of_former_code_ends_with_its_customer(story: Story) -> None:
    """When it began was not noted, neither in the state nor in the shares."""
    two_people(story)
    visitor = story.lanes.visitor(V)
    visitor.state.linked = 0
    story.erase(A)
    story.settle()
    assert (story.linked(V), story.views(B)) == (B, 2)
    story.erase(B)
    story.settle()
    assert (story.linked(V), story.is_blank(V), story.is_blank(B)) == ("", True, True)


def test_records_of_former_code_are_read() -> None:
    """An erasure without a cause, a share without the time of its link; plain fields keep their format."""
    plain = b'{"kind":"erase","site":"shop","id":"v","time":7}'
    erase = decode_record(plain)
    assert erase == Erase(site="shop", id="v", time=7)
    assert encode_state(erase) == plain
    share = b'{"site":"shop","customer":"@c","visitor":"v","at":3,"since":5}'
    delta = decode_record(b'{"kind":"delta","source":0,"after":0,"upto":4,"shares":[%s]}' % share)
    assert isinstance(delta, Delta)
    assert delta.shares == [CustomerShare(site="shop", customer="@c", visitor="v", at=3, since=5)]


def test_a_replay_wipes_no_more_often_than_the_live_version(story: Story) -> None:
    """V's events after Alice is erased belong to nobody: Bob's earlier link to the browser has ended."""
    story.identify(V, B)
    story.identify(V, A)
    story.settle()
    story.erase(A)
    story.settle()
    story.view(V, "mine")
    story.settle()
    story.erase(B)
    story.settle()
    assert story.lanes.visitor(V).interests.scores.keys() == {"mine"}
    check_replay(story, [2])


# ---- withdrawals -------------------------------------------------------------------------------------------


def test_a_withdrawal_of_who_has_nothing_keeps_out_what_it_overtook_and_ends(story: Story) -> None:
    """Anybody can send one, so it leaves no tombstone for ten years. Eight days later, events that it overtook are too
    late.
    """
    story.withdraw(V)
    story.view(V)
    story.settle()
    assert story.is_blank(V)
    assert story.lanes.tombstones == {}
    story.now += WITHHELD_MS - 3 * SECOND
    story.view(V)
    story.settle()
    assert story.is_blank(V)
    story.now += 3 * SECOND
    story.view(V)
    story.settle()
    assert story.views(V) == 1


def test_a_withdrawal_of_who_has_a_profile_is_for_good(story: Story) -> None:
    story.view(V)
    story.withdraw(V)
    story.settle()
    assert story.lanes.tombstones == {("shop", V): FOR_GOOD}
    story.now += 100 * DAY
    story.view(V)
    story.settle()
    assert story.is_blank(V)


@pytest.mark.parametrize("late", [7 * DAY, 8 * DAY + SECOND, 30 * DAY])
def test_no_withdrawal_is_too_late_to_forget(story: Story, late: int) -> None:
    """It waited in a spool, or a restore says it again. What is too late to be counted still forgets, once."""
    story.view(V, "shoes")
    story.identify(V, A)
    story.now += 40 * DAY
    for _ in range(2):
        story.withdraw(V, late=late)
        story.settle()
        assert story.is_blank(V)
        assert story.is_blank(A)
        assert story.linked(V) == ""
        assert story.lanes.tombstones["shop", V] == FOR_GOOD
    again = LanesApart(story.lanes.logs, story.lanes.tombstones)
    for number in range(LANES):
        again.fold(number)
    assert portrait(again.visitor(V)) == portrait(story.lanes.visitor(V))
    assert portrait(again.customer(A)) == portrait(story.lanes.customer(A))


def test_a_late_withdrawal_of_who_has_nothing_keeps_nothing_out(story: Story) -> None:
    """What it may have overtaken is as late."""
    story.now += 20 * DAY
    story.withdraw(V, late=9 * DAY)
    story.view(V)
    story.settle()
    assert story.views(V) == 1
    assert story.lanes.tombstones == {}


# ---- whatever the order --------------------------------------------------------------------------------------

ACTIONS = st.one_of(
    st.tuples(st.just("view"), st.sampled_from(VISITORS), st.integers(0, 5)),
    st.tuples(st.just("identify"), st.sampled_from(VISITORS), st.sampled_from(CUSTOMERS)),
    st.tuples(st.just("erase"), st.sampled_from((*CUSTOMERS, *CUSTOMERS, *VISITORS)), st.none()),
    st.tuples(st.just("withdraw"), st.sampled_from(VISITORS), st.none()),
    st.tuples(st.just("fold"), st.integers(0, LANES - 1), st.integers(1, 4)),
    st.tuples(st.just("send"), st.integers(0, LANES - 1), st.integers(1, 2)),
)


class Books:
    """The test's model of a story: whose turn it was on each browser, who was erased and when."""

    def __init__(self) -> None:
        self.turns: dict[str, str] = {}
        self.last: dict[str, str] = {}  # whose the browser may still be, where the word has not come through
        self.forgotten: defaultdict[str, int] = defaultdict(lambda: -1)  # latest time, ms after START
        self.withdrawn: defaultdict[str, int] = defaultdict(lambda: -1)  # the same of the page parts of customers
        self.touched: set[str] = set()  # visitors whose own profile may have started over, and customers
        self.views: list[tuple[str, str, int, str]] = []  # visitor, whose turn, time, interest

    def forget(self, id: str, at: int) -> None:
        self.forgotten[id] = max(at, self.forgotten[id])
        self.touched.add(id)
        if id[0] == "@":
            self.touched.update(visitor for visitor, customer in self.last.items() if customer == id)
            for visitor in [visitor for visitor, customer in self.turns.items() if customer == id]:
                del self.turns[visitor]
        else:
            self.turns.pop(id, None)

    def withdraw(self, customer: str, at: int) -> None:
        """Its other browsers lose the link and nothing else."""
        self.withdrawn[customer] = max(at, self.withdrawn[customer])
        for visitor in [visitor for visitor, one in self.turns.items() if one == customer]:
            del self.turns[visitor]


@settings(max_examples=cases(400), deadline=None)
@given(actions=st.lists(ACTIONS, max_size=50), cuts=st.lists(st.integers(1, 5), min_size=1, max_size=10))
def test_nothing_of_who_is_forgotten_remains_and_nobody_else_loses_anything(actions: Any, cuts: list[int]) -> None:
    story, books = Story(), Books()
    everybody: set[tuple[str, str]] = set()  # visitors and whom they ever were
    for action, who, what in actions:
        if action == "view":
            at = max(SECOND, story.now + SECOND - what * SECOND)
            books.views.append((who, books.turns.get(who, "") if not what else "?", at, f"i{len(books.views)}"))
            story.view(who, books.views[-1][3], late=story.now + SECOND - at)
        elif action == "identify":
            story.identify(who, what)
            if books.forgotten[who] < FOR_GOOD:
                books.turns[who] = books.last[who] = what
                everybody.add((who, what))
                if what in books.touched:  # it may be told of an erasure that it came after
                    books.touched.add(who)
        elif action == "erase" or action == "withdraw":
            story.erase(who) if action == "erase" else story.withdraw(who)
            customers = {books.turns.get(who), books.last.get(who)} - {None} if who[0] != "@" else set()
            sure = books.turns.get(who)
            books.forget(who, FOR_GOOD if action == "withdraw" else story.now)
            for customer in customers:
                if customer == sure:
                    (books.forget if action == "erase" else books.withdraw)(customer, story.now)
                books.touched.add(customer)
                if action == "erase":
                    books.touched.update(visitor for visitor, other in everybody if other == customer)
            if who[0] == "@":
                books.touched.update(visitor for visitor, other in everybody if other == who)
        elif action == "fold":
            story.lanes.fold(who, what)
        else:
            story.lanes.send(who, story.now, what)
    story.settle()
    check(story, books)
    check_replay(story, cuts)


LATE = st.sampled_from([0, 0, 0, 1, 3])
OF_ONE = st.one_of(
    st.tuples(st.just("view"), LATE),
    st.tuples(st.just("identify"), LATE, st.sampled_from(CUSTOMERS)),
    st.tuples(st.just("erase"), st.just(0), st.sampled_from((*CUSTOMERS, *CUSTOMERS, *CUSTOMERS, V))),
    st.tuples(st.sampled_from(["view", "view", "withdraw"]), st.just(0)),
)


@settings(max_examples=cases(2_000), deadline=None)
@given(
    actions=st.lists(st.tuples(OF_ONE, st.sampled_from([True, True, True, False])), min_size=5, max_size=10),
    cuts=st.lists(st.integers(1, 5), min_size=1, max_size=4),
)
def test_a_replay_forgets_when_the_live_version_did(actions: Any, cuts: list[int]) -> None:
    """A browser that two people use, and most words come through before the next: a replay knows the tombstones of
    today from its first record on, and nothing of whom they kept out.
    """
    story = Story()
    for number, ((action, late, *whose), comes_through) in enumerate(actions):
        if action == "view":
            story.view(V, f"i{number}", late=min(late * SECOND, story.now))
        elif action == "identify":
            story.identify(V, *whose, late=min(late * SECOND, story.now))
        elif action == "erase":
            story.erase(*whose)
        else:
            story.withdraw(V)
        if comes_through:
            story.settle()
    story.settle()
    check_replay(story, cuts)


def check_replay(story: Story, cuts: list[int]) -> None:
    """One in calls of so many records shows of everybody what the live version does."""
    again = LanesApart(story.lanes.logs, story.lanes.tombstones)
    number = 0
    while any(place < len(log) for place, log in zip(again.places, again.logs, strict=True)):
        again.fold(number % LANES, cuts[number % len(cuts)])
        number += 1
    assert again.tombstones == story.lanes.tombstones
    for id in VISITORS:
        assert portrait(again.visitor(id)) == portrait(story.lanes.visitor(id)), id
    for id in CUSTOMERS:
        assert portrait(again.customer(id)) == portrait(story.lanes.customer(id)), id


def check(story: Story, books: Books) -> None:
    lanes = story.lanes
    profiles = {id: lanes.visitor(id).interests.scores for id in VISITORS}
    profiles |= {id: lanes.customer(id).interests.scores for id in CUSTOMERS}
    for id in VISITORS:
        state = lanes.visitor(id).state
        if state.customer:
            ended = max(books.forgotten[state.customer], books.withdrawn[state.customer])
            assert max(state.linked, state.named) - START > ended, "a link stays"
    for visitor, customer, at, interest in books.views:
        if at <= books.forgotten[visitor]:
            assert interest not in profiles[visitor], "what it did stays"
        if customer in profiles and at <= books.forgotten[customer]:
            assert not [id for id, scores in profiles.items() if interest in scores], "what it did stays"
        if customer in profiles and at <= books.withdrawn[customer]:
            assert interest not in profiles[customer], "what a browser told stays"
        for holder in (visitor, customer):
            if holder in profiles and holder not in books.touched:
                assert interest in profiles[holder], "somebody else lost it"


def portrait(person: Any) -> dict[str, Any]:
    """All that is known of a person, but for what two versions note of an erasure in ways of their own."""
    state = person.state
    names = ("customer", "visitors", "counts", "first_seen", "last_seen", "page_views", "visits", "was_identified")
    found = {name: getattr(state, name) for name in names if hasattr(state, name)}
    scores = {name: pytest.approx(score) for name, score in person.interests.scores.items()}
    return {**found, "interests": scores}
