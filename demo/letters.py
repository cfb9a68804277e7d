"""Sends the newsletter to a customer who asks for it, shows the inbox, and reads what became of each mail."""

from __future__ import annotations

import asyncio
import random
import smtplib
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from email.message import EmailMessage
from html import escape
from typing import Any

from aiohttp import web
from msgspec import Struct
from redis.asyncio import Redis
from redis.exceptions import RedisError

from crm.service.facts import BY_MACHINE, CLICKED, ELEMENT, OPENED
from demo.departments import Said
from demo.inbox import HOST, MOST_MAILS, Inbox, Mail, MailServer
from demo.inbox_pages import framed, listed, mail_page, mail_policy
from demo.newsletter import CAMPAIGN, agreement, newsletter, wanted
from demo.pages import Page, html, missing
from wakeline import keys
from wakeline.clock import now_ms
from wakeline.kept import Kept
from wakeline.lanes import FIELDS, NoDeployment, lane_of, stored_deployment
from wakeline.mailing.of_site import links_of
from wakeline.redis.connect import connect
from wakeline.settings import Settings, Site
from wakeline.tag import collector_url
from wakeline.thing_fields import moment
from wakeline.told import EARLIEST, decode_thing, value_of
from wakeline.vocabulary.things import SENT, thing_id

Readable = dict[str, Any]
Asked = Callable[[web.Request], Awaitable[str | web.Response]]
Told = Callable[[Sequence[Said]], Awaitable[web.Response]]

SMTP_S = 5.0
SHOWN = 3  # mails in the panel
LINK = f"{ELEMENT}link"
STATES = ("sent", "opened", "clicked", "unsubscribed", *(did + BY_MACHINE for did in (OPENED, CLICKED)))


class LettersAway(Exception):
    """Redis does not answer."""


class Sent(Struct):
    """A mail that the shop sent."""

    customer: str
    sent_id: str
    message_id: str
    subject: str
    link: str = ""  # that was clicked, once it was seen


class Letters:
    """The mails of one site's shop. `customer_of` reads who is meant in a request, `told` tells Wakeline of it."""

    def __init__(self, settings: Settings, site: Site, *, customer_of: Asked, told: Told) -> None:
        self._settings, self._site = settings, site
        self._customer_of, self._told = customer_of, told
        self._inbox = Inbox()
        self._server = MailServer(self._inbox)
        self._links = links_of(site, settings) if site.secret else None
        self._sent: deque[Sent] = deque(maxlen=MOST_MAILS)
        self._redis: Redis | None = None
        self._chance = random.Random()

    async def open(self) -> None:
        if self._links is not None:
            await self._server.start()

    async def close(self) -> None:
        self._server.stop()
        if self._redis is not None:
            await self._redis.aclose()

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/panel/letters/send", self._send),
            web.post("/panel/letters/agree", self._agree),
            web.post("/panel/letters/disagree", self._disagree),
            web.post("/panel/letters/wanted", self._wanted),
            web.get("/inbox", self._list),
            web.get(r"/inbox/{number:\d{1,9}}", self._mail),
            web.get(r"/inbox/{number:\d{1,9}}/mail", self._frame),
        ]

    async def of(self, customer: str) -> list[Readable] | None:
        """What became of the latest mails to a customer, the latest first; None: the shop sends none.

        number      in the inbox, 0 if it is there no more
        subject, campaign
        each of STATES  ISO 8601, or None
        link        which was clicked, ""

        Raises LettersAway.
        """
        if not self._server.port:
            return None
        sent = [one for one in reversed(self._sent) if one.customer == customer]
        try:
            return [await self._became(one) for one in sent[:SHOWN]]
        except (RedisError, OSError):
            raise LettersAway from None

    async def _became(self, one: Sent) -> Readable:
        facts = await self._facts(one.sent_id)
        one.link = _link(facts) or one.link
        times = {state: value_of(facts, EARLIEST + state) for state in STATES}
        said = {"number": self._inbox.number_of(one.message_id), "subject": one.subject, "campaign": CAMPAIGN}
        return {**said, "link": one.link, **{name: ms and moment(ms).isoformat() for name, ms in times.items()}}

    async def _facts(self, sent_id: str) -> Sequence[Kept]:
        redis = self._redis = self._redis or connect(self._settings.redis)
        asked: Any = redis.hmget(keys.DEPLOYMENT, FIELDS)
        try:
            deployment = stored_deployment(await asked)
        except NoDeployment:  # nobody was ever seen
            return ()
        site, id = self._site.key, thing_id(self._site.secret, SENT, sent_id)
        kept: Any = redis.get(keys.Keys(deployment.version).thing(lane_of(site, id, deployment.lanes), site, id))
        stored = await kept
        return decode_thing(stored).told if stored else ()

    # ---- what a page of the shop asks for ----------------------------------------------------------

    async def _send(self, request: web.Request) -> web.Response:
        """Composes the newsletter, sends it, and tells that it was sent."""
        customer = await self._customer_of(request)
        if isinstance(customer, web.Response):
            return customer
        if self._links is None or not self._server.port:
            return web.json_response({"said": "the shop has no mail server", "steps": []})
        own = f"http://{request.host}"
        shop = own if own in self._site.origins else self._site.origins[0]
        made = newsletter(customer, self._links, shop, self._chance, now_ms())
        try:
            await asyncio.to_thread(_send, made.message, self._server.port)
        except (smtplib.SMTPException, OSError):
            return web.json_response({"said": "the mail server does not take it", "steps": []})
        subject, id = (str(made.message[name]) for name in ("Subject", "Message-ID"))
        self._sent.append(Sent(customer, made.sent_id, id, subject))
        return await self._told([made.sent])

    async def _agree(self, request: web.Request) -> web.Response:
        return await self._agrees(request, is_given=True)

    async def _disagree(self, request: web.Request) -> web.Response:
        return await self._agrees(request, is_given=False)

    async def _agrees(self, request: web.Request, *, is_given: bool) -> web.Response:
        customer = await self._customer_of(request)
        if isinstance(customer, web.Response):
            return customer
        return await self._told(agreement(customer, self._chance, now_ms(), is_given=is_given))

    async def _wanted(self, request: web.Request) -> web.Response:
        customer = await self._customer_of(request)
        if isinstance(customer, web.Response):
            return customer
        return await self._told(wanted(customer, self._chance, now_ms()))

    # ---- the inbox ---------------------------------------------------------------------------------

    async def _list(self, request: web.Request) -> web.Response:
        return self._page(listed(self._inbox, self._server.port), request)

    async def _mail(self, request: web.Request) -> web.Response:
        mail = self._asked(request)
        return self._page(missing() if mail is None else mail_page(mail), request, 404 if mail is None else 200)

    async def _frame(self, request: web.Request) -> web.Response:
        mail = self._asked(request)
        if mail is None:
            return web.Response(status=404)
        policy = mail_policy(collector_url(self._settings))
        headers = {"Content-Security-Policy": policy, "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}
        return web.Response(text=framed(mail), content_type="text/html", headers=headers)

    def _asked(self, request: web.Request) -> Mail | None:
        return self._inbox.mail(int(request.match_info["number"]))

    def _page(self, page: Page, request: web.Request, status: int = 200) -> web.Response:
        """In the shop's frame, for the panel, but without the script: the inbox is no page of the shop."""
        site = self._site
        tag = (
            f'<script type="text/plain" data-site="{escape(site.key)}" data-consent="{escape(site.consent)}"></script>'
        )
        text = html(page, request.path, tag, script="inbox")
        return web.Response(text=text, status=status, content_type="text/html")


def _send(message: EmailMessage, port: int) -> None:
    """Raises SMTPException, OSError."""
    with smtplib.SMTP(HOST, port, local_hostname="localhost", timeout=SMTP_S) as smtp:
        smtp.send_message(message)


def _link(facts: Sequence[Kept]) -> str:
    """The link that was clicked last; "" if that is not known any more."""
    return str(value_of(facts, LINK) or "")
