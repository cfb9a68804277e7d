"""The demo's newsletter: the mail, the mail server that takes it, the inbox, and what the shop's server tells of it."""

from __future__ import annotations

import asyncio
import random
import re
import smtplib
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from benchmarks.machine import free_port
from demo.app import create_app
from demo.catalogue import SITE
from demo.inbox import HOST, MOST_MAILS, Inbox, Mail, MailServer
from demo.inbox_pages import framed
from demo.key import Key
from demo.newsletter import CAMPAIGN, newsletter
from demo.server_events import PATH
from wakeline.config import load
from wakeline.mailing import BadLink, Links
from wakeline.mailing.of_site import links_of
from wakeline.mailing.token import Kind, read

CONFIG = load(SITE.parent / "wakeline.toml", {}, {})
SHOP = "http://127.0.0.1:8710"
NOW = 1_790_000_000_000
WHO = "C-1042"
OURS = {"Host": "127.0.0.1:8710", "Wakeline-Demo": "1", "Sec-Fetch-Site": "same-origin"}


def links() -> Links:
    return links_of(CONFIG.sites["demo"], CONFIG.settings)


def made() -> EmailMessage:
    return newsletter(WHO, links(), SHOP, random.Random(1), NOW).message


def mail(message: EmailMessage | None = None) -> Mail:
    inbox = Inbox()
    inbox.keep((message or made()).as_bytes(), "c-1042@example.com")
    return next(iter(inbox))


# ---- the mail


def test_its_links_are_ours_and_lead_to_the_shop() -> None:
    arrived = mail()
    hrefs = re.findall(r'href="([^"]+)"', arrived.html)
    tokens = [read(url.rpartition("/")[2]) for url in hrefs]
    clicks = [token for token in tokens if token is not None and token.kind is Kind.CLICK]
    assert len(tokens) == len(clicks) + 1  # to unsubscribe
    assert {token.campaign for token in clicks} == {CAMPAIGN}
    assert [clicks[0].element["link"], clicks[-1].element["link"]] == ["top", "bottom"]
    assert len({token.element["link"] for token in clicks}) == 5
    assert all(token.target.startswith(SHOP) for token in clicks)
    (pixel,) = re.findall(r'src="([^"]+)" alt="" width="1"', arrived.html)
    token = read(pixel.rpartition("/")[2])
    assert token is not None
    assert token.kind is Kind.OPEN
    assert all(url in arrived.text for url in (hrefs[0], hrefs[-1]))


def test_no_header_is_encoded_so_that_mail_programs_read_it() -> None:
    lines = made().as_bytes().split(b"\r\n\r\n")[0].split(b"\r\n")
    said = dict(line.split(b": ", 1) for line in lines)
    assert said[b"List-Unsubscribe-Post"] == b"List-Unsubscribe=One-Click"
    assert re.fullmatch(rb"<http://[!-~]+>", said[b"List-Unsubscribe"])


def test_what_is_told_is_what_its_links_say() -> None:
    sent = newsletter(WHO, links(), SHOP, random.Random(1), NOW)
    event = sent.sent.event
    assert (event["type"], event["customer"], event["sent_id"]) == ("campaign_sent", WHO, sent.sent_id)
    assert (event["campaign"], event["element"]) == (CAMPAIGN, {"subject": sent.message["Subject"]})
    assert event["cost"] > 0


def test_it_never_leads_elsewhere() -> None:
    with pytest.raises(BadLink):
        newsletter(WHO, links(), "https://elsewhere.example", random.Random(1), NOW)


# ---- the mail server


@asynccontextmanager
async def running(inbox: Inbox) -> AsyncIterator[int]:
    server = MailServer(inbox)
    await server.start()
    try:
        yield server.port
    finally:
        server.stop()
        await asyncio.sleep(0.05)  # for the end of connections


def _send(port: int, message: EmailMessage) -> None:
    with smtplib.SMTP(HOST, port, local_hostname="localhost", timeout=5) as smtp:
        smtp.send_message(message)


async def test_what_is_sent_arrives() -> None:
    inbox = Inbox()
    async with running(inbox) as port:
        await asyncio.to_thread(_send, port, made())
    (arrived,) = inbox
    expected = made()
    assert (arrived.subject, arrived.recipient) == (expected["Subject"], "c-1042@example.com")
    assert arrived.headers == {name: expected[name] for name in ("List-Unsubscribe", "List-Unsubscribe-Post")}
    with pytest.raises(OSError, match="refused"):
        await asyncio.to_thread(_send, port, made())


async def test_only_example_addresses_get_mail() -> None:
    inbox, message = Inbox(), made()
    message.replace_header("To", "somebody@example.org")
    async with running(inbox) as port:
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            await asyncio.to_thread(_send, port, message)
    assert list(inbox) == []


async def test_two_shops_have_two_ports() -> None:
    async with running(Inbox()) as one, running(Inbox()) as other:
        assert one != other


async def test_without_its_package_the_shop_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "aiosmtpd.smtp", None)
    async with running(Inbox()) as port:
        assert port == 0
    (said,) = caplog.messages
    assert 'pip install -e ".[demo]"' in said


def test_an_inbox_keeps_the_latest() -> None:
    inbox = Inbox()
    for _ in range(MOST_MAILS + 2):
        inbox.keep(made().as_bytes(), "c-1042@example.com")
    numbers = [one.number for one in inbox]
    assert numbers == list(range(MOST_MAILS + 2, 2, -1))
    assert inbox.mail(1) is None


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"Content-Type: text/html; charset=none\r\n\r\n\xff<p>"])
def test_any_bytes_are_a_mail(content: bytes) -> None:
    inbox = Inbox()
    inbox.keep(content, "c-1042@example.com")
    assert next(iter(inbox)).subject == "(no subject)"


# ---- the inbox


@pytest.fixture
async def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[TestClient, list[Any]]]:
    """The shop beside a collector, and what that was told."""
    told: list[Any] = []

    async def hear(request: web.Request) -> web.Response:
        events = (await request.json())["events"]
        told.extend(events)
        return web.json_response(
            {"results": [{"id": event["id"], "status": "accepted"} for event in events]}, status=202
        )

    async def text(key: Key) -> str:
        return "wk_a_b"

    monkeypatch.setattr(Key, "text", text)
    collector = web.Application()
    collector.router.add_post(PATH, hear)
    async with TestServer(collector) as server:
        flags = {"data": str(tmp_path), "host": "127.0.0.1", "port": str(server.port)}
        flags |= {"redis": f"redis://127.0.0.1:{free_port()}"}
        app = create_app(load(SITE.parent / "wakeline.toml", flags, {}), 8710)
        async with TestClient(TestServer(app)) as client:
            yield client, told


async def test_the_shop_sends_tells_and_shows_it(shop: tuple[TestClient, list[Any]]) -> None:
    client, told = shop
    answer = await client.post("/panel/letters/send", json={"id": WHO}, headers=OURS)
    body = await answer.json()
    assert body["said"] == "accepted"
    assert [step["type"] for step in body["steps"]] == ["campaign_sent"]
    assert [event["type"] for event in told] == ["campaign_sent"]
    texts = [await (await client.get(path, headers=OURS)).text() for path in ("/inbox", "/inbox/1")]
    assert 'href="/inbox/1"' in texts[0]
    assert 'sandbox="allow-same-origin allow-top-navigation-by-user-activation"' in texts[1]
    assert "List-Unsubscribe=One-Click" in texts[1]
    assert all("wakeline.js" not in text for text in texts)  # the inbox is no page of the shop
    assert (await client.get("/inbox/2", headers=OURS)).status == 404


async def test_a_mail_runs_no_scripts_and_its_links_open_in_the_tab(shop: tuple[TestClient, list[Any]]) -> None:
    client, _ = shop
    await client.post("/panel/letters/send", json={"id": WHO}, headers=OURS)
    answer = await client.get("/inbox/1/mail", headers=OURS)
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert "script-src" not in policy
    assert policy["sandbox"] == "allow-same-origin allow-top-navigation-by-user-activation"
    assert policy["frame-ancestors"] == "'self'"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert '<head><base target="_top">' in await answer.text()


async def test_the_panel_is_asked_by_the_number_of_a_customer(shop: tuple[TestClient, list[Any]]) -> None:
    client, _ = shop
    answer = await client.get(f"/panel/profile/{'v' * 22}?customer=a%20b", headers=OURS)
    assert (answer.status, await answer.json()) == (400, {"reason": "bad_customer"})


def test_a_mail_without_html_is_shown_as_text() -> None:
    message = EmailMessage()
    message["Subject"] = "<b>"
    message.set_content("<script>alert()</script>")
    assert "<pre>&lt;script&gt;" in framed(mail(message))


@pytest.mark.parametrize(
    ("path", "event"),
    [
        ("agree", {"type": "consent", "level": "full", "purposes": ["contact"]}),
        ("disagree", {"type": "consent", "level": "full", "purposes": []}),
        ("wanted", {"type": "preference", "channel": "email", "allowed": True}),
    ],
)
async def test_a_customer_chooses(shop: tuple[TestClient, list[Any]], path: str, event: dict[str, Any]) -> None:
    client, told = shop
    answer = await client.post(f"/panel/letters/{path}", json={"id": WHO}, headers=OURS)
    assert (await answer.json())["said"] == "accepted"
    assert told[0].items() >= (event | {"customer": WHO}).items()


@pytest.mark.parametrize("path", ["send", "agree", "disagree", "wanted"])
@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [({"Sec-Fetch-Site": "cross-site"}, {"id": WHO}, 403), ({}, {"id": "a b"}, 400), ({}, {}, 400)],
    ids=["another site", "no customer number", "nobody"],
)
async def test_only_a_page_of_the_shop_may_ask(
    shop: tuple[TestClient, list[Any]], path: str, headers: dict[str, str], body: dict[str, str], status: int
) -> None:
    client, told = shop
    answer = await client.post(f"/panel/letters/{path}", json=body, headers=OURS | headers)
    assert answer.status == status
    assert told == []
