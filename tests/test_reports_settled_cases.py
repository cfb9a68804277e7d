"""Whom orders are owed to in rare cases: ties of a millisecond, clocks that differ, rewritten erasures, many of all."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from reports import Query, ask
from tests.rewritten import night
from tests.sealed import seal
from tests.telling import fact, order, thing
from tests.test_reports_campaigns import SHOP
from tests.test_reports_credit import BEN, HOUR, JO, LAPTOP, PHONE, buys, signs_in, visit
from tests.test_reports_settled import BOUGHT, ON_PHONE, Told, answered, came_at, erased, late, touched
from tests.timeline import DAY, MINUTE, SECOND, event
from wakeline.history import History
from wakeline.vocabulary.things import CONTACT


def told_at(told: list[Told]) -> list[tuple[int, Told]]:
    return [(came_at(one) + 20, one) for one in sorted(told, key=came_at)]


@pytest.mark.parametrize("first", [JO, BEN])
def test_of_two_who_sign_in_within_a_millisecond_the_later_one_holds(tmp_path: Path, first: str) -> None:
    """As `sessions` have it."""
    other = BEN if first == JO else JO
    told = [visit(LAPTOP, 0, "laptop"), signs_in(LAPTOP, 0, first), ON_PHONE, signs_in(PHONE, HOUR, other)]
    told += [event(LAPTOP, f"page-{LAPTOP}-0", 2, 0, "identify", customer=other), visit(LAPTOP, 2 * DAY, "again")]
    told += [buys(LAPTOP, 2 * DAY + MINUTE)]
    assert touched(tmp_path, *told) == {"1": {"laptop", "again", "phone"}}


def test_who_signs_in_in_the_millisecond_of_the_erasure_is_erased(tmp_path: Path) -> None:
    told: list[Told] = [visit(PHONE, 0, "a"), signs_in(PHONE, DAY, JO), erased(JO, DAY)]
    told += [visit(PHONE, 2 * DAY, "b"), visit(LAPTOP, 3 * DAY, "c"), signs_in(LAPTOP, 3 * DAY, JO)]
    told += [buys(LAPTOP, 3 * DAY + MINUTE)]
    assert touched(tmp_path, *told) == {"1": {"c"}}


def test_of_an_import_and_a_page_that_tell_an_order_at_once_the_page_settles_it(tmp_path: Path) -> None:
    sold: dict[str, Any] = {"value": 5_000, "currency": "EUR", "customer": JO, "by": "import", "batch": "f00d"}
    told: list[Told] = [visit(PHONE, 0, "phone"), late(signs_in(PHONE, 0, JO), 3 * DAY), visit(LAPTOP, HOUR, "laptop")]
    told += [replace(buys(LAPTOP, HOUR), received=(at := fact(order("A-1"), "purchase", HOUR, **sold)).received)]
    told += [replace(at, line=1), late(fact(order("A-2"), "purchase", HOUR, **sold, line=2), 3 * DAY)]
    assert touched(tmp_path, *told)["1"] == {"laptop"}


def test_the_end_of_an_import_does_not_depend_on_the_query(tmp_path: Path) -> None:
    """One file has orders, and days later what else there is."""
    sold: dict[str, Any] = {"value": 5_000, "currency": "EUR", "customer": JO, "by": "import", "batch": "f00d"}
    told: list[Told] = [visit(PHONE, 0, "phone"), late(signs_in(PHONE, 0, JO), 3 * DAY)]
    told += [fact(order("A-1"), "purchase", HOUR, **sold, line=1)]
    told += [late(thing(CONTACT, "C-1", "contact", HOUR, by="import", batch="f00d", line=2), 3 * DAY)]
    sql = "select distinct campaign from credits"
    assert answered(tmp_path / "a", told, sql) == [(None,)]
    assert answered(tmp_path / "b", told, f"{sql} where 0 <= (select count(*) from contacts)") == [(None,)]


@pytest.mark.parametrize("by", [SECOND, HOUR])
def test_its_own_visit_counts_where_a_servers_clock_is_behind(tmp_path: Path, by: int) -> None:
    told: list[Told] = [visit(PHONE, 0, "a"), visit(PHONE, DAY, "b"), buys(PHONE, DAY)]
    told += [fact(order("A-1"), "purchase", DAY - by, value=10_000, currency="EUR")]
    assert touched(tmp_path, *told) == {"1": {"a", "b"}}


def test_the_nightly_rewriting_changes_no_credit(tmp_path: Path) -> None:
    """Over two browsers, at the till, of two ids of a customer, and of one who comes back."""
    told: list[Told] = [*BOUGHT, ON_PHONE, signs_in(PHONE, HOUR, BEN), fact(BEN, "alias", DAY, other=JO)]
    told += [fact(order("A-2"), "purchase", DAY, value=5_000, currency="EUR", customer=JO), erased(JO, 5 * DAY)]
    told += [visit(PHONE, 6 * DAY, "new"), signs_in(PHONE, 6 * DAY, JO), buys(PHONE, 6 * DAY + MINUTE, "A-3")]
    seal(tmp_path, told_at(told))
    sql = "select time, model, campaign, sum(revenue) from credits group by all order by all"

    def found() -> list[tuple[Any, ...]]:
        with ask(History(str(tmp_path)), Query(sql), zones={}, sites=[SHOP]) as answer:
            return list(answer.rows(100))

    before = found()
    assert {campaign for *_, campaign, _ in before} == {"laptop", "phone", "new"}
    night(tmp_path)
    assert found() == before


def test_a_browser_at_a_counter_and_an_id_of_many_take_no_longer_than_others(tmp_path: Path) -> None:
    """Each of 1,500 customers signs in there; 300 ids are said to be one customer."""
    told: list[Told] = []
    for number in range(1_500):
        at, customer = number * 40 * MINUTE, f"@{number:032x}"
        told += [visit("counter", at, "c"), signs_in("counter", at, customer), buys("counter", at, f"K-{number}", 1)]
        if number < 300:
            told.append(fact(customer, "alias", at, other=JO))
    began = time.perf_counter()
    assert answered(tmp_path, told, "select sum(revenue) from credits where model = 'linear'") == [(1_500,)]
    assert time.perf_counter() - began < 20
