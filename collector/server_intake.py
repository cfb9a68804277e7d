"""`POST /v1/server/events` step by step: the key, the limits, the events one by one, the disk, the answer."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import msgspec
from aiohttp import web

from collector import server_answers as answers
from collector.addresses import Addresses
from collector.body import is_json, read_body
from collector.facts import Facts
from collector.keyring import Keyring
from collector.limiter import KeyLimiter, KeySlots, Limiter
from collector.memory import Memory, Step
from collector.metrics import Metrics
from collector.props import Dropped
from collector.told import Bad, decode_told, id_of
from collector.writer import GroupCommit
from wakeline.api_keys import ApiKey, Scope
from wakeline.cards import Card
from wakeline.event import MAX_BODY_BYTES as MAX_PAGE_BODY_BYTES
from wakeline.event import Refusal
from wakeline.lanes import lane_of
from wakeline.patience import Outage
from wakeline.record import MOST_FACT_BYTES, encode_record
from wakeline.server_events import (
    MAX_BODY_BYTES,
    MAX_EVENTS,
    Accepted,
    Rejected,
    Request,
    decode_request,
)
from wakeline.settings import Site
from wakeline.traces import without_words
from wakeline.vocabulary.types import FORGET

logger = logging.getLogger("wakeline.collector")

MOST_READ = 64  # bodies that are being read at once: as many megabytes
SLICE_BYTES = MAX_PAGE_BODY_BYTES  # of events that are handled at a stretch: as many as a page may send at once
SAID_EVERY_S = 10.0  # internal errors are logged at most this often
NOT_JSON = (
    'the body is no JSON object {"events": [{...}, ...]}, or nested too deeply; "site" is the only other field it may '
    "have"
)


class Asked(NamedTuple):
    """A valid request: of a key that may send, with no more events than allowed."""

    request: Request
    key: ApiKey
    facts: Facts


class Made(NamedTuple):
    """What becomes of a request's events."""

    results: list[Accepted | Rejected]  # in their order
    records: list[tuple[str, bytes]]  # with their homes
    cards: list[Card]
    dropped: list[Dropped]
    size: int  # bytes of records and cards
    forbidden: int  # events that are refused because the key lacks their scope


class ServerIntake:
    """Turns requests of servers into records. `clock` gives ms since 1970."""

    def __init__(
        self,
        sites: Mapping[str, Site],
        *,
        keyring: Keyring,
        addresses: Addresses,
        limiter: Limiter,
        key_limiter: KeyLimiter,
        writer: GroupCommit,
        metrics: Metrics,
        memory: Memory,
        clock: Callable[[], int],
    ) -> None:
        self._facts = {key: Facts(site) for key, site in sites.items() if site.secret}
        self._sites = sites
        self._keyring = keyring
        self._addresses = addresses
        self._limiter = limiter
        self._key_limiter = key_limiter
        self._writer = writer
        self._metrics = metrics
        self._memory = memory
        self._clock = clock
        self._slots = KeySlots(MOST_READ)
        self._outage = Outage(logger, again_s=SAID_EVERY_S)

    async def events(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answers as specified in `wakeline.server_events`. Raises ConnectionError if the sender disconnects."""
        began = time.perf_counter()
        try:
            asked = await self._asked(request)
        except ConnectionError:
            raise
        except Exception as error:
            return self._refuse(self._fault(error))
        if not isinstance(asked, Asked):
            return asked
        metrics, events = self._metrics, asked.request.events
        if self._memory.step is Step.REFUSE:
            metrics.refused_for_memory += len(events)
            return self._unavailable(len(events))
        try:
            made = await self._made(events, asked)
        except Exception as error:
            return self._refuse(self._fault(error), count=len(events))
        if made.forbidden == len(events):
            self._count(Refusal.UNAUTHORIZED, len(events))
            return answers.forbidden(Scope.EVENTS, Scope.ERASE)
        # From here on nothing may fail until all events are counted: there is no await, only additions.
        metrics.received += len(events)
        metrics.server_events += len(events)
        for result in made.results:
            if isinstance(result, Rejected):
                metrics.reject_server(result.reason)
        accepted = len(made.records)
        lanes = self._writer.lanes or 1  # the log was never open: the request will be refused
        records = [(lane_of(asked.key.site, home, lanes), value) for home, value in made.records]
        if accepted and not await self._writer.submit(records, made.size, cards=made.cards):
            return answers.refused(Refusal.UNAVAILABLE)
        if accepted:
            for reason in made.dropped:
                metrics.props_dropped[reason] += 1
            metrics.server_request_seconds.observe(time.perf_counter() - began)
        return answers.answered(made.results, accepted)

    # ---- the request -------------------------------------------------------------------------------

    async def _asked(self, request: web.BaseRequest) -> Asked | web.Response:
        """The valid request, or the answer that refuses it."""
        headers = request.headers
        known = self._keyring.verified(headers.get("Authorization"))
        if known is None:
            address = self._addresses.client(request.remote or "", headers.getall("X-Forwarded-For", ()))
            if not self._limiter.allows(address):
                return self._refuse(Refusal.RATE_LIMITED)
            if "Authorization" in headers and not self._keyring.is_ready:
                return self._unavailable(1)  # the key may be valid
            self._count(Refusal.UNAUTHORIZED)
            return answers.unauthorized()
        name, key = known
        if key.site not in self._sites or not {Scope.EVENTS, Scope.ERASE} & set(key.scopes):
            self._count(Refusal.UNAUTHORIZED)
            return answers.forbidden(Scope.EVENTS, Scope.ERASE)
        facts = self._facts.get(key.site)
        if facts is None:
            return self._refuse(
                Refusal.NO_SECRET,
                f"site {key.site} has no secret, which its ids are hashed with: add secret below its [[site]] in the "
                "settings of Wakeline, and restart the collector",
            )
        if wait_s := self._key_limiter.waits_s(name):
            return self._refuse(Refusal.RATE_LIMITED, "more events than server_rate_limit allows", wait_s=wait_s)
        if not is_json(headers.get("Content-Type")):
            return self._refuse(Refusal.WRONG_CONTENT_TYPE, "send Content-Type: application/json")
        if not self._slots.take(name):
            is_its_own = self._slots.holds(name)
            return self._refuse(Refusal.RATE_LIMITED if is_its_own else Refusal.UNAVAILABLE, AT_ONCE)
        try:
            body = await read_body(request, MAX_BODY_BYTES)
        finally:
            self._slots.give_back(name)
        if isinstance(body, Refusal):
            return self._refuse(body, SAID.get(body, ""))
        return self._read(body, name, key, facts)

    def _read(self, body: bytes, name: str, key: ApiKey, facts: Facts) -> Asked | web.Response:
        try:
            request = decode_request(body)
        except (ValueError, RecursionError):
            return self._refuse(Refusal.MALFORMED, NOT_JSON)
        count = len(request.events)
        self._key_limiter.owes(name, min(count, MAX_EVENTS))
        if request.site is not None and request.site != key.site:
            self._count(Refusal.UNAUTHORIZED, count)
            return answers.forbidden(Scope.EVENTS, Scope.ERASE)
        if count > MAX_EVENTS:
            return self._refuse(Refusal.TOO_MANY_EVENTS, f"{count:,} events; send {MAX_EVENTS} at most", count=count)
        return Asked(request, key, facts)

    # ---- its events --------------------------------------------------------------------------------

    async def _made(self, events: Sequence[msgspec.Raw], asked: Asked) -> Made:
        """Each event is handled independently; pages are answered between slices of a large request."""
        made = Made([], [], [], [], 0, 0)
        results, records, cards, dropped = made.results, made.records, made.cards, made.dropped
        facts, now, size, forbidden = asked.facts, self._clock(), 0, 0
        tells, erases = Scope.EVENTS in asked.key.scopes, Scope.ERASE in asked.key.scopes
        until_others = SLICE_BYTES
        for raw in events:
            until_others -= memoryview(raw).nbytes
            if until_others < 0:
                until_others = SLICE_BYTES
                await asyncio.sleep(0)
            before = len(dropped)
            try:
                event = decode_told(raw)
                if not (erases if event.type == FORGET else tells):
                    forbidden += 1
                    scope = Scope.ERASE if event.type == FORGET else Scope.EVENTS
                    raise Bad(Refusal.UNAUTHORIZED, "type", f"needs a key with the scope {scope}")
                home, record, card = facts.made(event, dropped, now=now)
                value = encode_record(record)
                if len(value) > MOST_FACT_BYTES:
                    words = f"has more than {MOST_FACT_BYTES // 1024} KB once it is cleaned"
                    raise Bad(Refusal.TOO_LARGE, "", words)
            except Bad as bad:
                del dropped[before:]
                results.append(Rejected(id_of(raw), bad.reason, bad.field, bad.message))
                continue
            except Exception as error:
                del dropped[before:]
                results.append(Rejected(id_of(raw), self._fault(error), "", "an internal error, which is logged"))
                continue
            results.append(Accepted(event.id))
            records.append((home, value))
            size += len(value)
            if card is not None:
                cards.append(card)
                size += sum(map(len, card.values.values()))
        return made._replace(size=size, forbidden=forbidden)

    # ---- counting ----------------------------------------------------------------------------------

    def _count(self, reason: Refusal, count: int = 1) -> None:
        self._metrics.received += count
        self._metrics.server_events += count
        self._metrics.reject_server(reason, count)

    def _refuse(self, reason: Refusal, message: str = "", *, count: int = 1, wait_s: float = 0.0) -> web.Response:
        """Refuse the whole request: `count` events if known, otherwise one."""
        if reason is Refusal.UNAVAILABLE:
            return self._unavailable(count)
        self._count(reason, count)
        return answers.refused(reason, message, wait_s=wait_s)

    def _unavailable(self, count: int) -> web.Response:
        self._metrics.received += count
        self._metrics.server_events += count
        self._metrics.unavailable += count
        return answers.refused(Refusal.UNAVAILABLE)

    def _fault(self, error: Exception) -> Refusal:
        """Log an internal error, rate-limited."""
        self._outage.say(
            f"internal error; the affected events are rejected as internal\n{without_words(error)}",
            logging.ERROR,
            kind="internal",
        )
        return Refusal.INTERNAL


AT_ONCE = "too many requests of this key are being sent at once: send the next ones when these are answered"
SAID = {
    Refusal.TOO_LARGE: f"send {MAX_BODY_BYTES // 1024:,} KB at most, after decompression",
    Refusal.BAD_ENCODING: "send Content-Encoding: gzip or deflate with complete data, or none",
    Refusal.TIMEOUT: "the body did not arrive in time",
    Refusal.MALFORMED: NOT_JSON,
}
