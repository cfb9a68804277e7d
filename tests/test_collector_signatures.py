"""Signatures of identify and forget: their ends, and what the answer says where the reason does not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.collector_stand import DAY, LANES, NOON, SECRET, SITE, VISITOR, envelope, event, full, stand
from wakeline.identity import customer_id, forgotten, identified, signature
from wakeline.lanes import lane_of
from wakeline.record import Erase
from wakeline.settings import Site

ID = "customer-1042"
MUST_END = replace(SITE, identify_expires=True)
NEXT = NOON + DAY


def said(expires: int | None, *, signed: int | None = None, id: str | int = ID, **fields: Any) -> dict[str, Any]:
    """An identify that ends at `expires`, with the signature for an end at `signed`."""
    ends = {} if expires is None else {"expires": expires}
    text = identified(str(id), signed)
    return event(type="identify", visitor=VISITOR, id=id, signature=signature(SECRET, text), **ends, **fields)


@pytest.mark.parametrize("site", [SITE, MUST_END], ids=["any", "must end"])
@pytest.mark.parametrize(
    ("sent", "message"),
    [
        pytest.param(said(NEXT, signed=NEXT), None, id="before its end"),
        pytest.param(said(NOON + 1, signed=NOON + 1), None, id="in its last ms"),
        pytest.param(said(NEXT, signed=NEXT, id=1042), None, id="a number"),
        pytest.param(said(NOON, signed=NOON), "has expired", id="at its end"),
        pytest.param(
            said(NOON - DAY, signed=NOON - DAY, time=NOON - 2 * DAY), "has expired", id="said to be before it"
        ),
        pytest.param(said(NEXT // 1000, signed=NEXT // 1000), "has expired", id="in seconds"),
        pytest.param(said(NEXT, signed=NOON), "does not fit", id="another end"),
        pytest.param(said(NEXT), "does not fit", id="an end that was not signed"),
        pytest.param(said(None, signed=NEXT), "does not fit", id="without the end that was signed"),
        pytest.param(
            said(NOON, signed=NEXT), "does not fit", id="wrong, and its end has passed: only that it is wrong"
        ),
    ],
)
async def test_a_signature_holds_until_its_end(
    tmp_path: Path, site: Site, sent: dict[str, Any], message: str | None
) -> None:
    async with stand(tmp_path, site) as collector:
        status, answer, _ = await collector.post(full(sent))
        records = await collector.records()
        if message is None:
            assert status == 202
            assert [record.customer for record in records] == [customer_id(SECRET, str(sent["id"]))]
            assert str(sent["expires"]) not in repr(records)
            return
        assert (status, answer["reason"], records) == (400, "bad_signature", [])
        assert collector.rejected() == {"bad_signature": 1}
        (rejected,) = answer["rejected"]
        assert message in rejected.pop("message", "")
        assert rejected == {"id": f"{sent['page']}.{sent['n']}", "reason": "bad_signature"}


async def test_a_site_may_require_an_end(tmp_path: Path) -> None:
    async with stand(tmp_path) as collector:
        assert (await collector.post(full(said(None))))[0] == 202
    async with stand(tmp_path, MUST_END) as collector:
        body = full(said(None), event(n=1, visitor=VISITOR), said(None, signed=NEXT, n=2))
        _, answer, _ = await collector.post(body)
        assert (answer["accepted"], [each["reason"] for each in answer["rejected"]]) == (1, ["bad_signature"] * 2)
        assert "sign the id with `expires`" in answer["rejected"][0]["message"]
        assert "does not fit" in answer["rejected"][1]["message"]  # each has its own
        assert [record.type for record in await collector.records()] == ["page_view"]


# ---- forget


def forget(text: str, **fields: Any) -> dict[str, Any]:
    return event(type="forget", id=ID, expires=NEXT, signature=signature(SECRET, text)) | fields


GOOD = forget(forgotten(ID, NEXT), time=NOON - 5_000)
WHO = customer_id(SECRET, ID)


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        pytest.param(full(GOOD), {}, id="full"),
        pytest.param(envelope(GOOD), {}, id="anonymous"),
        pytest.param(envelope(GOOD, consent="off"), {}, id="off"),
        pytest.param(full(GOOD), {"Sec-GPC": "1"}, id="with GPC"),
        pytest.param(full(GOOD), {"Cookie": "staff=1"}, id="own traffic"),
        pytest.param(full(GOOD) | {"webdriver": True}, {}, id="a bot"),
    ],
)
async def test_a_signed_forget_is_the_erasure_of_its_customer(
    tmp_path: Path, body: dict[str, Any], headers: dict[str, str]
) -> None:
    """Up to when it was asked for, so that a retry erases nothing that came since."""
    async with stand(tmp_path) as collector:
        for _ in range(2):
            status, answer, _ = await collector.post(body, headers=headers)
            assert (status, answer["accepted"]) == (202, 1)
            collector.clock.now += 60_000
            body = body | {"sent": body["sent"] + 60_000}
        entries = await collector.entries()
    erasure = Erase(site="demo", id=WHO, time=NOON - 5_000)
    assert {lane: records for lane, records in entries.items() if records} == {
        lane_of("demo", WHO, LANES): [erasure, erasure]
    }


@pytest.mark.parametrize(
    ("sent", "reason", "message"),
    [
        pytest.param(forget(identified(ID, NEXT)), "bad_signature", "does not fit", id="signed to identify"),
        pytest.param(forget(forgotten("another", NEXT)), "bad_signature", "does not fit", id="of somebody else"),
        pytest.param(forget(forgotten(ID, NOON), expires=NOON), "bad_signature", "has expired", id="after its end"),
        pytest.param(forget(f"forget\n{ID}", expires=None), "bad_signature", "has no end", id="without an end"),
        pytest.param(
            forget(forgotten(ID, NEXT), signature=None), "bad_signature", "does not fit", id="without a signature"
        ),
        pytest.param(forget(forgotten(ID, NEXT), id=None), "bad_event", "", id="nobody"),
        pytest.param(forget(forgotten(ID, NEXT), time=NOON - 8 * DAY), "too_old", "", id="long ago"),
    ],
)
async def test_another_forget_erases_nobody(tmp_path: Path, sent: dict[str, Any], reason: str, message: str) -> None:
    async with stand(tmp_path) as collector:
        _, answer, _ = await collector.post(full({name: value for name, value in sent.items() if value is not None}))
        assert (answer["accepted"], [each["reason"] for each in answer["rejected"]]) == (0, [reason])
        assert message in answer["rejected"][0].get("message", "")
        assert await collector.records() == []


async def test_what_is_signed_to_forget_identifies_nobody(tmp_path: Path) -> None:
    async with stand(tmp_path) as collector:
        _, answer, _ = await collector.post(full(GOOD | {"type": "identify"}))
        assert answer["reason"] == "bad_signature"
