"""Orders of the history in SQL: what pages, servers and imports told of each, merged."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace as changed

from tests.sealed import seal
from tests.telling import as_told, fact, order
from tests.test_reports_query import answer, one
from tests.timeline import DAY, MINUTE, START, event
from wakeline.history import History
from wakeline.record import Delta, Event, Fact, ImportEnd, ToldFact, encode_record

A = order("A-1")
BOOT, SOCK = {"item_id": "boot", "price": 8_000, "cost": 5_000}, {"item_id": "sock", "price": 500, "quantity": 3}
SOLD = {"value": 9_500, "currency": "EUR", "items": [BOOT, SOCK]}
HOUR = 60 * MINUTE


def page(type: str, at: int = 0, *, home: str = A, number: str | None = "A-1", **props: Any) -> Event:
    """What a page told, under the names of today."""
    said = props if number is None else {"transaction_id": number, **props}
    return event("visitor-1", f"page-{type}-{at}-{home[-4:]}", 0, at, type, "/thanks", props=said, order=home)


def told(*records: Event | Fact) -> list[tuple[int, Event | Fact]]:
    return sorted(((each.received + 20, each) for each in records), key=lambda came: came[0])


MERGED: dict[str, tuple[list[Event | Fact], tuple[Any, ...]]] = {
    # value, refunded, channel, told_by
    "a server alone": ([fact(A, "purchase", **SOLD)], ("95", "0", None, ["server"])),
    "a page alone": ([page("purchase", value=95, currency="EUR")], ("95", "0", "web", ["page"])),
    "both: the server's word stands": (
        [fact(A, "purchase", **SOLD, channel="shop"), page("purchase", 5, value=99, currency="EUR")],
        ("95", "0", "shop", ["page", "server"]),
    ),
    "a page's field stays if nobody else names it": (
        [page("purchase", value=99, currency="EUR", coupon="MAY"), fact(A, "purchase", 5, **SOLD)],
        ("95", "0", "web", ["page", "server"]),
    ),
    "the later word": (
        [fact(A, "purchase", 9, value=7_000, currency="EUR"), fact(A, "purchase", 5, **SOLD, channel="till")],
        ("70", "0", "till", ["server"]),
    ),
    "a page that tells it twice": (
        [page("purchase", value=95, currency="EUR"), page("purchase", 7, value=90, currency="EUR")],
        ("90", "0", "web", ["page"]),
    ),
    "an import and a server are equal: the later word": (
        [fact(A, "purchase", 5, **SOLD),
         fact(A, "purchase", 3, by="import", batch="b", line=1, value=1, currency="EUR")],
        ("95", "0", None, ["import", "server"]),
    ),
    "refunds of two ids": (
        [fact(A, "purchase", **SOLD), fact(A, "refund", 5, refund_id="1", value=500, currency="EUR"),
         fact(A, "refund", 6, refund_id="2", value=200, currency="EUR")],
        ("95", "7", None, ["server"]),
    ),
    "a refund told again, and corrected": (
        [fact(A, "purchase", **SOLD), fact(A, "refund", 5, refund_id="1", value=500, currency="EUR"),
         fact(A, "refund", 9, refund_id="1", value=400, currency="EUR")],
        ("95", "4", None, ["server"]),
    ),
    "a page's refund of an order that only pages tell": (
        [page("purchase", value=95, currency="EUR"), page("refund", 5, value=10, currency="EUR")],
        ("95", "10", "web", ["page"]),
    ),
    "of an order that a server told, however late, a page refunds nothing": (
        [page("purchase", value=95, currency="EUR"), page("refund", 5, value=10, currency="EUR"),
         fact(A, "order_state", 9, state="paid")],
        ("95", "0", "web", ["page"]),
    ),
    "and nothing of the refunds that a server tells": (
        [fact(A, "purchase", **SOLD), page("refund", 5, value=10, currency="EUR"),
         fact(A, "refund", 1, refund_id="1", value=200, currency="EUR")],
        ("95", "2", None, ["server"]),
    ),
    "a refund told again, as of all": (
        [fact(A, "purchase", **SOLD), fact(A, "refund", 5, refund_id="1", value=500, currency="EUR"),
         fact(A, "refund", 9, refund_id="1")],
        ("95", "95", None, ["server"]),
    ),
    "told by a fact older than orders are kept": (
        [fact(A, "purchase", **SOLD),
         changed(fact(A, "refund", -801 * DAY, refund_id="1"), received=START + 9)],
        ("95", "0", None, ["server"]),
    ),
    "a refund of all": (
        [fact(A, "purchase", **SOLD), fact(A, "refund", 5, refund_id="1")], ("95", "95", None, ["server"]),
    ),
    "a refund of pieces, at the order's price": (
        [fact(A, "purchase", **SOLD),
         fact(A, "refund", 5, refund_id="1", currency="EUR", items=[{"item_id": "sock", "quantity": 2}])],
        ("95", "10", None, ["server"]),
    ),
    "a page's refund of pieces": (
        [page("purchase", value=95, currency="EUR", items=[{"item_id": "sock", "price": 5, "quantity": 3}]),
         page("refund", 5, currency="EUR", items=[{"item_id": "sock", "quantity": 2}])],
        ("95", "10", "web", ["page"]),
    ),
    "a refund of half a piece: half a cent is one": (
        [fact(A, "purchase", value=9_500, currency="EUR", items=[{"item_id": "sock", "price": 501}]),
         fact(A, "refund", 5, refund_id="1", currency="EUR", items=[{"item_id": "sock", "quantity": 0.5}])],
        ("95", "2.51", None, ["server"]),
    ),
    "a refund in another currency": (
        [fact(A, "purchase", **SOLD), fact(A, "refund", 5, refund_id="1", value=500, currency="USD")],
        ("95", "0", None, ["server"]),
    ),
    "more than it was": (
        [fact(A, "purchase", **SOLD), fact(A, "refund", 5, refund_id="1", value=50_000, currency="EUR")],
        ("95", "95", None, ["server"]),
    ),
    "cancelled": (
        [fact(A, "purchase", **SOLD), fact(A, "order_state", 5, state="cancelled"),
         fact(A, "refund", 5, refund_id="1", value=500, currency="EUR")],
        ("95", "95", None, ["server"]),
    ),
    "returned moves goods, not money": (
        [fact(A, "purchase", **SOLD), fact(A, "order_state", 5, state="returned")], ("95", "0", None, ["server"]),
    ),
    "no decimals": ([fact(A, "purchase", value=9_500, currency="JPY")], ("9500", "0", None, ["server"])),
    "three decimals": ([fact(A, "purchase", value=9_501, currency="KWD")], ("9.501", "0", None, ["server"])),
    "four decimals": ([fact(A, "purchase", value=9_501, currency="CLF")], ("0.9501", "0", None, ["server"])),
    "a currency that is none": ([fact(A, "purchase", value=9_501, currency="XYZ")], ("95.01", "0", None, ["server"])),
    "the largest amount": (
        [fact(A, "purchase", value=10**14, currency="EUR")], (str(10**12), "0", None, ["server"]),
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def merged_cases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Any, ...]]:
    """The row of each case, all of them in one history: each is about an order of its own."""

    def of_case(each: Event | Fact, name: str) -> Event | Fact:
        if isinstance(each, Fact):
            return changed(each, home=order(name))
        return changed(
            each, order=order(name), page=f"{each.page}-{name}", props={**each.props, "transaction_id": name}
        )

    records = [of_case(each, name) for name, (records, _) in MERGED.items() for each in records]
    history = seal(tmp_path_factory.mktemp("merged"), told(*records))
    rows = answer(history, "select order_key, order_id, value, refunded, revenue, channel, told_by from orders")
    return {key: row for key, *row in rows}


@pytest.mark.parametrize("name", MERGED)
def test_the_order_is_merged(merged_cases: dict[str, tuple[Any, ...]], name: str) -> None:
    records, (value, refunded, channel, told_by) = MERGED[name]
    is_by_page = any(isinstance(each, Event) and each.type == "purchase" for each in records)
    wanted = [
        name if is_by_page else order(name),
        Decimal(value),
        Decimal(refunded),
        Decimal(value) - Decimal(refunded),
    ]
    assert merged_cases[order(name)] == [*wanted, channel, told_by]


def test_what_a_site_signed_is_the_servers_word(tmp_path: Path) -> None:
    signed = encode_record(page("purchase", 9, value=90, currency="EUR")).replace(
        b'"order":', b'"signed":true,"order":'
    )
    came: list[Any] = [*told(fact(A, "purchase", 5, value=9_500, currency="EUR")), (START + 30, signed)]
    assert b'"signed":true' in signed
    assert answer(seal(tmp_path, came), "select value, told_by from orders") == [(Decimal(90), ["page", "server"])]


JO, BEN, ADA = ("@" + digit * 32 for digit in "123")
WHOSE: dict[str, tuple[list[Any], str | None, str]] = {
    # purchases of browsers as (browser, ms, signed) and servers' words as (customer, ms); customer, visitor
    "the earlier of two browsers": ([("laptop", 9, False), ("phone", 5, False)], JO, "phone"),
    "a signed one, though later": ([("laptop", 9, True), ("phone", 5, False)], BEN, "laptop"),
    "the earlier that names somebody": ([("tablet", 3, False), ("phone", 5, False)], JO, "tablet"),
    "a server, though earlier": ([(ADA, 1), ("phone", 5, True)], ADA, "phone"),
    "the later of two servers": ([(ADA, 9), ("phone", 5, True), (BEN, 7)], ADA, "phone"),
    "nobody": ([("tablet", 3, True)], None, "tablet"),
}


@pytest.mark.parametrize("name", WHOSE)
def test_whose_an_order_is_of_which_several_speak(tmp_path: Path, name: str) -> None:
    """As `tests.test_crm_claims` has it for what is live."""
    said, *wanted = WHOSE[name]
    came: list[tuple[int, Any]] = told(
        *(
            event(who, f"{who}-in", 0, 20 + n, "identify", customer=id)
            for n, (who, id) in enumerate((("laptop", BEN), ("phone", JO)))
        )
    )
    for number, (who, at, *signed) in enumerate(said):
        if not signed:
            came += told(fact(A, "order_state", at, state="paid", customer=who))
            continue
        props = {"transaction_id": "A-1", "value": 9, "currency": "EUR"}
        came += told(event(who, f"{who}-{number}", 0, at, "purchase", props=props, order=A, signed=signed[0]))
    assert answer(seal(tmp_path, sorted(came, key=lambda one: one[0])), "select customer, visitor from orders") == [
        tuple(wanted)
    ]


def test_former_names_and_those_of_today_meet_by_the_number(tmp_path: Path) -> None:
    former = {"order": "A-1", "price": 95, "currency": "EUR", "items": [{"product": "boot", "category": "shoes"}]}
    came = told(
        event("visitor-1", "page-1", 0, 0, "purchase", props=former),
        page("refund", DAY, value=15, currency="EUR"),
        event("visitor-2", "page-2", 0, 9, "purchase", props={**former, "order": "B-2"}),
        event("visitor-2", "page-3", 0, 19, "refund", props={"order_id": "B-2", "value": 5}),
    )
    found = answer(
        seal(tmp_path, came),
        "select order_id, order_key, revenue, delivered is not null, items[1].product, items[1].category from orders "
        "order by order_id",
    )
    assert found == [
        ("A-1", A, Decimal(80), False, "boot", "shoes"),
        ("B-2", None, Decimal(90), False, "boot", "shoes"),
    ]


def test_states_have_their_earliest_times(tmp_path: Path) -> None:
    came = told(
        fact(A, "purchase", **SOLD),
        fact(A, "order_state", 2 * HOUR, state="paid"),
        fact(A, "order_state", HOUR, state="paid"),
        fact(A, "order_state", 9 * HOUR, state="shipped", at=START + 5 * HOUR),
        fact(A, "order_state", 4 * HOUR, state="shipped", at=START + 6 * HOUR),
        fact(A, "order_state", 3 * HOUR, state="delivered"),
        fact(A, "order_state", 3 * HOUR, state="lost"),
    )
    begin = datetime(2027, 1, 15, 8)
    history = seal(tmp_path, came)
    assert answer(history, "select placed, paid, shipped, delivered, returned, cancelled, state from orders") == [
        (
            None,
            begin + timedelta(hours=1),
            begin + timedelta(hours=5),
            begin + timedelta(hours=3),
            None,
            None,
            "shipped",
        )
    ]


def test_an_order_of_which_only_its_states_are_known_is_none(tmp_path: Path) -> None:
    came = told(fact(A, "order_state", state="paid"), fact(A, "refund", refund_id="1", value=100, currency="EUR"))
    history = seal(tmp_path, came)
    assert answer(history, "from orders") == []
    assert answer(history, "select order_id, refund_id, value from refunds") == [(A, "1", Decimal(1))]


def test_lines_of_an_order(tmp_path: Path) -> None:
    socks = {**SOCK, "item_name": "Wool socks", "item_category": "socks", "item_category2": "wool"}
    came = told(
        fact(A, "purchase", **{**SOLD, "items": [BOOT, socks, {"item_id": "sock"}]}, customer="@c"),
        fact(A, "refund", 9, refund_id="1", value=1, currency="EUR", items=[{"item_id": "sock", "quantity": 4}]),
    )
    sql = (
        "select line, item_id, item_category, quantity, price, cost, value, margin, refunded_quantity, customer "
        "from order_items order by line"
    )
    assert answer(seal(tmp_path, came), sql) == [
        (1, "boot", None, 1, Decimal(80), Decimal(50), Decimal(80), Decimal(30), 0, "@c"),
        (2, "sock", "socks", 3, Decimal(5), None, Decimal(15), None, 3, "@c"),
        (3, "sock", None, 1, None, None, None, None, 1, "@c"),
    ]


@pytest.mark.parametrize("last", [fact(A, "refund", 9, refund_id="2"), fact(A, "order_state", 9, state="cancelled")])
def test_all_pieces_of_what_was_taken_back(tmp_path: Path, last: Fact) -> None:
    history = seal(tmp_path, told(fact(A, "purchase", **SOLD), last))
    assert answer(history, "select sum(refunded_quantity), sum(quantity) from order_items") == [(4, 4)]


def test_refunds_that_stand(tmp_path: Path) -> None:
    came = told(
        fact(A, "purchase", **SOLD, customer="@c"),
        fact(A, "refund", 5, refund_id="1", value=500, currency="EUR", by="import", batch="x", line=4),
        fact(A, "refund", 6, refund_id="2"),
        page("refund", 7, value=90, currency="EUR"),
        page("purchase", 8, home=order("B"), number="B", value=70, currency="USD"),
        page("refund", 9, home=order("B"), number="B"),
    )
    sql = "select order_id, refund_id, value, currency, is_whole, told_by, customer from refunds order by time"
    assert answer(seal(tmp_path, came), sql) == [
        (A, "1", Decimal(5), "EUR", False, "import", "@c"),
        (A, "2", Decimal(95), "EUR", True, "server", "@c"),
        ("B", None, Decimal(70), "USD", True, "page", None),
    ]


def test_an_order_keeps_the_visit_of_the_page_that_told_it(tmp_path: Path) -> None:
    came = told(
        event("visitor-1", "page-one", 0, 0, query={"utm_source": "mail", "utm_campaign": "may"}),
        page("purchase", MINUTE, value=1, currency="EUR"),
        fact(A, "purchase", 5 * MINUTE, **SOLD, customer="@c"),
        fact(order("B"), "purchase", 6 * MINUTE, **SOLD, visitor="visitor-9"),
    )
    sql = "select source, campaign, device, visitor, customer, value from orders order by time"
    assert answer(seal(tmp_path, came), sql) == [
        ("mail", "may", "desktop", "visitor-1", "@c", Decimal(95)),
        (None, None, None, "visitor-9", None, Decimal(95)),
    ]


# ---- copies ----------------------------------------------------------------------------------------


def test_a_fact_counts_once_and_other_content_under_its_id_is_ignored(tmp_path: Path) -> None:
    first = fact(A, "purchase", id="0" * 16, **SOLD)
    came = as_told(first, first, changed(first, time=START + 9, body={**SOLD, "value": 1}))
    assert answer(seal(tmp_path, came), "select value, time::varchar from orders") == [
        (Decimal(95), "2027-01-15 08:00:00")
    ]
    other = fact(order("B"), "purchase", id="0" * 16, **SOLD)  # the same id of another thing is another event
    assert one(seal(tmp_path / "other", as_told(first, other)), "select count(*) from orders") == 2


def test_a_line_of_an_import_counts_once_in_its_lane(tmp_path: Path) -> None:
    def line(number: int, value: int, at: int, batch: str = "b") -> Fact:
        return fact(A, "purchase", at, value=value, currency="EUR", by="import", batch=batch, line=number)

    again = as_told(line(1, 100, 0), line(2, 200, 1), line(2, 900, 9), line(1, 800, 8))
    assert one(seal(tmp_path, again), "select value from orders") == 2
    assert one(seal(tmp_path / "b", [*again, *as_told(line(2, 300, 5, batch="c"))]), "select value from orders") == 3


def test_what_is_told_between_lanes_and_the_end_of_an_import_count_as_nothing(tmp_path: Path) -> None:
    between = Delta(source=1, after=0, upto=5, facts=[ToldFact(fact(A, "purchase", value=1, currency="EUR"), at=3)])
    end = ImportEnd(site="shop", batch="b", time=START, lines=4)
    came: list[Any] = [*as_told(fact(A, "purchase", **SOLD)), (START + 30, between), (START + 31, end)]
    assert answer(seal(tmp_path, came), "select value from orders") == [(Decimal(95),)]


# ---- days ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> History:
    """Two years of orders, imported on one day; one is paid a month later."""
    came: list[tuple[int, Fact]] = []
    for number in range(24):
        bought = fact(
            order(str(number)), "purchase", -number * 30 * DAY, value=100, currency="EUR", by="import", batch="b",
            line=number + 1,
        )  # fmt: skip
        came.append((START, changed(bought, received=START)))
    came.append((START + 40 * DAY, fact(order("3"), "order_state", 40 * DAY, state="paid")))
    return seal(tmp_path_factory.mktemp("imported"), came, files_of=5)


@pytest.mark.parametrize(
    ("first", "last", "wanted"),
    [(None, None, 24), (date(2026, 1, 1), date(2026, 12, 31), 12), (date(2025, 6, 1), date(2025, 6, 30), 1)],
)
def test_an_order_is_of_its_own_day_whenever_it_was_told(
    imported: History, first: date | None, last: date | None, wanted: int
) -> None:
    days = {"first": first, "last": last}
    assert one(imported, "select count(*) from orders", **days) == wanted
    paid = [row for (row,) in answer(imported, "select paid from orders where paid is not null", **days)]
    assert len(paid) == (0 if first == date(2025, 6, 1) else 1)
