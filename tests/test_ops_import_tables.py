"""Tables of an import: encodings, separators, broken rows, each said with line and column; maps."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import pytest

from ops.imports.guess import Ask, guess
from ops.imports.mapping import BadMap, Map, batch_of, read_map, written
from ops.imports.names import IN_WORDS, KINDS, WORDS, plain
from ops.imports.problems import HEAD, Problems
from ops.imports.rows import TYPES as EVENTS
from ops.imports.table import NoTable
from ops.imports.text import read_through
from ops.imports.values import DAY_FIRST, MONTH_FIRST
from tests.importing import NOW, Read, order
from wakeline.vocabulary.fields import CONTACT_STATES, ELEMENTS, FIELDS, ORDER_STATES, Told
from wakeline.vocabulary.things import SENT
from wakeline.vocabulary.types import TYPES

HEADER = "Bestellnummer;Datum;Kundennummer;Gesamtbetrag;Gutschein\n"


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


# ---- encodings and separators


@pytest.mark.parametrize(
    ("encoding", "found"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8-sig"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("cp1252", "cp1252"),
    ],
)
@pytest.mark.parametrize("separator", list(",;\t|"))
def test_encodings_and_separators_are_found(tmp_path: Path, encoding: str, found: str, separator: str) -> None:
    rows = [("Bestellnummer", "Datum", "Gesamtbetrag", "Gutschein")]
    rows += [(f"B{n}", "03.02.2026", '"12,50"', "Für Müller – 5 €") for n in range(20)]
    path = write(tmp_path / "o.csv", "\r\n".join(separator.join(row) for row in rows), encoding)
    read = Read(path)
    assert read.encoding == found
    assert (read.errors, read.notes) == ([], [])
    assert {fact.body["coupon"] for fact in read.facts} == {"Für Müller – 5 €"}
    assert [fact.body["value"] for fact in read.facts] == [1250] * 20
    assert {fact.home for fact in read.facts} == {order(f"B{n}") for n in range(20)}


def test_a_few_bytes_that_are_not_utf_8_cost_their_rows_only(tmp_path: Path) -> None:
    rows = [f"B{n};03.02.2026;K1;12,50;Müller\n".encode() for n in range(20)]
    rows[5] = "B5;03.02.2026;K1;12,50;Müller\n".encode("cp1252")
    path = tmp_path / "o.csv"
    path.write_bytes(HEADER.encode() + b"".join(rows))
    read = Read(path)
    assert read.encoding == "utf-8"
    assert read.errors == [(7, "Gutschein", "a character that is not utf-8")]
    assert len(read.facts) == 19


def test_excels_own_line_and_a_packed_file(tmp_path: Path) -> None:
    path = tmp_path / "o.csv.gz"
    path.write_bytes(gzip.compress(f"sep=;\n{HEADER}1;3.2.2026;K;1,5;\n".encode()))
    assert [fact.body["value"] for fact in Read(path).facts] == [150]


# ---- rows


def test_broken_rows_are_said_with_line_and_column_and_the_rest_goes_on(tmp_path: Path) -> None:
    lines = [HEADER.strip(), *(f"B{n};03.02.2026;K{n};12,50;" for n in range(2, 21))]
    lines[6] = "B7;03.02.2026;K7;zwölf;"
    lines[8] = "B9;31.02.2026;K9;12,50;"
    lines[9] = "B10;03.02.2026"
    lines[10] = 'B11;03.02.2026;K11;12,50;"never closed'
    lines[12] = ";03.02.2026;K13;12,50;"
    lines[14] = ""
    lines[15] = lines[0]
    lines[16] = "B17;03.02.2026;K17;12,50;;x"
    read = Read(write(tmp_path / "o.csv", "\n".join(lines) + "\n"))
    assert read.errors == [
        (7, "Gesamtbetrag", "is not an amount"),
        (9, "Datum", "is not a date"),
        (10, "Kundennummer", "2 columns, but the header has 5"),
        (11, "", "a quote begins in this line that is not closed"),
        (13, "Bestellnummer", "is empty"),
        (17, "", "6 columns, but the header has 5"),
    ]
    assert read.notes == [(16, "", "the header again: this line was left out")]
    left = {2, 3, 4, 5, 6, 8, 12, 14, 18, 19, 20}
    assert {fact.home for fact in read.facts} == {order(f"B{n}") for n in left}


def test_a_quote_that_is_never_closed_near_the_end_costs_one_line(tmp_path: Path) -> None:
    text = 'Order,Date,Total,\n1,2026-02-03,5,\n2,2026-02-03,5,"\n3,2026-02-03,5,"x"\n'
    read = Read(write(tmp_path / "o.csv", text))
    assert [line for line, _, _ in read.errors] == [3]
    assert [fact.home for fact in read.facts] == [order("1"), order("3")]
    text = 'Coupon,Order,Date,Total\n"one\ntwo, three",1,2026-02-03,5\n'
    assert [fact.body["coupon"] for fact in Read(write(tmp_path / "q.csv", text)).facts] == ["one two, three"]
    text = 'Order,Date,Total\n1,2026-02-03,5\n2,2026-02-03,"5\n3,2026-02-03,5\n'
    read = Read(write(tmp_path / "p.csv", text))
    assert [line for line, _, _ in read.errors] == [3]
    assert [fact.home for fact in read.facts] == [order("1"), order("3")]


def test_a_quote_that_is_never_closed_in_a_long_file_costs_one_line(tmp_path: Path) -> None:
    rows = [f"B{n};03.02.2026;K{n};12,50;{'x' * 60}\n" for n in range(10_000)]
    rows[100] = 'B100;03.02.2026;K100;12,50;"open\n'
    read = Read(write(tmp_path / "o.csv", HEADER + "".join(rows)))
    assert read.errors == [(102, "", "a quote begins in this line that is not closed")]
    assert len(read.facts) == 9_999


def test_quotes_over_several_lines_are_one_row(tmp_path: Path) -> None:
    text = HEADER + 'B1;03.02.2026;K1;12,50;"one\ntwo ""three"""\nB2;03.02.2026;K1;1;\nB3;03.02.2026;K1;x;\n'
    read = Read(write(tmp_path / "o.csv", text))
    assert [fact.body.get("coupon") for fact in read.facts] == ['one two "three"', None]
    assert read.errors == [(5, "Gesamtbetrag", "is not an amount")]


def test_a_name_that_two_columns_have_is_said(tmp_path: Path) -> None:
    read = Read(write(tmp_path / "o.csv", "Order ID,Date,Total,Total\n1,2026-02-03,5,9\n"))
    assert read.map.columns["total"] == "Total"
    assert [(line, column) for line, column, _ in read.notes] == [(1, "Total (2)")]
    assert read.facts[0].body["value"] == 500


def test_a_missing_column_is_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NoTable, match=r"line 2: no column for transaction_id of orders\n.*Datum, Summe\n.*--map"):
        Read(write(tmp_path / "o.csv", "\nDatum;Summe\n03.02.2026;1\n"), "orders")
    with pytest.raises(NoTable, match="no column for the amount"):
        Read(write(tmp_path / "p.csv", "Order;Datum\n1;03.02.2026\n"), "orders")
    with pytest.raises(NoTable, match="is empty"):
        Read(write(tmp_path / "q.csv", "\n\n"))
    with pytest.raises(NoTable, match="those of no kind of table"):
        Read(write(tmp_path / "r.csv", "a,b\n1,2\n"))
    with pytest.raises(NoTable, match="there is no column Nummer as the map says"):
        Read(write(tmp_path / "s.csv", "Order,Datum\n1,2\n"), map=Map("orders", {"transaction_id": "Nummer"}))


def test_the_file_of_errors_holds_no_value(tmp_path: Path) -> None:
    rows = "".join(f"{n + 100};secret-{n};secret;secret;\n" for n in range(30))
    read = Read(write(tmp_path / "o.csv", HEADER + "1;03.02.2026;K;1;\n" + rows))
    assert read.problems.write(tmp_path / "o.csv.errors.csv")
    text = (tmp_path / "o.csv.errors.csv").read_text()
    assert "secret" not in text
    listed = list(csv.reader(text.splitlines()))
    assert tuple(listed[0]) == HEAD
    assert [row[:3] for row in listed[1:3]] == [["3", "Datum", "error"], ["4", "Datum", "error"]]
    assert not Problems().write(tmp_path / "o.csv.errors.csv")
    assert not (tmp_path / "o.csv.errors.csv").exists()


# ---- maps


def test_what_is_sent_may_say_every_element() -> None:
    columns = {field.name for field in KINDS["sends"]}
    assert [name for name in ELEMENTS if f"element.{name}" not in columns] == []


@pytest.mark.parametrize("kind", KINDS)
def test_no_two_fields_of_a_kind_have_one_name(kind: str) -> None:
    for field in KINDS[kind]:
        assert all(plain(name) == name for name in field.names), field
        assert len(set(field.names)) == len(field.names)


def test_words_of_a_field_mean_one_value_each() -> None:
    for words in IN_WORDS.values():
        assert all(plain(word) == word for word in words)


def test_a_map_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    map = Map(
        "orders",
        {"transaction_id": 'No. "1"', "time": "Datum\\x"},
        {"currency": "EUR"},
        separator="\t",
        decimal=",",
        dates=DAY_FIRST,
    )
    path = write(tmp_path / "m.toml", written(map, "o.csv"))
    assert read_map(path) == map


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("kind = 'order'", "kind is none of orders"),
        ("kind = 'orders'\nseparator = ';;'", "separator must be one character"),
        ("kind = 'orders'\ndecimal = ';'", "decimal is none of"),
        ("kind = 'orders'\n[columns]\nnumber = 'x'", "orders have no field number"),
        ("kind = 'orders'\nzones = 'x'", "unknown field `zones`"),
        ("kind = ", "is not valid"),
        ("kind = 'orders'\nencoding = 'latin-99'", "there is no encoding latin-99"),
        ("kind = 'orders'\nzone = 'Mars/Base'", "there is no time zone Mars/Base"),
    ],
)
def test_a_map_that_is_none_says_why(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(BadMap, match=why):
        read_map(write(tmp_path / "m.toml", text))


def test_a_batch_is_the_file_and_its_map() -> None:
    ids = {batch_of(digest, Map("orders", zone=zone)) for digest in ("a", "b") for zone in ("UTC", "Europe/Berlin")}
    assert len(ids) == 4
    assert all(len(id) == 32 for id in ids)


def test_what_a_file_leaves_open_is_asked(tmp_path: Path) -> None:
    text = read_through(write(tmp_path / "o.csv", "Order ID,Date,Total\n1,02/03/2026,5\n"))
    assert guess(text).asks == [Ask.DATES, Ask.ZONE, Ask.CURRENCY]
    rows = "".join(f"{n},02/03/2026,5\n" for n in range(5_000))
    text = read_through(write(tmp_path / "p.csv", f"Order ID,Date,Total\n{rows}9,02/13/2026,5\n"))
    found = guess(text, zone="UTC", currency="EUR")
    assert (found.map.dates, found.asks) == (MONTH_FIRST, [])
    text = read_through(write(tmp_path / "r.csv", "Order ID,Date,Total,Currency\n1,2026-03-02T10:00Z,1.299,EUR\n"))
    assert guess(text).asks == [Ask.DECIMAL]
    text = read_through(write(tmp_path / "q.csv", "Order ID,Date,Total,Currency\n1,2026-03-02T10:00Z,5,EUR\n"))
    assert guess(text).asks == []


def test_what_lies_in_the_future_or_too_far_back_is_not_told(tmp_path: Path) -> None:
    read = Read(write(tmp_path / "o.csv", HEADER + "1;01.01.2027;K;1;\n2;01.01.2021;K;1;\n3;01.01.2026;K;1;\n"))
    assert read.errors == [(2, "Datum", "lies in the future")]
    assert [fact.home for fact in read.facts] == [order("3")]
    assert read.summary.too_old == 1
    assert all(fact.time <= NOW for fact in read.facts)


def test_what_is_no_address_is_left_out_and_the_rest_of_its_row_kept(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text(
        "customer,email,name,plan\n1,jo@shop.example,Jo,gold\n2,jo.shop.example,Al,gold\n3,n/a,Bo,gold\n4,a b@c,Di,\n"
    )
    read = Read(tmp_path / "people.csv", "customers")
    assert [sorted(card.values) for card in read.cards] == [["email", "name"], ["name"], ["name"], ["name"]]
    assert [fact.body.get("traits") for fact in read.facts] == [{"plan": "gold"}] * 3 + [None]
    what = "is no e-mail address: it was left out, and the rest of the line kept"
    assert read.errors == [(3, "email", what), (5, "email", what)]
    assert "jo.shop.example" not in repr(read.problems.first(9))
    (tmp_path / "orders.csv").write_text("Order,Date,Customer ID,Billing email,Total\nN1,2026-09-01,1,jo.shop,5\n")
    read = Read(tmp_path / "orders.csv")
    assert (read.errors, read.cards, len(read.of("purchase"))) == ([(2, "Billing email", what)], [], 1)
    line = '{"type": "customer", "time": "2026-09-01T10:00Z", "customer": "1", "email": "jo", "name": "Jo"}\n'
    (tmp_path / "people.jsonl").write_text(line)
    read = Read(tmp_path / "people.jsonl")
    assert (read.errors, [list(card.values) for card in read.cards]) == ([(1, "email", what)], [["name"]])


# ---- the vocabulary


@pytest.mark.parametrize(("kind", "type"), [*EVENTS.items(), ("orders", "purchase"), ("orders", "refund")])
def test_a_table_has_a_column_for_every_field_of_its_events(kind: str, type: str) -> None:
    columns = {one.name.partition(".")[0] for one in KINDS[kind]}
    not_a_column = {*Told.__struct_fields__, "items", "refund_id"}
    assert set(FIELDS[type].__struct_fields__) - not_a_column <= columns


def test_there_is_a_word_for_every_state() -> None:
    assert WORDS["orders.state"].keys() == set(ORDER_STATES)
    assert WORDS["contacts.state"].keys() == set(CONTACT_STATES)
    assert WORDS["sends.type"].keys() == {type.name for type in TYPES if type.thing is SENT}
