"""`POST /v1/events`, as a checklist: refusals first, what is accepted last."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence

import msgspec
from aiohttp import web

from collector import answers
from collector.addresses import Addresses
from collector.agents import MAX_LENGTH, agent_of
from collector.body import is_accepted_type, read_body
from collector.limiter import Limiter
from collector.metrics import Metrics
from collector.policy import Policy
from collector.salts import Salts
from collector.steps import Arrival, cleaned, cleaned_timed
from collector.writer import GroupCommit
from wakeline.event import (
    MAX_EVENTS,
    ConsentLevel,
    Envelope,
    Refusal,
    Rejected,
    decode_envelope,
    decode_event,
)
from wakeline.lanes import lane_of
from wakeline.record import Event, encode_record

logger = logging.getLogger("wakeline.collector")

SAMPLE = 64  # one event in so many has its steps timed


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
        clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._policies = policies
        self._addresses = addresses
        self._salts = salts
        self._writer = writer
        self._metrics = metrics
        self._limiter = limiter
        self._clock = clock
        self._until_sample = 0

    async def events(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answers as `wakeline.event` says; see `STATUS` there. Raises ConnectionError where the sender breaks off."""
        began = time.perf_counter()
        headers = request.headers
        origin = headers.get("Origin")
        address = self._addresses.client(request.remote or "", headers.getall("X-Forwarded-For", ()))
        if not self._limiter.allows(address):
            return self._refuse(origin, Refusal.RATE_LIMITED)
        if not is_accepted_type(headers.get("Content-Type")):
            return self._refuse(origin, Refusal.WRONG_CONTENT_TYPE)
        body = await read_body(request)
        if isinstance(body, Refusal):
            return self._refuse(origin, body)
        try:
            envelope = decode_envelope(body)
        except (ValueError, RecursionError):  # no JSON, no UTF-8, not its shape; nested too deep
            return self._refuse(origin, Refusal.MALFORMED)
        count = len(envelope.events)
        policy = self._policies.get(envelope.site)
        if policy is None:
            return self._refuse(origin, Refusal.UNKNOWN_SITE, count)
        if not policy.accepts(origin, fetch_site=headers.get("Sec-Fetch-Site")):
            return self._refuse(origin, Refusal.FOREIGN_ORIGIN, count)
        if count > MAX_EVENTS:
            return self._refuse(origin, Refusal.TOO_MANY_EVENTS, count)
        self._metrics.received += count
        try:
            arrival = self._arrival(request, envelope, policy, address)
            records, rejected = self._clean(envelope.events, arrival)
        except OSError:
            logger.exception("the day's salt can be neither read nor made")
            self._metrics.unavailable += count
            return answers.refused(origin, Refusal.UNAVAILABLE, [])
        for refusal in rejected:
            self._metrics.reject(refusal.reason)
        for reason in arrival.dropped:
            self._metrics.props_dropped[reason] += 1
        if not records:
            return _all_refused(request, rejected)
        if not await self._write(records):
            return answers.refused(origin, Refusal.UNAVAILABLE, rejected)
        self._metrics.request_seconds.observe(time.perf_counter() - began)
        return answers.accepted(request, len(records), rejected)

    def _refuse(self, origin: str | None, reason: Refusal, count: int = 1) -> web.Response:
        """The whole request: `count` events if they could be counted, else one."""
        self._metrics.received += count
        self._metrics.reject(reason, count)
        return answers.refused(origin, reason, [])

    def _arrival(self, request: web.BaseRequest, envelope: Envelope, policy: Policy, address: str) -> Arrival:
        headers = request.headers
        user_agent = headers.get("User-Agent", "")[:MAX_LENGTH]
        is_capped = envelope.consent is ConsentLevel.FULL and headers.get("Sec-GPC") == "1"
        return Arrival(
            policy=policy,
            salts=self._salts,
            consent=ConsentLevel.ANONYMOUS if is_capped else envelope.consent,
            is_capped=is_capped,
            sent=envelope.sent,
            received=self._clock(),
            address=address,
            user_agent=user_agent,
            agent=agent_of(user_agent, webdriver=envelope.webdriver),
            country=self._addresses.country(address),
            is_own=policy.is_own(address, headers.get("Cookie", "")),
        )

    def _clean(self, events: Sequence[msgspec.Raw], arrival: Arrival) -> tuple[list[Event], list[Rejected]]:
        records: list[Event] = []
        rejected: list[Rejected] = []
        for index, raw in enumerate(events):
            try:
                event = decode_event(raw)
            except (ValueError, RecursionError):
                rejected.append(Rejected(id=f"#{index}", reason=Refusal.BAD_EVENT))
                continue
            self._until_sample -= 1
            if self._until_sample < 0:
                self._until_sample = SAMPLE - 1
                record = cleaned_timed(event, arrival, self._metrics.observe_step)
            else:
                record = cleaned(event, arrival)
            if isinstance(record, Refusal):
                rejected.append(Rejected(id=f"{event.page}.{event.n}", reason=record))
            else:
                records.append(record)
        return records, rejected

    async def _write(self, records: Sequence[Event]) -> bool:
        lanes = self._writer.lanes or 1  # the log was never open: it will be refused
        encoded = [(lane_of(record.site, record.visitor, lanes), encode_record(record)) for record in records]
        return await self._writer.submit(encoded, sum(len(value) for _, value in encoded))


def _all_refused(request: web.BaseRequest, rejected: Sequence[Rejected]) -> web.StreamResponse:
    """What the site asked to leave out is no fault of the sender."""
    for refusal in rejected:
        if refusal.reason is not Refusal.OWN_TRAFFIC:
            return answers.refused(request.headers.get("Origin"), refusal.reason, list(rejected))
    return answers.accepted(request, 0, list(rejected))
