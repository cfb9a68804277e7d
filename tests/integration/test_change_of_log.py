"""A deployment moves from the log in Redis to Kafka under traffic: each event counts once."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.broker import Broker
from benchmarks.machine import find_free_ports
from benchmarks.waiting import until
from tests.integration.kill.books import LANES, Books
from tests.integration.kill.load import load
from tests.integration.kill.services import Deployment, deployment
from tests.integration.kill.tail import KafkaTail, StreamsTail, Tail

pytestmark = pytest.mark.kill


class Chain:
    """One log after the other."""

    def __init__(self, *tails: Tail) -> None:
        self._tails = tails

    def length(self, lane: int) -> int:
        return sum(tail.length(lane) for tail in self._tails)

    def values(self, lane: int) -> list[bytes]:
        return [value for tail in self._tails for value in tail.values(lane)]

    def append(self, lane: int, value: bytes) -> None:
        self._tails[-1].append(lane, value)

    def close(self) -> None:
        for tail in self._tails:
            tail.close()


@pytest.fixture
def made(tmp_path: Path, own_server: Any) -> Iterator[Deployment]:
    with deployment(tmp_path, own_server, find_free_ports(4)) as made:
        yield made


async def test_the_old_log_is_drained_and_the_new_one_goes_on(made: Deployment, kafka: Broker, topic: str) -> None:
    """Only the URL changes: first of the collector, then, with records waiting in the old log, of the processor."""
    url = f"{kafka.url}/{topic}"
    made.collector.start()
    made.processor.start()
    async with load(300, made.port) as sent:
        await until(made.books.moved, "it works on the first log")
        made.processor.kill()
        before = made.books.length()
        await until(lambda: made.books.length() > before + 100, "records wait in the first log")
        made.collector.signal(signal.SIGTERM)
        await until(lambda: not made.collector.is_alive, "the collector has stopped")
        made.collector.flags["log"] = made.processor.flags["log"] = url
        made.collector.start()
        tail = KafkaTail(url, LANES)
        books = Books(made.server.url, Chain(StreamsTail(made.server.url), tail))
        try:
            await until(lambda: sum(map(tail.length, range(LANES))) > 100, "the second log fills")
            made.processor.start()
            await until(lambda: made.books.moved() > made.books.length(), "it works on the second log")
            made.processor.kill()
            made.processor.start()
        except BaseException:
            books.tail.close()
            raise
    try:
        await until(books.are_settled, "all is applied")
        assert books.differences(sent.truth) == {}
    finally:
        books.close()
        books.tail.close()


async def test_another_topic_is_refused_and_nothing_is_skipped(made: Deployment, kafka: Broker, topic: str) -> None:
    made.processor.flags["log"] = made.collector.flags["log"] = f"{kafka.url}/{topic}"
    made.collector.start()
    made.processor.start()
    async with load(301, made.port):
        await until(made.books.moved, "it works")
    made.processor.kill()
    before = made.books.places()
    made.processor.flags["log"] = f"{kafka.url}/{topic}-anew"
    made.processor.start()
    await until(lambda: not made.processor.is_alive, "it ends")
    assert "set log_before to the URL of that log" in made.processor.said()
    assert "adopt-log" in made.processor.said()
    assert made.books.places() == before
