"""/v1/cards: the personal values of customers, for servers with an API key that has the scope `cards`.

GET  /v1/cards/{site}/{pseudonym}        a customer's card, by "@..."
GET  /v1/cards/{site}/customers/{id}     the same by the site's own id
POST /v1/cards/{site}/search             {"text": ..., "by": ...}: the pseudonyms of who has this value

What is searched for is in the body, so that it is in no address. Each card that is read is logged, with the key's
public name and the customer's pseudonym.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable
from pathlib import Path
from typing import Annotated, Any

import msgspec
from aiohttp import web
from msgspec import Meta, Struct
from redis.asyncio import Redis

from api.access import BUDGET_S, CANNOT_READ, Access, Reader
from api.answers import Refusal, answered
from api.metrics import KEY_ANSWERS
from wakeline import card_keys
from wakeline.aliases import ids_of
from wakeline.api_keys import Scope
from wakeline.cards import AsyncCards, NoCardKey, Personal, Value, key_file, read_ring
from wakeline.cards.search import FOUND_BY
from wakeline.identity import PSEUDONYM, customer_id
from wakeline.patience import Outage
from wakeline.settings import Config
from wakeline.traces import without_words

MOST_BYTES = 8_192  # of a search
BODY_S = 10.0  # for it to arrive
MOST_TEXT = 1_000  # characters

log = logging.getLogger("wakeline.api")


class CardAnswer(Struct):
    """A customer's card, and those of its other ids."""

    site: str
    customer: str  # "@...": the id that keeps what is known of the person
    values: dict[str, Value]  # by name
    unreadable: list[str]  # names of values that were encrypted with a key that the file does not hold
    aliases: list[Personal]


class Search(Struct, forbid_unknown_fields=True):
    """What is searched for: a whole value, or words of a name."""

    text: Annotated[str, Meta(min_length=1, max_length=MOST_TEXT)]
    by: str = ""  # a name in `FOUND_BY`; "": each of them


class Found(Struct):
    customers: list[str]  # "@...", at most `wakeline.cards.reading.FOUND`


_decode = msgspec.json.Decoder(Search).decode


class CardHandlers:
    """Answers with a `CardAnswer` or `Found` as JSON, or with {"reason": <Refusal>}."""

    def __init__(self, config: Config, access: Access, redis: Redis) -> None:
        self._url = config.settings.redis
        self._file: Path = key_file(config)
        self._access = access
        self._redis = redis
        self._cards: AsyncCards | None = None
        self._ring: list[str] = []  # the ids of its keys
        self._no_key, self._outage = Outage(log), Outage(log)

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/v1/cards/{site}/{id}", self.by_pseudonym),
            web.get("/v1/cards/{site}/customers/{id}", self.by_customer),
            web.post("/v1/cards/{site}/search", self.search),
        ]

    async def close(self) -> None:
        cards, self._cards = self._cards, None
        if cards is not None:
            await cards.close()

    async def by_pseudonym(self, request: web.Request) -> web.Response:
        """The card of "@..."."""
        reader = await self._access.reader(request, Scope.CARDS)
        if isinstance(reader, Refusal):
            return _answer(reader)
        id = request.match_info["id"]
        if not re.fullmatch(PSEUDONYM, id):
            return _answer(Refusal.UNKNOWN_CARD)
        return _answer(await self._tried(self._card(reader, id)))

    async def by_customer(self, request: web.Request) -> web.Response:
        """The card of the customer with the site's own `id`."""
        reader = await self._access.reader(request, Scope.CARDS)
        if isinstance(reader, Refusal):
            return _answer(reader)
        if not reader.site.secret:
            return _answer(Refusal.NO_SITE_SECRET)
        return _answer(await self._tried(self._card(reader, customer_id(reader.site.secret, request.match_info["id"]))))

    async def search(self, request: web.Request) -> web.Response:
        """Who has this value."""
        reader = await self._access.reader(request, Scope.CARDS)
        if isinstance(reader, Refusal):
            return _answer(reader)
        search = await _search(request)
        return _answer(Refusal.BAD_SEARCH if search is None else await self._tried(self._find(reader, search)))

    # ---- reading ---------------------------------------------------------------------------------

    async def _card(self, reader: Reader, customer: str) -> CardAnswer | Refusal:
        site = reader.site.key
        cards = await self._opened()
        if cards is None:
            return Refusal.UNKNOWN_CARD
        ids = await ids_of(self._redis, site, customer)
        found = await cards.read_many(site, ids)
        if not found:
            return Refusal.UNKNOWN_CARD
        log.info("API key %s read the card of %s on site %s", reader.key, ", ".join(found), site)
        own = found.pop(ids[0], None) or Personal(site, ids[0], {})
        return CardAnswer(site, ids[0], own.values, own.unreadable, list(found.values()))

    async def _find(self, reader: Reader, search: Search) -> Found:
        site = reader.site.key
        cards = await self._opened()
        found = await cards.find(site, search.text, by=search.by) if cards is not None else []
        by = search.by or "any value"
        log.info("API key %s searched the cards of site %s by %s: %d found", reader.key, site, by, len(found))
        return Found(found)

    async def _opened(self) -> AsyncCards | None:
        """A reader with the keys that the file has now; None if no card was ever written. Raises NoCardKey."""
        try:
            ring = await asyncio.to_thread(read_ring, self._file)
        except NoCardKey:
            known: Any = self._redis.smembers(card_keys.FINGERPRINTS)
            if await known:
                raise
            return None
        ids = [key.id for key in ring.keys]
        if self._cards is None:
            self._cards = AsyncCards(self._url, ring)
        elif ids != self._ring:
            self._cards.use(ring)
        self._ring = ids
        return self._cards

    async def _tried(self, work: Awaitable[CardAnswer | Found | Refusal]) -> CardAnswer | Found | Refusal:
        """Its result. Words of an unexpected error, which may hold a value, are not logged."""
        try:
            async with asyncio.timeout(BUDGET_S):
                found = await work
        except NoCardKey as error:
            self._no_key.say(f"cards cannot be read: {error}", logging.ERROR)
            return Refusal.UNAVAILABLE
        except CANNOT_READ as error:
            self._outage.say(f"a card could not be read: {_words(error)}", kind="away")
            return Refusal.UNAVAILABLE
        except Exception as error:
            log.error("internal error while a card was read\n%s", without_words(error))
            return Refusal.INTERNAL
        self._no_key.is_over()
        self._outage.is_over()
        return found


def _words(error: BaseException) -> str:
    """Its words without the command, which holds ids and hashes."""
    return str(error).rpartition("caused error: ")[2] or "no answer in time"


async def _search(request: web.Request) -> Search | None:
    """The search in the body; None if it is none."""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > MOST_BYTES:
                    return None
        search = _decode(bytes(body))
    except (ValueError, RecursionError, TimeoutError, web.RequestPayloadError):
        return None
    return search if search.by in ("", *FOUND_BY) else None


def _answer(found: CardAnswer | Found | Refusal) -> web.Response:
    KEY_ANSWERS.labels(Scope.CARDS, found if isinstance(found, Refusal) else "ok").inc()
    return answered(found)
