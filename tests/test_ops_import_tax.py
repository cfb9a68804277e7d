"""Tables of orders whose amounts are with tax or without: what is read is what a server would tell, without tax."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from ops.cli import main
from ops.imports.mapping import BadMap, read_map, written
from tests.importing import Read

ITEMS = "Order,Date,SKU,Qty,Price,Tax,Shipping,Total\n"  # where a price is that of one, as a quantity stands beside it
GROSS = (
    ITEMS
    + "1,2026-09-01,a,1,89.25,19.00,4.90,123.90\n1,2026-09-01,b,1,29.75,,,\n2,2026-09-02,a,2,59.50,19.00,0,119.00\n"
)
NET = (
    ITEMS
    + "1,2026-09-01,a,1,75.00,19.00,4.90,123.90\n1,2026-09-01,b,1,25.00,,,\n2,2026-09-02,a,2,50.00,19.00,0,119.00\n"
)
OPEN = "Order,Date,SKU,Qty,Unit price,Tax\n1,2026-09-01,a,1,89.25,19.00\n1,2026-09-01,b,1,29.75,\n"


def read(tmp_path: Path, text: str, prices: str | None = None) -> Read:
    path = tmp_path / "orders.csv"
    path.write_text(text)
    found = Read(path)
    if prices is None:
        return found
    found.map.prices = prices
    return Read(path, map=found.map)


def values(found: Read) -> list[int]:
    return [fact.body["value"] for fact in found.of("purchase")]


def prices(found: Read) -> list[list[int]]:
    return [[item["price"] for item in fact.body["items"]] for fact in found.of("purchase")]


@pytest.mark.parametrize(("text", "kind"), [(GROSS, "gross"), (NET, "net")])
def test_what_the_file_shows_is_in_the_map(tmp_path: Path, text: str, kind: str) -> None:
    found = read(tmp_path, text)
    assert found.map.prices == kind
    assert (values(found), prices(found)) == ([10_000, 10_000], [[7_500, 2_500], [5_000]])
    assert found.errors == []
    assert f'prices = "{kind}"' in written(found.map, "orders.csv")


def test_what_no_total_shows_counts_as_a_servers_word_does_and_a_map_says_otherwise(tmp_path: Path) -> None:
    found = read(tmp_path, OPEN)
    assert (found.map.prices, values(found)) == ("", [11_900])
    found = read(tmp_path, OPEN, "gross")
    assert (values(found), prices(found), found.errors) == ([10_000], [[7_500, 2_500]], [])
    assert found.of("purchase")[0].body["tax"] == 1_900


def test_a_subtotal_that_includes_the_tax_is_less_it(tmp_path: Path) -> None:
    rows = "1,2026-09-01,119,19,4.90,123.90\n2,2026-09-02,-119,-19,0,-119\n"
    found = read(tmp_path, f"Order,Date,Subtotal,Tax,Shipping,Total\n{rows}")
    assert (found.map.prices, values(found)) == ("gross", [10_000])
    assert [fact.body["value"] for fact in found.of("refund")] == [10_000]


def test_a_receipt_with_returns_shares_its_tax(tmp_path: Path) -> None:
    text = "Order,Date,SKU,Qty,Unit price,Tax\n1,2026-09-01,a,2,11.90,2.85\n1,2026-09-01,b,-1,5.95,\n"
    found = read(tmp_path, text, "gross")
    assert values(found) == [2_000]
    assert [(fact.body["value"], fact.body["items"][0]["price"]) for fact in found.of("refund")] == [(500, 500)]


@pytest.mark.parametrize(
    ("text", "refunds"),
    [
        ("Order,Date,SKU,Qty,Price,Tax,Refunded\n1,2026-09-01,a,1,89.25,19,59.50\n1,2026-09-01,b,1,29.75,,\n", 5_000),
        ("Order,Date,Subtotal,Tax,Refunded\n1,2026-09-01,119,19,119\n", 10_000),
        ("Order,Date,Total,Tax,Shipping,Refunded\n1,2026-09-01,123.90,19,4.90,11.90\n", 1_000),
        ("Order,Date,SKU,Total,Tax,Refunded\n1,2026-09-01,a,119,19,23.80\n1,2026-09-01,b,119,19,\n", 2_000),
        ("Order,Date,Total,Tax,Refunded\n1,2026-09-01,0,0,5\n", 500),
    ],
)
def test_what_was_refunded_is_less_its_tax_too(tmp_path: Path, text: str, refunds: int) -> None:
    found = read(tmp_path, text, "gross")
    assert ([fact.body["value"] for fact in found.of("refund")], found.errors) == ([refunds], [])


@pytest.mark.parametrize(
    ("taxes", "what"),
    [(("", ""), "is empty, but"), (("9", "10"), "differs between"), (("500", ""), "is more than the prices")],
)
def test_a_tax_that_cannot_be_taken_off_is_said(tmp_path: Path, taxes: tuple[str, str], what: str) -> None:
    rows = "".join(f"1,2026-09-01,{item},1,50,{tax}\n" for item, tax in zip("ab", taxes, strict=True))
    found = read(tmp_path, f"Order,Date,SKU,Qty,Unit price,Tax\n{rows}2,2026-09-01,a,1,50,0\n", "gross")
    assert values(found) == [5_000]
    [(line, column, said)] = found.errors
    assert (line, column, what in said) == (2, "Tax", True)


def test_a_map_that_cannot_be_is_refused(tmp_path: Path) -> None:
    head = 'separator = ","\n[columns]\n'
    for text, what in (
        (f'kind = "orders"\nprices = "gross"\n{head}"transaction_id" = "Order"\n"time" = "Date"\n', "needs a column"),
        (f'kind = "orders"\nprices = "brutto"\n{head}', "prices is none of"),
        (f'kind = "products"\nprices = "net"\n{head}', "prices is none of"),
    ):
        (tmp_path / "map.toml").write_text(text)
        with pytest.raises(BadMap, match=what):
            read_map(tmp_path / "map.toml")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (GROSS, "total less tax and shipping; prices of items less tax"),
        (OPEN, 'sum of its items, taken to be without tax; else set prices = "gross" in its map'),
        ("Order,Date,Total\n1,2026-09-01,9\n", "total, taken to be without tax and shipping"),
        ("Order,Date,Subtotal,Tax,Total\n1,2026-09-01,9,1,10\n", "value, which is without tax"),
        ("Order,Date,Subtotal,Tax,Total\n1,2026-09-01,9,1,9\n", "value less tax"),
    ],
)
def test_the_command_says_what_was_understood(configured: object, tmp_path: Path, text: str, words: str) -> None:
    from tests.importing import TOML

    configured(TOML)  # type: ignore[operator]
    (tmp_path / "orders.csv").write_text(text)
    said = CliRunner().invoke(main, ["import", "orders.csv", "--dry-run", "--zone", "UTC", "--currency", "EUR"])
    assert said.exit_code == 0, said.output
    assert f"  value of an order: {words}\n" in said.output
    assert f"value of an order {words}\n" in re.sub(" +", " ", said.output)
