"""Reads lanes from all their brokers concurrently, with one request in flight per broker, also between two reads."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import NamedTuple

from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from wakeline.log import Entry, LogGap
from wakeline.log.kafka_cluster import Cluster, Fetched

POLL_MS = 250  # how long a request waits at a broker: lanes not in it may have to wait as long


class _Flight(NamedTuple):
    """A request in flight."""

    places: Mapping[int, int]
    answer: asyncio.Task[Fetched]


class Reader:
    """Reader of one `Cluster`."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self._flights: dict[int, _Flight] = {}  # by broker

    async def read(self, places: Mapping[int, int], *, limit: int, wait_ms: int) -> dict[int, list[Entry]]:
        """See `Log`. After a cancellation, late answers are kept for the next read.

        Raises OffsetOutOfRangeError if a place is outside its lane, KafkaError and OSError if nothing can be read,
        LogGap if a place holds no record.
        """
        until = asyncio.get_running_loop().time() + wait_ms / 1000
        answered: set[int] = set()
        while places:
            left_ms = max(0, round((until - asyncio.get_running_loop().time()) * 1000))
            await self._ask(places, limit, min(left_ms, POLL_MS))
            flights = [flight.answer for flight in self._flights.values()]
            await asyncio.wait(flights, return_when=asyncio.FIRST_COMPLETED)
            found, failure = self._landed(places, answered)
            if found:
                return {lane: _without_holes(lane, places[lane], entries[:limit]) for lane, entries in found.items()}
            if failure is not None:
                raise failure
            if not left_ms and answered >= places.keys():
                break
        return {}

    async def _ask(self, places: Mapping[int, int], limit: int, wait_ms: int) -> None:
        for node, lanes in (await self.cluster.leaders(places)).items():
            if node not in self._flights:
                asked = {lane: places[lane] for lane in lanes}
                answer = asyncio.create_task(self.cluster.fetch(node, asked, limit=limit, wait_ms=wait_ms))
                self._flights[node] = _Flight(asked, answer)

    def _landed(
        self, places: Mapping[int, int], answered: set[int]
    ) -> tuple[dict[int, list[Entry]], KafkaError | OSError | None]:
        """The answers for exactly these places, and the errors of others."""
        found: dict[int, list[Entry]] = {}
        failure: KafkaError | OSError | None = None
        for node, flight in list(self._flights.items()):
            if not flight.answer.done():
                continue
            del self._flights[node]
            try:
                fetched = flight.answer.result()
            except (KafkaError, OSError) as error:
                failure = error
                continue
            same = {lane for lane, place in flight.places.items() if places.get(lane) == place}
            answered |= same
            found |= {lane: entries for lane, entries in fetched.entries.items() if lane in same}
            for lane in same & fetched.failed.keys():
                failure = fetched.failed[lane]
                if isinstance(failure, OffsetOutOfRangeError):
                    raise failure
        return found, failure

    async def close(self) -> None:
        flights = [flight.answer for flight in self._flights.values()]
        self._flights.clear()
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)
        await self.cluster.close()


def _without_holes(lane: int, place: int, entries: list[Entry]) -> list[Entry]:
    """Raises LogGap if a record is missing, so that none is silently skipped."""
    if entries[-1].offset - place >= len(entries):
        offset = next(at for at, entry in enumerate(entries, start=place) if entry.offset != at)
        raise LogGap(f"lane {lane}: place {offset} holds no record (did a transaction write to the topic?)")
    return entries
