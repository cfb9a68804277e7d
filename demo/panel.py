"""Fetches the live profile and the visitor's order for the panel: only this server has the token of the read side.

Also says why there is none: a browser that counts as a bot has no profile.
"""

from __future__ import annotations

import re
from time import monotonic
from typing import Any

import msgspec
from aiohttp import ClientError, ClientSession, ClientTimeout, web

from collector.agents import agent_of, legible
from demo.letters import Letters, LettersAway
from demo.orders import Orders, OrdersAway, shown
from demo.server_events import ServerEvents
from wakeline.identity import customer_id
from wakeline.settings import Settings, Site
from wakeline.tag import address

VISITOR = re.compile(r"[A-Za-z0-9_-]{8,36}")
NUMBER = re.compile(r"[A-Za-z0-9-]{1,32}")
TIMEOUT = ClientTimeout(total=3.0)
LOOK_S = 30.0  # between two looks for the server API


class ReadSideAway(Exception):
    """The read side does not answer, or rejects the request."""


class Panel:
    """GET /panel/profile/{visitor}?order=NUMBER&customer=NUMBER: {"visitor": Profile, "customer": Profile}, or null.

    Also, if so: "order", the one with this number if it is the visitor's own, see `orders.shown`; "mails" to
    the customer with this number if the visitor is linked to it, see `letters.Letters.of`; "bot", the name under which
    the browser counts; and "departments": true if they can be heard.
    """

    def __init__(self, settings: Settings, site: Site, orders: Orders, heard: ServerEvents, letters: Letters) -> None:
        self._site, self._orders, self._heard, self._letters = site, orders, heard, letters
        self._looked, self._is_heard = -LOOK_S, False
        self._profiles = f"http://{address(settings.internal_host)}:{settings.api_port}/v1/profiles/{site.key}/"
        self._headers = {"Authorization": f"Bearer {settings.api_token}"}
        self._session: ClientSession | None = None

    async def handle(self, request: web.Request) -> web.Response:
        visitor, number = request.match_info["visitor"], request.query.get("order", "")
        if not VISITOR.fullmatch(visitor):
            return answered({"reason": "bad_visitor"}, 400)
        if number and not NUMBER.fullmatch(number):
            return answered({"reason": "bad_order"}, 400)
        named = request.query.get("customer", "")
        if named and not NUMBER.fullmatch(named):
            return answered({"reason": "bad_customer"}, 400)
        try:
            profile = await self._read(visitor)
            customer = await self._read(profile["customer"]) if profile and profile["customer"] else None
            order = await self._orders.of(visitor, number) if number and profile else None
            is_own = profile and named and profile["customer"] == customer_id(self._site.secret, named)
            mails = await self._letters.of(named) if is_own else None
        except (ReadSideAway, OrdersAway, LettersAway):
            return answered({"reason": "unavailable"}, 503)
        body: dict[str, Any] = {"visitor": profile, "customer": customer}
        if order is not None:
            body["order"] = shown(order) | {"number": number}
        if mails is not None:
            body["mails"] = mails
        if bot := agent_of(legible(request.headers.get("User-Agent", ""))).bot:
            body["bot"] = bot
        if await self._departments():
            body["departments"] = True
        return answered(body)

    async def _departments(self) -> bool:
        """Whether they can be heard, looked for now and then until they can."""
        now = monotonic()
        if not self._is_heard and now - self._looked >= LOOK_S:
            self._looked = now
            self._is_heard = await self._heard.look()
        return self._is_heard and self._heard.is_there

    async def _read(self, id: str) -> dict[str, Any] | None:
        if self._session is None:
            self._session = ClientSession(headers=self._headers, timeout=TIMEOUT)
        try:
            async with self._session.get(self._profiles + id) as answer:
                body = msgspec.json.decode(await answer.read())
        except (ClientError, TimeoutError, msgspec.DecodeError):
            raise ReadSideAway from None
        if answer.status == 404 and body == {"reason": "unknown_profile"}:
            return None
        if answer.status != 200 or not isinstance(body, dict):
            raise ReadSideAway
        return body

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()


def answered(body: object, status: int = 200) -> web.Response:
    """JSON that nobody keeps."""
    headers = {"Cache-Control": "no-store", "Content-Type": "application/json"}
    return web.Response(body=msgspec.json.encode(body), status=status, headers=headers)
