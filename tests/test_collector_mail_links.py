"""Links of mails: clicks go on, opens get their image, and what happened is in the log before the answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp

from collector.mail_links import unnamed
from tests.collector_stand import CHROME, NOON, ORIGIN, SECRET, SITE, Stand, stand
from wakeline.mailing import Links, Made
from wakeline.mailing.token import customer_hash, sent_hash
from wakeline.record import Fact

TARGET = f"{ORIGIN}/lamps?size=2#top"
SENT = sent_hash(SECRET, "mail-77")


def made(collector: Stand, *urls: str, now: int = NOON, **said: Any) -> Made:
    links = Links(collector.url, "demo", secret=SECRET, origins=SITE.origins)
    asked = {"campaign": "winter", "sent_id": "mail-77", "customer": 1042, "links": [{"url": url} for url in urls]}
    return links.mail(now=now, **(asked | said))


async def ask(
    collector: Stand, url: str, method: str = "GET", agent: str = CHROME, **more: Any
) -> aiohttp.ClientResponse:
    headers = {"User-Agent": agent, **more.pop("headers", {})}
    async with collector.http.request(method, url, headers=headers, allow_redirects=False, **more) as answer:
        await answer.read()
        return answer


async def facts(collector: Stand) -> list[Fact]:
    found = [record for lane in (await collector.entries()).values() for record in lane]
    assert all(isinstance(record, Fact) for record in found)
    return [record for record in found if isinstance(record, Fact)]


async def test_a_click_is_in_the_log_and_goes_on_with_its_campaign(tmp_path: Path) -> None:
    async with stand(tmp_path) as collector:
        mail = made(collector, TARGET, element={"subject": "A lamp"})
        answer = await ask(collector, mail.links[0])
        (fact,) = await facts(collector)
    assert (answer.status, answer.headers["Cache-Control"]) == (302, "no-store")
    target = urlsplit(answer.headers["Location"])
    assert (target.netloc, target.path, target.fragment) == ("shop.example", "/lamps", "top")
    assert parse_qs(target.query) == {
        "size": ["2"], "utm_source": ["newsletter"], "utm_medium": ["email"], "utm_campaign": ["winter"],
    }  # fmt: skip
    assert (fact.type, fact.time, fact.customer) == ("campaign_clicked", NOON, "")
    assert fact.home == unnamed(SECRET, SENT)
    assert fact.body == {"campaign": "winter", "element": {"subject": "A lamp"}}


async def test_no_link_holds_an_id(tmp_path: Path) -> None:
    async with stand(tmp_path) as collector:
        mail = made(collector, TARGET)
    assert customer_hash(SECRET, "1042") != "1042"
    assert all("mail-77" not in text and "1042" not in text for text in (*mail.links, mail.pixel, mail.unsubscribe))
