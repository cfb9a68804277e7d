"""Browsers that send the visitors' events, about 500 a second, and keep each message until it is answered."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import count
from typing import TypeVar

import aiohttp

from benchmarks.waiting import until
from tests.integration.kill.ledger import Ledger
from tests.integration.kill.traffic import CUSTOMERS, Message, Truth, Visitor, now_ms

CONNECTIONS = 16  # a visitor's messages go over one of them, in order
EVENTS_PER_S = 500
EVENTS_PER_MESSAGE = 2.5  # about
AGAIN = 0.1  # of the messages are sent twice, as if the first answer had been lost
REST_S = 0.1  # before a message is sent again that got no 202
ANSWER_S = 10.0  # above the collector's deadline
READY_S = 30.0


class Load:
    """`answered` holds the ids of all events answered 202; `repeated` the number of those answered twice."""

    events_per_s = EVENTS_PER_S
    customers = CUSTOMERS
    ledger: Ledger | None = None  # where each answer is entered

    def __init__(self, seed: int, port: int, http: aiohttp.ClientSession) -> None:
        self.truth = Truth()
        self.answered: set[tuple[str, int]] = set()
        self.repeated = 0
        self.retried = 0  # events that got no answer or a 503 and were sent again: the log may hold them twice
        self._rng = random.Random(seed)
        self._origin = f"http://127.0.0.1:{port}"
        self._http = http
        self._numbers = count(seed * 100_000)
        self._is_over = False

    def end(self) -> None:
        """Stop creating visitors; existing ones send their remaining messages."""
        self._is_over = True

    async def browse(self) -> None:
        rng = random.Random(self._rng.random())
        loop = asyncio.get_running_loop()
        due = loop.time()
        pause = CONNECTIONS * EVENTS_PER_MESSAGE / self.events_per_s
        while not self._is_over:
            for message in Visitor(next(self._numbers), rng, self.truth, customers=self.customers).life():
                await self._deliver(message)
                if rng.random() < AGAIN:
                    await self._deliver(message)
                    self.repeated += len(message.events)
                due = max(due + pause * rng.uniform(0.5, 1.5), loop.time() - 0.5)
                await asyncio.sleep(max(0.0, due - loop.time()))

    async def _deliver(self, message: Message) -> None:
        while not await self._post(message):
            self.retried += len(message.events)
            await asyncio.sleep(REST_S)
        self.answered.update(message.ids)

    async def _post(self, message: Message) -> bool:
        """Whether it was answered 202, for all its events."""
        began = time.perf_counter()
        status, said = await self._answer(message)
        if self.ledger is not None:
            self.ledger.enter(message, answer=status, at=now_ms(), took=(time.perf_counter() - began) * 1_000)
        if status == 202:
            assert json.loads(said)["accepted"] == len(message.events), said
            return True
        assert status in (0, 503), (status, said)
        return False

    async def _answer(self, message: Message) -> tuple[int, bytes]:
        """Status (0 for none) and body."""
        data = json.dumps(message.body()).encode()
        try:
            async with self._http.post(f"{self._origin}/v1/events", data=data, headers=message.headers) as answer:
                return answer.status, await answer.read()
        except (aiohttp.ClientError, TimeoutError):
            return 0, b""

    async def until_ready(self) -> None:
        """Wait until the collector accepts events, so that later repetitions are the test's own."""
        while True:
            with suppress(aiohttp.ClientConnectionError):
                async with self._http.get(f"{self._origin}/readyz") as answer:
                    if answer.status == 200:
                        return
            await asyncio.sleep(0.02)


Made = TypeVar("Made", bound=Load)


async def more(sent: Load, count: int) -> None:
    """Wait until this many more events are answered 202."""
    before = len(sent.answered)
    await until(lambda: len(sent.answered) >= before + count, f"{count} more events are answered")


@asynccontextmanager
async def load(seed: int, port: int, *, kind: type[Made] = Load, ledger: Ledger | None = None) -> AsyncIterator[Made]:
    """Runs within the block; at its end every message has been answered 202."""
    timeout = aiohttp.ClientTimeout(total=ANSWER_S)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout) as http:
        made = kind(seed, port, http)
        made.ledger = ledger
        async with asyncio.timeout(READY_S):
            await made.until_ready()
        async with asyncio.TaskGroup() as browsers:
            for _ in range(CONNECTIONS):
                browsers.create_task(made.browse())
            try:
                yield made
            finally:
                made.end()
