"""The demo's own mail server, and what arrived there: for addresses at example.com only, in memory, nothing goes on.

It listens on a free port of this machine, which the system chooses, so that none can be taken.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections import deque
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from msgspec import Struct

from wakeline.clock import now_ms
from wakeline.extras import install

log = logging.getLogger("wakeline.demo")

HOST = "127.0.0.1"
OURS = re.compile(r"[a-z0-9-]{1,32}@example\.com")
MOST_MAILS = 50
MOST_BYTES = 200_000  # of one
HEADERS = ("List-Unsubscribe", "List-Unsubscribe-Post")  # that the inbox shows


class Mail(Struct, frozen=True):
    """A mail that arrived."""

    number: int  # 1 is the first
    at: int  # ms since 1970
    id: str  # Message-ID
    sender: str
    recipient: str
    subject: str
    html: str  # "" if it has none
    text: str
    headers: dict[str, str]  # those of HEADERS that it has


class Inbox:
    """The latest MOST_MAILS mails, the newest first."""

    def __init__(self) -> None:
        self._mails: deque[Mail] = deque(maxlen=MOST_MAILS)
        self._next = 1

    def __iter__(self) -> Iterator[Mail]:
        return reversed(self._mails)

    def mail(self, number: int) -> Mail | None:
        return next((one for one in self._mails if one.number == number), None)

    def number_of(self, id: str) -> int:
        """Of the mail with this Message-ID; 0: there is none any more."""
        return next((one.number for one in self._mails if one.id == id), 0)

    def keep(self, content: bytes, recipient: str) -> None:
        message = message_from_bytes(content, policy=policy.default)
        said = {name: " ".join(str(message[name]).split()) for name in HEADERS if message[name]}
        texts = (_text(message, "html"), _text(message, "plain"))
        id, sender, subject = (str(message[name] or "").strip() for name in ("Message-ID", "From", "Subject"))
        self._mails.append(Mail(self._next, now_ms(), id, sender, recipient, subject or "(no subject)", *texts, said))
        self._next += 1


class MailServer:
    """Takes mails into an inbox by SMTP. `port` is 0 while it does not run."""

    def __init__(self, inbox: Inbox) -> None:
        self.port = 0
        self._inbox = inbox
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Without the package for it, or a port, a log message says so."""
        try:
            from aiosmtpd.smtp import SMTP  # of the extra `demo`
        except ImportError:
            log.warning("the shop sends no mails: its mail server needs %s", install("demo"))
            return
        loop, handler = asyncio.get_running_loop(), Handler(self._inbox)

        def connected() -> Any:
            return SMTP(handler, data_size_limit=MOST_BYTES, hostname="localhost", ident="demo inbox", loop=loop)

        try:
            self._server = await loop.create_server(connected, HOST, 0)
        except OSError as error:
            log.warning("the shop sends no mails: its mail server cannot listen on %s: %s", HOST, error.strerror)
            return
        self.port = self._server.sockets[0].getsockname()[1]
        log.info("mails of the shop arrive at smtp://%s:%d", HOST, self.port)

    def stop(self) -> None:
        """Whoever is connected is left to the end of the loop."""
        server, self._server, self.port = self._server, None, 0
        if server is not None:
            server.close()


class Handler:
    """What aiosmtpd asks when a mail comes."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        if not OURS.fullmatch(address.lower()):
            return "550 only example addresses of the demo get mail here"
        envelope.rcpt_tos.append(address.lower())
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        for recipient in envelope.rcpt_tos:
            self._inbox.keep(envelope.content, recipient)
        return "250 OK"


def _text(message: EmailMessage, kind: str) -> str:
    """The part of this kind; "" if there is none that can be read."""
    part = message.get_body((kind,))
    try:
        return str(part.get_content()) if part is not None else ""
    except (LookupError, ValueError):  # of an encoding that nobody knows
        return ""
