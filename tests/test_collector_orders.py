"""What pages tell of orders: their id in the log, and a signature of the site's server. And codes of promotions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.collector_stand import SECRET, SITE, Stand, envelope, event, stand
from wakeline.commerce import signed_text
from wakeline.identity import signature
from wakeline.record import Event, encode_record
from wakeline.vocabulary.money import BadAmount
from wakeline.vocabulary.things import ORDER, own_id, part_id, thing_id

BOUGHT = {"transaction_id": "A-1001", "value": 154.8, "currency": "EUR"}
SIGNED = signature(SECRET, "A-1001\n154.80\nEUR")


@pytest.fixture
async def collector(tmp_path: Path) -> AsyncIterator[Stand]:
    async with stand(tmp_path) as made:
        yield made


async def stored(collector: Stand, type: str, props: dict[str, Any]) -> Event:
    status, answer, _ = await collector.post(envelope(event(type=type, props=props)))
    assert (status, answer["rejected"]) == (202, [])
    (record,) = await collector.records()
    return record


# ---- the order


@pytest.mark.parametrize("type", ["purchase", "refund"])
@pytest.mark.parametrize(
    "number", ["A-1001", " A-1001 ", "A-\u200b1001"], ids=["plain", "spaces", "an unseen character"]
)
async def test_an_order_has_the_id_that_servers_give_it(collector: Stand, type: str, number: str) -> None:
    record = await stored(collector, type, {**BOUGHT, "transaction_id": number})
    assert record.order == thing_id(SECRET, ORDER, "A-1001")
    assert record.props["transaction_id"] == "A-1001"
    assert not record.signed


@pytest.mark.parametrize(("number", "text"), [(7, "7"), (7.0, "7"), (4111111111111111, "4111111111111111")])
async def test_a_number_is_read_as_text(collector: Stand, number: float, text: str) -> None:
    assert (await stored(collector, "purchase", {**BOUGHT, "transaction_id": number})).order == thing_id(
        SECRET, ORDER, text
    )


@pytest.mark.parametrize(
    "number",
    [None, "undefined", "{{id}}", " ", True, ["A-1"], "x" * 257, "me@mail.example", "4111 1111 1111 1111"],
    ids=repr,
)
async def test_without_a_number_that_tells_it_apart_there_is_no_order(collector: Stand, number: object) -> None:
    """What is redacted would be one order of many people."""
    assert (await stored(collector, "purchase", {**BOUGHT, "transaction_id": number})).order == ""


@pytest.mark.parametrize("type", ["begin_checkout", "view_item", "order", "quiz"])
async def test_only_purchases_and_refunds_are_about_an_order(collector: Stand, type: str) -> None:
    assert (await stored(collector, type, BOUGHT)).order == ""


async def test_former_names_mean_nothing_where_they_come_in(collector: Stand) -> None:
    record = await stored(collector, "purchase", {"order": "A-1001", "price": "154,80", "currency": "EUR"})
    assert (record.order, record.props) == ("", {"order": "A-1001", "price": 154.8, "currency": "EUR"})


# ---- the signature


@pytest.mark.parametrize(
    ("sent", "given"),
    [
        pytest.param(BOUGHT, SIGNED, id="as it stands"),
        pytest.param(BOUGHT, SIGNED.upper(), id="in capitals"),
        pytest.param({**BOUGHT, "value": "154,80 €", "currency": "eur"}, SIGNED, id="as texts of a page"),
        pytest.param(
            {**BOUGHT, "transaction_id": 7, "value": 1500, "currency": "JPY"},
            signature(SECRET, "7\n1500\nJPY"),
            id="yen",
        ),
        pytest.param({**BOUGHT, "value": 0.1 + 0.2}, signature(SECRET, "A-1001\n0.30\nEUR"), id="a sum of JavaScript"),
        pytest.param({**BOUGHT, **{f"p{n}": n for n in range(40)}}, SIGNED, id="beyond the most properties"),
    ],
)
async def test_a_signed_purchase_counts_as_a_servers(collector: Stand, sent: dict[str, Any], given: str) -> None:
    record = await stored(collector, "purchase", {**sent, "signature": given})
    assert record.signed
    assert record.order
    assert "signature" not in record.props
    assert SIGNED[:16] not in encode_record(record).decode().lower()


@pytest.mark.parametrize(
    ("sent", "given"),
    [
        pytest.param(BOUGHT, "3f" * 32, id="of nobody"),
        pytest.param(BOUGHT, signature("another", "A-1001\n154.80\nEUR"), id="with another secret"),
        pytest.param(BOUGHT, signature(SECRET, "A-1001"), id="of the number alone"),
        pytest.param({**BOUGHT, "value": 15.48}, SIGNED, id="of another value"),
        pytest.param({**BOUGHT, "currency": "USD"}, SIGNED, id="of another currency"),
        pytest.param({**BOUGHT, "transaction_id": "A-1002"}, SIGNED, id="of another order"),
        pytest.param({"value": 154.8, "currency": "EUR"}, SIGNED, id="of no order"),
        pytest.param({"transaction_id": "A-1001", "currency": "EUR"}, SIGNED, id="of no value"),
        pytest.param({"transaction_id": "A-1001", "value": 154.8}, SIGNED, id="of no currency"),
        pytest.param({**BOUGHT, "currency": "QQQ"}, SIGNED, id="of a currency that is none"),
        pytest.param(BOUGHT, 7, id="a number"),
        pytest.param(BOUGHT, [SIGNED], id="a list"),
        pytest.param(BOUGHT, "\u00e9" * 64, id="other letters"),
    ],
)
async def test_a_forged_purchase_is_refused(collector: Stand, sent: dict[str, Any], given: object) -> None:
    status, answer, _ = await collector.post(envelope(event(type="purchase", props={**sent, "signature": given})))
    assert (status, answer["reason"]) == (400, "bad_signature")
    assert await collector.records() == []
    assert collector.rejected() == {"bad_signature": 1}


async def test_a_number_that_the_log_may_not_hold_is_signed_as_the_shop_writes_it(collector: Stand) -> None:
    given = signature(SECRET, "4111 1111 1111 1111\n154.80\nEUR")
    sent = {**BOUGHT, "transaction_id": "4111 1111 1111 1111", "signature": given}
    record = await stored(collector, "purchase", sent)
    assert (record.signed, record.order, record.props["transaction_id"]) == (True, "", "(redacted)")


@pytest.mark.parametrize("given", [None, "", "undefined", "{{ signature }}"])
async def test_a_page_that_has_no_signature_only_says_it_itself(collector: Stand, given: object) -> None:
    record = await stored(collector, "purchase", {**BOUGHT, "signature": given})
    assert (record.signed, record.props) == (False, BOUGHT)


async def test_a_refund_keeps_no_signature_either(collector: Stand) -> None:
    record = await stored(collector, "refund", {**BOUGHT, "signature": SIGNED})
    assert (record.signed, record.props) == (False, BOUGHT)


async def test_elsewhere_a_signature_is_the_sites_own_property(collector: Stand) -> None:
    assert (await stored(collector, "petition", {"signature": "X"})).props == {"signature": "X"}


async def test_a_site_without_a_secret_has_no_signed_purchase(tmp_path: Path) -> None:
    async with stand(tmp_path, replace(SITE, secret="")) as collector:
        given = signature("", "A-1001\n154.80\nEUR")
        sent = envelope(event(type="purchase", props={**BOUGHT, "signature": given}))
        assert (await collector.post(sent))[1]["reason"] == "bad_signature"


# ---- codes of promotions


@pytest.mark.parametrize("type", ["promotion_issued", "promotion_used", "contest_entered"])
@pytest.mark.parametrize(("code", "text"), [(" LEAVES ", "LEAVES"), (4711, "4711"), ("4111 1111 1111 1111",) * 2])
async def test_of_a_code_only_its_hash_is_kept(collector: Stand, type: str, code: object, text: str) -> None:
    record = await stored(collector, type, {"promotion": "autumn", "code": code})
    assert record.props == {"promotion": "autumn", "code": part_id(SECRET, "promotion", text)}


@pytest.mark.parametrize("code", ["", "undefined", None, ["LEAVES"], "x" * 257], ids=repr)
async def test_what_is_no_code_is_not_kept(collector: Stand, code: object) -> None:
    assert (await stored(collector, "promotion_used", {"promotion": "autumn", "code": code})).props.get("code") is None


# ---- what is signed


def test_the_text_has_the_decimals_of_its_currency() -> None:
    assert signed_text("A-1", 154.8, "EUR") == "A-1\n154.80\nEUR"
    assert signed_text("A-1", 0, "EUR") == "A-1\n0.00\nEUR"
    assert signed_text("A-1", 1.5, "JPY") == "A-1\n2\nJPY"
    assert signed_text("A-1", 10**12, "KWD") == "A-1\n1000000000000.000\nKWD"
    with pytest.raises(BadAmount):
        signed_text("A-1", 1, "")


def test_names() -> None:
    assert [own_id(one) for one in ("A", 7, 7.0, 1e21, 7.5)] == ["A", "7", "7", "1" + "0" * 21, "7.5"]
    assert [own_id(one) for one in (None, "", False, "x" * 257, [], 10**300, 10**9_000)] == [None] * 7
