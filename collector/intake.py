"""`POST /v1/events` step by step: first rejections, then acceptance."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import msgspec
from aiohttp import web

from collector import responses as answers
from collector.addresses import Addresses
from collector.agents import MAX_LENGTH, agent_of, legible
from collector.body import is_accepted_type, read_body
from collector.budget import NewProfiles
from collector.context import RequestContext
from collector.limiter import Limiter, beyond_one
from collector.memory import Memory, Step
from collector.metrics import Metrics
from collector.policy import Policy
from collector.salts import Salts, SaltUnavailable
from collector.steps import cleaned, cleaned_timed, stored
from collector.writer import GroupCommit
from wakeline.clock import now_ms
from wakeline.event import (
    MAX_EVENTS,
    ConsentLevel,
    Envelope,
    Refusal,
    Rejected,
    WireEvent,
    decode_envelope,
    decode_event,
)
from wakeline.lanes import lane_of
from wakeline.record import Event, encode_record
from wakeline.traces import without_words

logger = logging.getLogger("wakeline.collector")

SAMPLE = 64  # one in this many events has its steps timed
SAID_EVERY_S = 10.0  # internal errors are logged at most this often, as attackers could repeat them


class Asked(NamedTuple):
    """A valid request: from an allowed origin of a known site, with no more events than allowed."""

    envelope: Envelope
    policy: Policy
    address: str
    body: int  # bytes


Encoded = tuple[int, bytes]  # the lane, and the record


class Intake:
    """Turns requests into records. `clock` gives ms since 1970."""

    def __init__(
        self,
        policies: Mapping[str, Policy],
        *,
        addresses: Addresses,
        salts: Salts,
        writer: GroupCommit,
        metrics: Metrics,
        limiter: Limiter,
        memory: Memory,
        profiles: NewProfiles,
        clock: Callable[[], int] = now_ms,
    ) -> None:
        self._policies = policies
        self._addresses = addresses
        self._salts = salts
        self._writer = writer
        self._metrics = metrics
        self._limiter = limiter
        self._memory = memory
        self._profiles = profiles
        self._clock = clock
        self._until_sample = 0
        self._said_at = float("-inf")

    async def events(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answers as specified in `wakeline.event`, see `STATUS`. Raises ConnectionError if the sender disconnects.

        An internal error is a permanent rejection, since a retry would fail again; events on disk by then stay.
        """
        try:
            return await self._events(request)
        except ConnectionError:
            raise
        except Exception as error:
            return answers.refused(answers.sent_origin(request), self._fault(error), [])

    async def _events(self, request: web.BaseRequest) -> web.StreamResponse:
        began = time.perf_counter()
        origin = answers.sent_origin(request)
        asked = await self._asked(request, origin)
        if not isinstance(asked, Asked):
            return self._refuse(origin, *asked)
        metrics, events = self._metrics, asked.envelope.events
        try:
            if self._memory.step is Step.REFUSE:
                metrics.received += len(events)
                metrics.unavailable += len(events)
                metrics.refused_for_memory += len(events)
                return answers.refused(origin, Refusal.UNAVAILABLE, [])
            context = self._context(request, asked, origin)
            records, rejected = self._clean(events, context)
            size = sum(len(value) for _, value in records)
            self._limiter.owes(asked.address, beyond_one(size) - beyond_one(asked.body))
        except SaltUnavailable as error:
            logger.error("the day's salt can be neither read nor created: %s", error)
            metrics.received += len(events)
            metrics.unavailable += len(events)
            return answers.refused(origin, Refusal.UNAVAILABLE, [])
        except Exception as error:
            return self._refuse(origin, self._fault(error), len(events))
        # From here on nothing may fail until all events are counted: there is no await, only additions.
        metrics.received += len(events)
        for refusal in rejected:
            metrics.reject(refusal.reason)
        if not records:
            return _all_refused(request, rejected)
        if not await self._writer.submit(records, size):
            return answers.refused(origin, Refusal.UNAVAILABLE, rejected)
        for reason in context.dropped:  # only for accepted events: those answered 503 will be sent again
            metrics.props_dropped[reason] += 1
        for short_of in context.short_of:
            metrics.counted_only[short_of] += 1
        metrics.request_seconds.observe(time.perf_counter() - began)
        return answers.accepted(request, len(records), rejected)

    async def _asked(self, request: web.BaseRequest, origin: str | None) -> Asked | tuple[Refusal, int]:
        """The valid request, or the reason for its rejection and the number of its events, if known."""
        count = 1
        try:
            headers = request.headers
            address = self._addresses.client(request.remote or "", headers.getall("X-Forwarded-For", ()))
            if not self._limiter.allows(address):
                return Refusal.RATE_LIMITED, count
            if not is_accepted_type(headers.get("Content-Type")):
                return Refusal.WRONG_CONTENT_TYPE, count
            body = await read_body(request)
            if isinstance(body, Refusal):
                return body, count
            if not self._limiter.allows_more(address, beyond_one(len(body))):
                return Refusal.RATE_LIMITED, count
            try:
                envelope = decode_envelope(body)
            except (ValueError, RecursionError):  # no valid JSON or UTF-8, another structure, or nested too deeply
                return Refusal.MALFORMED, count
            count = len(envelope.events)
            policy = self._policies.get(envelope.site)
            if policy is None:
                return Refusal.UNKNOWN_SITE, count
            if not policy.accepts(origin, fetch_site=headers.get("Sec-Fetch-Site")):
                return Refusal.FOREIGN_ORIGIN, count
            if count > MAX_EVENTS:
                return Refusal.TOO_MANY_EVENTS, count
            return Asked(envelope, policy, address, len(body))
        except ConnectionError:
            raise
        except Exception as error:
            return self._fault(error), count

    def _fault(self, error: Exception) -> Refusal:
        """Log an internal error, rate-limited."""
        now = time.monotonic()
        if now - self._said_at > SAID_EVERY_S:
            self._said_at = now
            logger.error("internal error; the affected events are rejected as internal\n%s", without_words(error))
        return Refusal.INTERNAL

    def _refuse(self, origin: str | None, reason: Refusal, count: int = 1) -> web.Response:
        """Reject the whole request: `count` events if known, otherwise one."""
        self._metrics.received += count
        self._metrics.reject(reason, count)
        return answers.refused(origin, reason, [])

    def _context(self, request: web.BaseRequest, asked: Asked, origin: str | None) -> RequestContext:
        headers = request.headers
        envelope, policy, address = asked.envelope, asked.policy, asked.address
        user_agent = legible(headers.get("User-Agent", ""))[:MAX_LENGTH]
        has_gpc = headers.get("Sec-GPC") == "1"
        is_capped = has_gpc and envelope.consent is ConsentLevel.FULL
        return RequestContext(
            policy=policy,
            salts=self._salts,
            profiles=self._profiles,
            consent=ConsentLevel.ANONYMOUS if is_capped else envelope.consent,
            is_capped=is_capped,
            origin=origin,
            sent=envelope.sent,
            received=self._clock(),
            address=address,
            user_agent=user_agent,
            agent=agent_of(user_agent, webdriver=envelope.webdriver),
            country=self._addresses.country(address),
            is_own=policy.is_own(address, headers.get("Cookie", "")),
            has_gpc=has_gpc,
        )

    def _clean(self, events: Sequence[msgspec.Raw], context: RequestContext) -> tuple[list[Encoded], list[Rejected]]:
        """Records with their lanes, and rejections: each event is handled independently."""
        lanes = self._writer.lanes or 1  # the log was never open: the request will be refused
        records: list[Encoded] = []
        rejected: list[Rejected] = []
        for index, raw in enumerate(events):
            id = f"#{index}"
            try:
                try:
                    event = decode_event(raw)
                except (ValueError, RecursionError):
                    rejected.append(Rejected(id=id, reason=Refusal.BAD_EVENT))
                    continue
                dropped, context.message = len(context.dropped), ""
                record = self._cleaned(event, context)
                if isinstance(record, Refusal):
                    del context.dropped[dropped:]
                    rejected.append(Rejected(f"{event.page}.{event.n}", record, context.message))
                else:
                    home, kept = stored(record)
                    records.append((lane_of(record.site, home, lanes), encode_record(kept)))
            except SaltUnavailable:
                raise
            except Exception as error:
                rejected.append(Rejected(id=id, reason=self._fault(error)))
        return records, rejected

    def _cleaned(self, event: WireEvent, context: RequestContext) -> Event | Refusal:
        self._until_sample -= 1
        if self._until_sample >= 0:
            return cleaned(event, context)
        self._until_sample = SAMPLE - 1
        return cleaned_timed(event, context, self._metrics.observe_step)


def _all_refused(request: web.BaseRequest, rejected: Sequence[Rejected]) -> web.StreamResponse:
    """The answer if all events are rejected; excluded own traffic is not an error."""
    for refusal in rejected:
        if refusal.reason is not Refusal.OWN_TRAFFIC:
            return answers.refused(answers.sent_origin(request), refusal.reason, list(rejected))
    return answers.accepted(request, 0, list(rejected))
