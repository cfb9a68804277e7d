"""Each consent level: which events it accepts and under which id, and the effect of GPC and withdrawals."""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from collector.salts import anonymous_id
from tests.collector_stand import CHROME, DAY, HOUR, NOON, SECRET, SITE, VISITOR, Stand, envelope, event, full, stand
from wakeline.identity import signature
from wakeline.settings import Site

HASHED = re.compile("~[0-9a-f]{32}")
IDENTIFY = event(type="identify", id="7", signature=signature(SECRET, "7"), visitor=VISITOR)


@pytest.fixture
async def collector(tmp_path: Path) -> AsyncIterator[Stand]:
    async with stand(tmp_path) as made:
        yield made


@pytest.mark.parametrize(
    ("level", "sent", "gpc", "outcome"),
    [
        # full
        pytest.param("full", event(visitor=VISITOR), False, "visitor", id="full: a known visitor"),
        pytest.param("full", event(), False, "missing_visitor", id="full: without a visitor"),
        pytest.param("full", IDENTIFY, False, "visitor", id="full: identify"),
        pytest.param("full", event(type="consent", level="off", visitor=VISITOR), False, "visitor", id="full: consent"),
        # anonymous
        pytest.param("anonymous", event(), False, "hashed", id="anonymous: hashed"),
        pytest.param("anonymous", event(visitor=VISITOR), False, "no_consent", id="anonymous: with a visitor"),
        pytest.param("anonymous", IDENTIFY, False, "no_consent", id="anonymous: identify"),
        pytest.param("anonymous", event(type="consent", level="full"), False, "hashed", id="anonymous: a choice"),
        pytest.param("anonymous", event(), True, "hashed", id="anonymous: GPC changes nothing"),
        pytest.param("anonymous", event(visitor=VISITOR), True, "no_consent", id="anonymous: GPC forgives no id"),
        # off
        pytest.param("off", event(), False, "no_consent", id="off: a page view"),
        pytest.param("off", event(type="ping"), False, "no_consent", id="off: a sign of life"),
        pytest.param("off", IDENTIFY, False, "no_consent", id="off: identify"),
        pytest.param("off", event(type="consent", level="off"), False, "hashed", id="off: withdrawal, anonymous"),
        pytest.param(
            "off", event(type="consent", level="off", visitor=VISITOR), False, "visitor", id="off: withdrawal, known"
        ),
        pytest.param(
            "off", event(type="consent", level="full", visitor=VISITOR), False, "no_consent", id="off: id too early"
        ),
        pytest.param(
            "off", event(type="consent", level="off", visitor=VISITOR), True, "visitor", id="off: withdrawal, GPC"
        ),
        # full under Sec-GPC: 1
        pytest.param("full", event(visitor=VISITOR), True, "hashed", id="GPC: id dropped, event counted"),
        pytest.param("full", event(), True, "hashed", id="GPC: no id is no fault"),
        pytest.param("full", IDENTIFY, True, "no_consent", id="GPC: identify"),
        pytest.param(
            "full", event(type="consent", level="off", visitor=VISITOR), True, "visitor", id="GPC: withdrawal, known"
        ),
        pytest.param("full", event(type="consent", level="full", visitor=VISITOR), True, "hashed", id="GPC: no way up"),
    ],
)
async def test_consent(collector: Stand, level: str, sent: dict[str, Any], gpc: bool, outcome: str) -> None:
    """`visitor`: under the id that was sent; `hashed`: under a daily hash; else refused for that reason."""
    body = envelope(sent, consent=level)
    status, answer, _ = await collector.post(body, headers={"Sec-GPC": "1" if gpc else None})
    records = await collector.records()
    if outcome not in ("visitor", "hashed"):
        assert (status, answer["reason"], records) == (400, outcome, [])
        return
    assert status == 202
    (record,) = records
    if outcome == "visitor":
        assert record.visitor == VISITOR
    else:
        assert HASHED.fullmatch(record.visitor)
        assert VISITOR not in repr(record)
        assert record.customer == ""


async def visitors(collector: Stand, **headers: str | None) -> set[str]:
    await collector.post(envelope(), headers={name.replace("_", "-"): value for name, value in headers.items()})
    return {record.visitor for record in await collector.records()}


async def test_one_browser_is_one_anonymous_visitor_for_a_day(collector: Stand) -> None:
    assert await visitors(collector) == await visitors(collector)
    collector.clock.now += 12 * HOUR
    assert len(await visitors(collector)) == 1


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"User-Agent": CHROME + " other"}, id="another browser"),
        pytest.param({"X-Forwarded-For": "203.0.113.7"}, id="another address"),
    ],
)
async def test_another_browser_or_address_is_another_visitor(tmp_path: Path, other: dict[str, str]) -> None:
    async with stand(tmp_path, settings={"trusted_proxies": (ip_network("127.0.0.0/8"),)}) as collector:
        await collector.post(envelope())
        await collector.post(envelope(), headers=other)
        assert len({record.visitor for record in await collector.records()}) == 2


@pytest.mark.parametrize(
    "sender",
    [
        pytest.param({"User-Agent": "Mozilla/5.0 (compatible; Googlebot/2.1)"}, id="a bot"),
        pytest.param({"User-Agent": None}, id="without a user agent"),
        pytest.param({"Cookie": "staff=1"}, id="the site's own traffic"),
        pytest.param({"Sec-GPC": "1"}, id="global privacy control"),
    ],
)
async def test_a_withdrawal_is_taken_from_whoever_sends_it(collector: Stand, sender: dict[str, str | None]) -> None:
    withdrawal = envelope(event(type="consent", level="off", visitor=VISITOR), consent="off", webdriver=True)
    status, answer, _ = await collector.post(withdrawal, headers=sender)
    assert (status, answer["accepted"]) == (202, 1)
    assert [(record.visitor, record.level) for record in await collector.records()] == [(VISITOR, "off")]


async def test_a_browser_that_changes_its_ipv6_address_is_one_visitor(tmp_path: Path) -> None:
    """Three addresses of one /64. Another /64 is another visitor, and so is the IPv4 address of the same browser."""
    first, second, third, other, ipv4 = ("2001:db8:1:2::1", "2001:db8:1:2:a:b:c:d", "[2001:DB8:1:2:ffff::]:443",
                                         "2001:db8:1:3::1", "198.51.100.7")  # fmt: skip
    async with stand(tmp_path, settings={"trusted_proxies": (ip_network("127.0.0.0/8"),)}) as collector:
        for address in (first, second, third, other, ipv4, f"::ffff:{ipv4}"):
            assert (await collector.post(envelope(), headers={"X-Forwarded-For": address}))[0] == 202
        found = [record.visitor for record in await collector.records()]
    assert sorted(map(found.count, set(found))) == [1, 2, 3]


def test_an_ipv4_visitor_keeps_its_id_over_the_upgrade() -> None:
    """The day's salts stay, and so do the hashes made with them."""
    text = b"shop\x00198.51.100.7\x00Chrome"
    known = "~" + hashlib.blake2b(text, key=b"salt", digest_size=16).hexdigest()
    assert anonymous_id(b"salt", site="shop", address="198.51.100.7", user_agent="Chrome") == known


async def test_a_visitor_of_two_sites_is_two(tmp_path: Path) -> None:
    """Nobody can join what one person did on two sites."""
    second = Site(key="second", origins=SITE.origins)
    async with stand(tmp_path, SITE, second) as collector:
        await collector.post(envelope())
        await collector.post(envelope(site="second"))
        assert len({record.visitor for record in await collector.records()}) == 2


async def test_tomorrow_an_anonymous_visitor_is_another(collector: Stand) -> None:
    today = await visitors(collector)
    collector.clock.now += DAY
    assert len(await visitors(collector) - today) == 1


async def test_a_visit_over_the_change_of_day_and_a_late_retry_stay_one_visitor(collector: Stand) -> None:
    """The salt is chosen by the event's time: what happened before 04:00 belongs to the day before."""
    four = NOON - 8 * HOUR + DAY
    for now, time in ((four - 60_000, four - 60_000), (four + 60_000, four - 30_000), (four + HOUR, four - 60_000)):
        collector.clock.now = now
        assert (await collector.post(envelope(event(time=time), sent=now)))[0] == 202
    assert len({record.visitor for record in await collector.records()}) == 1


async def test_no_address_and_no_id_of_the_sites_own_is_in_any_record(collector: Stand) -> None:
    await collector.post(full(IDENTIFY, event(n=1)))
    await collector.post(envelope())
    for record in await collector.records():
        assert "127.0.0.1" not in repr(record)


async def test_a_disk_that_gives_no_salt_puts_events_off(collector: Stand, tmp_path: Path) -> None:
    """503, so that they are sent again, and the ledger stays true."""
    for path in (tmp_path / "salts").iterdir():
        path.unlink()
    (tmp_path / "salts").rmdir()
    status, answer, headers = await collector.post(envelope())
    assert (status, answer["reason"]) == (503, "unavailable")
    assert "Retry-After" in headers
    assert (await collector.post(full()))[0] == 202  # needs no salt
    metrics = collector.metrics()
    assert (metrics["unavailable_total"], metrics["accepted_total"], metrics["ledger_difference"]) == (1, 1, 0)


@pytest.mark.parametrize(("header", "wanted"), [("1", True), ("0", False), ("", False), ("true", False), (None, False)])
@pytest.mark.parametrize("level", ["full", "anonymous"])
async def test_that_a_browser_asks_for_privacy_is_kept_with_views_and_choices(
    collector: Stand, level: str, header: str | None, wanted: bool
) -> None:
    id = {"visitor": VISITOR} if level == "full" else {}
    types = ("page_view", "ping", "consent", "search", "engagement")
    sent = [
        event(n=n, type=type, **id, **({"level": "full"} if type == "consent" else {})) for n, type in enumerate(types)
    ]
    status, _, _ = await collector.post(envelope(*sent, consent=level), headers={"Sec-GPC": header})
    assert status == 202
    kept = {record.type: record.gpc for record in await collector.records()}
    assert kept == {type: wanted and type in ("page_view", "consent") for type in types}
