"""Sends a visit's requests to the collector at their times, with retries until each has a final answer."""

from __future__ import annotations

import asyncio
import logging
import random
from types import TracebackType
from typing import Self

import aiohttp
import msgspec
from yarl import URL

from demo.browser import Delivery
from demo.visitors import Visit
from wakeline.clock import now_ms
from wakeline.event import Answer

logger = logging.getLogger("wakeline.simulator")

RETRIED = (408, 429, 500, 502, 503, 504)
ANSWER_S = 10.0  # the snippet waits up to 25 seconds
LEAST_WAIT_S, MOST_WAIT_S = 0.5, 15.0  # before a retry without Retry-After
CONNECTIONS = 64

encode = msgspec.json.Encoder().encode
decode_answer = msgspec.json.Decoder(Answer).decode


class Sender:
    """One connection pool for all visitors. Requests of a visit are sent in order, one at a time."""

    def __init__(self, url: URL, *, origin: str) -> None:
        self.answered = 0  # events with a final answer
        self.refused = 0  # those of them that were not accepted
        self._url = url
        self._headers = {"Origin": origin, "Content-Type": "text/plain;charset=UTF-8"}
        self._said: set[str] = set()
        self._is_away = False

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=CONNECTIONS),
            timeout=aiohttp.ClientTimeout(total=ANSWER_S),
            headers=self._headers,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.close()

    async def play(self, visit: Visit) -> None:
        """Play a whole visit in real time; returns when everything is answered."""
        headers = visit.headers
        for delivery in visit.deliveries:
            await until(delivery.at)
            await self._deliver(delivery, headers)
        await until(visit.end)

    async def _deliver(self, delivery: Delivery, headers: dict[str, str]) -> None:
        wait = LEAST_WAIT_S
        while (retry_after := await self._post(delivery, headers)) is not None:
            await asyncio.sleep(retry_after or random.uniform(0.5, 1.0) * wait)
            wait = min(2 * wait, MOST_WAIT_S)

    async def _post(self, delivery: Delivery, headers: dict[str, str]) -> float | None:
        """None for a final answer, otherwise the requested seconds to wait, 0 if not given."""
        envelope = delivery.envelope
        late = max(0, now_ms() - delivery.at)
        body = encode(msgspec.structs.replace(envelope, sent=envelope.sent + late))
        try:
            async with self._http.post(self._url, data=body, headers=headers) as answer:
                text = await answer.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            self._away(str(error) or "no answer in time")
            return 0.0
        if answer.status in RETRIED:
            self._away(f"{answer.status} {answer.reason}")
            return seconds(answer.headers.get("Retry-After", ""))
        if self._is_away:
            self._is_away = False
            logger.info("the collector answers again")
        self._note(answer.status, text, len(envelope.events))
        return None

    def _note(self, status: int, text: bytes, count: int) -> None:
        self.answered += count
        try:
            said = decode_answer(text)
        except msgspec.MsgspecError:
            said = Answer(accepted=count if status < 300 else 0, rejected=[])
        self.refused += count - said.accepted
        reasons = {rejected.reason.value for rejected in said.rejected} | (
            {said.reason.value} if said.reason else set()
        )
        if status >= 300 and not reasons:
            reasons = {"unknown reason"}
        for reason in sorted(reasons - self._said):  # one line each: all visitors may get the same reasons
            self._said.add(reason)
            logger.warning("the collector rejects the visitors' events: %s (%d)", reason, status)

    def _away(self, why: str) -> None:
        if not self._is_away:
            self._is_away = True
            logger.warning("the collector is unavailable (%s): the visitors keep their events and retry", why)


async def until(at: int) -> None:
    """Wait until `at`, ms since 1970; returns at once if that is past."""
    wait = (at - now_ms()) / 1_000
    if wait > 0:
        await asyncio.sleep(wait)


def seconds(retry_after: str) -> float:
    return min(float(retry_after), 600.0) if retry_after.isdecimal() else 0.0
