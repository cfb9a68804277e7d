"""Tables of orders: sums to the cent, cancellations, returns, rows in any order."""

from __future__ import annotations

import random
import subprocess
import sys
from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.children import child_environ
from ops.imports import grouping
from tests.importing import Read, order
from wakeline.identity import customer_id
from wakeline.record import Fact
from wakeline.vocabulary.things import part_id

SECRET = "s" * 32
INVOICES = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def one(facts: list[Fact], number: str) -> Fact:
    (found,) = [fact for fact in facts if fact.home == order(number)]
    return found


def test_real_invoices_with_cancellations_before_their_purchase(tmp_path: Path) -> None:
    """As the invoices of a wholesaler are: no line is lost, no sum is wrong by a cent."""
    rows = [
        "C536379,D,Discount,-1,12/1/2025 9:41,27.5,14527.0,United Kingdom",
        "536365,85123A,WHITE HANGING HEART,6,12/13/2025 8:26,2.55,17850.0,United Kingdom",
        "C536366,22633,HAND WARMER,-2,12/13/2025 9:00,1.85,17850.0,United Kingdom",
        "536366,22633,HAND WARMER UNION JACK,6,12/13/2025 8:28,1.85,17850.0,United Kingdom",
        '536365,71053,"WHITE, METAL LANTERN",6,12/13/2025 8:26,3.39,17850.0,United Kingdom',
        "536414,22139,,56,12/13/2025 11:52,0,,United Kingdom",
        "536589,21777,lost,-10,12/13/2025 16:50,0,,United Kingdom",
        "A563185,B,Adjust bad debt,1,12/13/2025 14:51,-11062.06,,United Kingdom",
        "536700,22633,HAND WARMER,3,12/13/2025 9:00,0.335,17850.0,United Kingdom",
    ]
    read = Read(write(tmp_path / "invoices.csv", INVOICES + "\n".join(rows) + "\n"), currency="GBP")
    assert (read.errors, read.notes, read.summary.too_old) == ([], [], 0)
    bought, back = read.of("purchase"), read.of("refund")
    assert {number: one(bought, number).body["value"] for number in ("536365", "536366", "536414", "536700")} == {
        "536365": 3564,
        "536366": 1110,
        "536414": 0,
        "536700": 101,
    }
    assert len(bought) == 4
    first = one(bought, "536365")
    assert first.customer == customer_id(SECRET, "17850")
    assert first.body["items"] == [
        {"item_id": "85123A", "item_name": "WHITE HANGING HEART", "price": 255, "quantity": 6.0},
        {"item_id": "71053", "item_name": "WHITE, METAL LANTERN", "price": 339, "quantity": 6.0},
    ]
    of_an_order = one(back, "536366")
    assert of_an_order.body["value"] == 370
    assert of_an_order.body["refund_id"] == part_id(SECRET, "refund", "C536366")
    assert of_an_order.body["items"] == [
        {"item_id": "22633", "item_name": "HAND WARMER", "price": 185, "quantity": 2.0}
    ]
    assert {number: one(back, number).body["value"] for number in ("C536379", "536589", "A563185")} == {
        "C536379": 2750,
        "536589": 0,
        "A563185": 1106206,
    }
    assert one(back, "C536379").body["refund_id"] == part_id(SECRET, "refund", "C536379")
    assert read.summary.bought == {"GBP": 3564 + 1110 + 101}
    assert read.summary.refunded == {"GBP": 370 + 2750 + 1106206}
    assert {fact.body["traits"]["country"] for fact in read.of("customer")} == {"United Kingdom"}


def test_guests_whose_customer_is_null_are_not_one_customer(tmp_path: Path) -> None:
    rows = "N1,2026-09-01,NULL,a@b.example,5\nN2,2026-09-02,null,c@d.example,7\nN3,2026-09-03,K1,e@f.example,9\n"
    read = Read(write(tmp_path / "orders.csv", f"Order,Date,Customer ID,Email,Total\n{rows}"))
    assert read.errors == []
    assert [one(read.facts, number).customer for number in ("N1", "N2")] == ["", ""]
    assert {card.customer for card in read.cards} <= {customer_id(SECRET, "K1")}


def test_a_receipt_with_sales_and_returns_is_an_order_and_its_refund(tmp_path: Path) -> None:
    text = "Bonnr;Datum;Artikelnr;Menge;Einzelpreis\n7;3.2.2026;a;2;10,00\n7;3.2.2026;b;-1;4,00\n8;3.2.2026;b;-1;4,00\n"
    read = Read(write(tmp_path / "till.csv", text))
    assert [(fact.home, fact.body["value"]) for fact in read.of("purchase")] == [(order("7"), 2000)]
    assert [(fact.home, fact.body["value"]) for fact in read.of("refund")] == [(order("7"), 400), (order("8"), 400)]


def test_a_named_original_is_what_a_refund_is_of(tmp_path: Path) -> None:
    text = "Order,Date,Total,Refund of\nG-1,2026-02-03,-5.00,17\n17,2026-02-01,9.00,\n"
    (refund,) = Read(write(tmp_path / "o.csv", text)).of("refund")
    assert (refund.home, refund.body["value"]) == (order("17"), 500)
    assert refund.body["refund_id"] == part_id(SECRET, "refund", "G-1")


def test_an_order_number_may_begin_with_c(tmp_path: Path) -> None:
    read = Read(write(tmp_path / "o.csv", "Order,Date,Total\nC17,2026-02-03,5\n17,2026-02-03,6\nC17,2026-02-04,-2\n"))
    assert {fact.home: fact.body["value"] for fact in read.of("purchase")} == {order("C17"): 500, order("17"): 600}
    assert [fact.home for fact in read.of("refund")] == [order("17")]


def test_one_row_an_order(tmp_path: Path) -> None:
    """Net of tax and shipping; a row that says the same again counts once, one that says otherwise is an error."""
    rows = "1,2026-02-03 10:00,119.00,19.00,4.90,shipped\n1,2026-02-03 10:00,119.00,19.00,4.90,shipped\n"
    rows += "2,2026-02-03,10,,,cancelled\n2,2026-02-03,11,,,\n3,2026-02-03,-3,,,\n"
    rows += "4,2026-02-03,1,2,,\n5,2026-02-03,1,,,lost\n"
    read = Read(write(tmp_path / "o.csv", f"Order,Date,Total,Tax,Shipping,Status\n{rows}"))
    assert {fact.home: fact.body["value"] for fact in read.of("purchase")} == {order("1"): 9510, order("2"): 1000}
    assert one(read.of("purchase"), "1").body | {"value": 0} == {
        "value": 0,
        "currency": "EUR",
        "tax": 1900,
        "shipping": 490,
    }
    assert [(fact.home, fact.body["value"]) for fact in read.of("refund")] == [(order("3"), 300)]
    assert {fact.home: fact.body["state"] for fact in read.of("order_state")} == {
        order("1"): "shipped",
        order("2"): "cancelled",
    }
    assert read.errors == [
        (5, "Total", "another value of an order that is above already: this line was left out"),
        (7, "Total", "is less than tax and shipping together"),
        (8, "Status", "has an unknown word"),
    ]
    assert [line for line, _, _ in read.notes] == [3]


def test_a_broken_row_leaves_out_its_order_and_no_other(tmp_path: Path) -> None:
    text = "Order,Date,SKU,Qty,Unit price\n1,2026-02-03,a,1,5\n2,2026-02-03,a,1,5\n1,2026-02-03,b,x,5\n"
    text += "3,2026-02-03,a\n3,2026-02-03,a,1,5\n"
    read = Read(write(tmp_path / "o.csv", text))
    assert [fact.home for fact in read.facts] == [order("2")]
    assert read.errors == [(4, "Qty", "is not a number"), (5, "Qty", "3 columns, but the header has 5")]
    assert [line for line, _, _ in read.notes] == [4, 5]


def test_a_shops_export_with_totals_on_the_first_row_only(tmp_path: Path) -> None:
    header = "Name,Email,Financial Status,Currency,Subtotal,Shipping,Taxes,Total,Created at,Lineitem quantity,"
    header += "Lineitem name,Lineitem price,Lineitem sku,Refunded Amount,Customer ID\n"
    rows = "#1001,a@b.example,paid,EUR,25.00,4.90,5.68,35.58,2026-02-03 10:00:00 +0100,2,Shoe,10.00,s1,5.00,77\n"
    rows += "#1001,a@b.example,,,,,,,2026-02-03 10:00:00 +0100,1,Lace,5.00,l1,,\n"
    read = Read(write(tmp_path / "orders.csv", header + rows))
    assert not read.errors
    (bought,) = read.of("purchase")
    assert bought.body["value"] == 2500
    assert [item["quantity"] for item in bought.body["items"]] == [2, 1]
    assert [fact.body["value"] for fact in read.of("refund")] == [500]
    (card,) = read.cards
    assert (card.customer, card.values) == (customer_id(SECRET, "77"), {"email": "a@b.example"})
    assert "a@b.example" not in repr(read.facts)


def test_more_items_than_an_order_keeps(tmp_path: Path) -> None:
    """The value is whole; rows of one product and price are one item, and what is worth least is left out."""
    rows = "".join(f"1,2026-02-03,a{n % 300},1,{n % 300 + 1}.00\n" for n in range(600))
    read = Read(write(tmp_path / "o.csv", f"Order,Date,SKU,Qty,Unit price\n{rows}"))
    (bought,) = read.of("purchase")
    assert bought.body["value"] == sum(n % 300 + 1 for n in range(600)) * 100
    assert len(bought.body["items"]) == 200
    assert min(item["price"] for item in bought.body["items"]) == 10_100
    assert {item["quantity"] for item in bought.body["items"]} == {2.0}
    assert read.notes == [(2, "SKU", "100 items beyond the 200 that an order keeps: its value is whole")]


def test_totals_of_rows_are_told_from_totals_of_orders(tmp_path: Path) -> None:
    text = "Order,Date,SKU,Qty,Unit price,Amount\n1,2026-02-03,a,2,5,10\n1,2026-02-03,b,3,2,6\n"
    read = Read(write(tmp_path / "o.csv", text))
    assert read.map.columns["item.total"] == "Amount"
    assert [fact.body["value"] for fact in read.facts] == [1600]


def test_a_total_beside_an_article_is_the_rows_unless_its_order_repeats_it(tmp_path: Path) -> None:
    rows = "1,2026-02-03,a,{}\n1,2026-02-03,b,{}\n2,2026-02-03,a,1.5\n"
    for totals, field, value in ((("5.5", "6"), "item.total", 1150), (("5.5", "5.5"), "total", 550)):
        path = write(tmp_path / f"{field}.csv", "Order,Date,SKU,Sales\n" + rows.format(*totals))
        read = Read(path)
        assert read.map.columns[field] == "Sales"
        assert {fact.home: fact.body["value"] for fact in read.facts} == {order("1"): value, order("2"): 150}


PRICES = st.decimals("0", "9999", places=3)
LINES = st.lists(st.tuples(st.integers(1, 9), st.integers(-20, 20), PRICES), min_size=1, max_size=40)


@settings(max_examples=60, deadline=None)
@given(LINES, st.randoms(use_true_random=False))
def test_sums_are_those_of_exact_numbers_whatever_the_order_of_rows(
    tmp_path_factory: pytest.TempPathFactory, lines: list[tuple[int, int, Decimal]], chance: random.Random
) -> None:
    folder = tmp_path_factory.mktemp("sums")
    rows = [f"{number},2026-02-03,i{at},{quantity},{price}" for at, (number, quantity, price) in enumerate(lines)]
    header = "Order,Date,SKU,Qty,Unit price\n0,2026-02-03,i,1,0.5\n"
    sums: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for number, quantity, price in ((0, 1, Decimal("0.5")), *lines):
        sums["refund" if quantity < 0 else "purchase", order(str(number))] += quantity * price
    expected = {key: int((abs(sum) * 100).quantize(Decimal(1), ROUND_HALF_UP)) for key, sum in sums.items()}
    for name in ("a", "b"):
        read = Read(write(folder / f"{name}.csv", header + "\n".join(rows) + "\n"))
        assert not read.problems.errors
        assert {(fact.type, fact.home): fact.body["value"] for fact in read.facts} == expected
        chance.shuffle(rows)


def test_scattered_rows_come_together_whatever_the_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Divided over many files, and read again the same way."""
    monkeypatch.setattr(grouping, "PART_BYTES", 2_000)
    numbers = [n % 700 for n in range(2_100)]
    random.Random(1).shuffle(numbers)
    text = "Order,Date,SKU,Qty,Unit price\n" + "".join(f"N{n},2026-02-03,a,1,{n}.10\n" for n in numbers)
    read = Read(write(tmp_path / "o.csv", text))
    assert {fact.home: fact.body["value"] for fact in read.facts} == {order(f"N{n}"): 300 * n + 30 for n in range(700)}
    again = Read(write(tmp_path / "o.csv", text))
    assert again.facts == read.facts
    assert not list((tmp_path / "work-o.csv").iterdir())


def test_the_order_in_which_they_are_told_depends_on_the_file_alone(tmp_path: Path) -> None:
    """Not on the process: one that was killed is followed by another."""
    text = "Order,Date,SKU,Qty,Unit price\n" + "".join(f"N{n},2026-02-03,a,1,1.10\n" for n in range(200))
    write(tmp_path / "o.csv", text)
    script = (
        "import sys, pathlib; from ops.imports import grouping; from tests.importing import Read; "
        "grouping.PART_BYTES = 500; print([fact.home for fact in Read(pathlib.Path(sys.argv[1])).facts])"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", script, str(tmp_path / "o.csv")],
            env=child_environ(PYTHONHASHSEED=seed),
            capture_output=True,
            check=True,
            timeout=60,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(told) == 1
    assert order("N1").encode() in told.pop()


def test_the_rows_of_one_number_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grouping, "MOST_ROWS", 100)
    text = "Order,Date,SKU,Qty,Unit price\n2,2026-02-03,a,1,1\n" + "0,2026-02-03,a,1,1\n" * 101
    read = Read(write(tmp_path / "o.csv", text))
    assert [fact.home for fact in read.facts] == [order("2")]
    assert [(line, column) for line, column, _ in read.errors] == [(3, "Order")]


def test_what_stands_where_there_is_none_is_no_customer_and_no_article(tmp_path: Path) -> None:
    """Orders of guests count, and are not those of one customer."""
    header = "Order,Date,Customer ID,SKU,Description,Qty,Price\n"
    text = header + "1,2026-02-03,-,n/a,Shoe,1,5\n2,2026-02-03,NULL,None,nan,1,5\n"
    read = Read(write(tmp_path / "o.csv", text))
    assert read.errors == []
    first, second = one(read.facts, "1"), one(read.facts, "2")
    assert (first.customer, second.customer) == ("", "")
    assert (first.body["value"], second.body["value"]) == (500, 500)
    assert [item["item_id"] for item in first.body["items"]] == ["Shoe"]
    assert "items" not in second.body


def test_a_number_that_is_none_is_no_order(tmp_path: Path) -> None:
    read = Read(write(tmp_path / "o.csv", "Order,Date,Total\nnull,2026-02-03,5\n7,2026-02-03,5\n"))
    assert read.errors == [(2, "Order", "stands for no number")]
    assert [fact.home for fact in read.facts] == [order("7")]
