"""Tells the collector what the shop's departments say, over its server API with an API key.

Silent where the collector has no such API, or no key can be made.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Iterable, Sequence
from itertools import groupby
from types import TracebackType
from typing import Any, Self

import aiohttp
import msgspec
from yarl import URL

from demo.delivery import ANSWER_S, LEAST_WAIT_S, MOST_WAIT_S, RETRIED, seconds, until
from demo.departments import Fields, Said
from demo.key import Key
from ops.up.plan import Listener
from wakeline.clock import now_ms
from wakeline.settings import Settings

logger = logging.getLogger("wakeline.demo")

PATH = "/v1/server/events"
ACCEPTED = "accepted"
DESCRIPTION = "/v1/openapi.json"
NOT_THERE = (404, 405)
REFUSED = (401, 403)
CHECK_S, CHECKS = 1.0, 8  # of a key that is refused: a new one may be unknown for five seconds
PATIENCE_S = 12.0  # of a person who pressed a button
LOOK = aiohttp.ClientTimeout(total=2.0)


def endpoint(settings: Settings, path: str) -> URL:
    """The collector's URL for processes on this machine."""
    host = Listener("port", settings.host, settings.port).asked_at
    return URL.build(scheme="http", host=host, port=settings.port, path=path)


class Result(msgspec.Struct):
    """What became of one event."""

    id: str = ""
    status: str = ""
    reason: str = ""
    field: str = ""


class Answer(msgspec.Struct):
    results: list[Result] = []
    reason: str = ""


decode_answer = msgspec.json.Decoder(Answer).decode
encode = msgspec.json.Encoder().encode


class ServerEvents:
    """A client for one site. `is_there`: whether the collector has the API and takes the key, as far as is known."""

    def __init__(self, url: URL, key: Key) -> None:
        self.is_there = True
        self.accepted = 0
        self._url, self._key = url, key
        self._said: set[str] = set()

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER_S))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.close()

    async def look(self) -> bool:
        """Whether departments can be heard: the collector has the API, and there is a key."""
        try:
            async with self._http.get(self._url.with_path(DESCRIPTION), timeout=LOOK) as answer:
                return answer.status not in NOT_THERE and await self._key.text() is not None
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def play(self, story: Iterable[Said]) -> None:
        """Tell each event when it is due."""
        for time, said in groupby(story, key=lambda one: int(one.event["time"])):
            await until(time)
            await self.tell([one.event for one in said])

    async def tell(self, events: Sequence[Fields]) -> list[Result]:
        """Tell `events`, with retries under the same ids; what became of them, empty if nobody took them."""
        wait, refusals = LEAST_WAIT_S, 0
        while self.is_there:
            text = await self._key.text()
            if text is None:
                return []
            try:
                status, retry_after, body = await self._post(text, events)
            except (aiohttp.ClientError, TimeoutError):
                status, retry_after, body = 503, 0.0, b""
            if status in NOT_THERE:
                self.is_there = False
            elif status in REFUSED:
                refusals += 1
                if refusals == CHECKS:
                    self._key.forget(text)
                elif refusals == 2 * CHECKS:
                    self._note("key refused")
                    self.is_there = False
                await asyncio.sleep(CHECK_S)
            elif status in RETRIED:
                await asyncio.sleep(retry_after or random.uniform(0.5, 1.0) * wait)
                wait = min(2 * wait, MOST_WAIT_S)
            else:
                return self._read(status, body)
        return []

    async def answer(self, events: Sequence[Fields]) -> str:
        """The same for a person who waits: accepted, or why not."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                results = await self.tell(events)
        except TimeoutError:
            results = []
        rejected = [result for result in results if result.status != ACCEPTED]
        if not results:
            return "no answer"
        return " ".join(filter(None, (rejected[0].reason, rejected[0].field))) if rejected else ACCEPTED

    async def _post(self, key: str, events: Sequence[Fields]) -> tuple[int, float, bytes]:
        """(status, seconds to wait, body)."""
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        async with self._http.post(self._url, data=encode({"events": events}), headers=headers) as answer:
            return answer.status, seconds(answer.headers.get("Retry-After", "")), await answer.read()

    def _read(self, status: int, body: bytes) -> list[Result]:
        try:
            answer = decode_answer(body)
        except msgspec.MsgspecError:
            answer = Answer(reason=f"status {status}")
        if answer.reason:
            self._note(answer.reason)
        for result in answer.results:
            if result.status == ACCEPTED:
                self.accepted += 1
            else:
                self._note(" ".join(filter(None, (result.reason, result.field))))
        return answer.results

    def _note(self, why: str) -> None:
        if why not in self._said:  # one line each
            self._said.add(why)
            logger.warning("the collector rejects events of the departments: %s", why)


def as_steps(story: Sequence[Said]) -> list[dict[str, Any]]:
    """The story for the panel: the words, and in how many ms."""
    now = now_ms()
    return [{"in": max(0, said.event["time"] - now), "type": said.event["type"], "words": said.words} for said in story]
