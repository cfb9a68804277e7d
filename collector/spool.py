"""The spool: events accepted while the log is down are stored here, on disk, and appended to the log later.

Each worker process has a folder below the deployment's `spool` folder (see `spool_folder`). A file beside them stores
the number of lanes, so that a collector that starts while the log is down can spool. Worker 0 also drains folders of
workers that no longer exist. One thread accesses all files: the event loop never blocks.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ParamSpec, TypeVar

import msgspec

from collector.metrics import Metrics
from collector.spool_disk import replace
from collector.spool_folder import SpoolFolder, SpoolFull, SpoolHeld, Trouble
from collector.spool_frames import Records
from wakeline.cards.sealing import Sealed
from wakeline.lanes import lane_of
from wakeline.log import Log, LogUnavailable
from wakeline.memory import MEGABYTE
from wakeline.patience import Outage
from wakeline.record import Erase, Event, Fact, decode_record
from wakeline.settings import Settings

logger = logging.getLogger("wakeline.collector")

DRAIN_S = 10.0  # for one append of spooled records: no request waits for it
LOOK_S = 0.1  # how often to check whether draining may continue

WriteCards = Callable[[Sequence[Sealed]], Awaitable[object]]
"""Writes cards, on disk when it returns. Raises LogUnavailable."""

P = ParamSpec("P")
T = TypeVar("T")


class Spool:
    """Spool of one of `workers` processes, at most `limit` bytes in `root`/`worker`; 0: only drains leftovers.

    While `is_held`, draining waits: there is no memory for more. The log stays open meanwhile, since the held state is
    derived from it.
    """

    def __init__(
        self,
        root: Path,
        worker: int,
        *,
        workers: int,
        limit: int,
        metrics: Metrics,
        is_held: Callable[[], bool] = lambda: False,
    ) -> None:
        self._root = root
        self._worker = worker
        self._workers = workers
        self._limit = limit
        self._metrics = metrics
        self._is_held = is_held
        self._own = self._folder(str(worker))
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="spool")
        self._outage = Outage(logger)
        metrics.spool_limit_bytes = limit

    @classmethod
    def of(cls, settings: Settings, worker: int, metrics: Metrics, *, is_held: Callable[[], bool]) -> Spool | None:
        """The worker's spool; None if spooling is off and no spool of an earlier run is left."""
        root = settings.data / "spool"
        if not settings.spool_mb and not root.exists():
            return None
        limit = settings.spool_mb * MEGABYTE
        return cls(root, worker, workers=settings.workers, limit=limit, metrics=metrics, is_held=is_held)

    @property
    def takes_events(self) -> bool:
        """Whether it is enabled; a disk may still refuse."""
        return self._limit > 0

    @property
    def records(self) -> int:
        return self._own.records

    def known_lanes(self, lanes: int) -> int:
        """`lanes`, if the log had this number when it was last open; otherwise 0: the number is unknown."""
        try:
            return lanes if int((self._root / "lanes").read_text()) == lanes else 0
        except (OSError, ValueError):
            return 0

    async def keep_lanes(self, lanes: int) -> None:
        """Store the number of lanes for the next start."""
        if self._limit and not self.known_lanes(lanes):
            try:
                await self._in_thread(self._keep_lanes, lanes)
            except OSError as error:
                self._trouble(error)

    def _keep_lanes(self, lanes: int) -> None:
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace(self._root / "lanes", f"{lanes}\n".encode())

    async def take_stock(self) -> bool:
        """Own the folder and count leftovers of an earlier run; returns whether that succeeded."""
        is_open = await self._opened(self._own)
        self._show()
        return is_open

    async def append(self, records: Records, *, lanes: int, cards: Sequence[Sealed] = ()) -> bool:
        """Append records, and the cards that they tell; returns whether they are on disk."""
        try:
            await self._in_thread(self._append, records, lanes, [_encode(card) for card in cards])
        except (SpoolFull, SpoolHeld, OSError) as error:
            self._trouble(error)
            return False
        if self._outage.is_over():
            logger.info("the spool accepts events again")
        self._metrics.spooled += len(records)
        self._show()
        return True

    def _append(self, records: Records, lanes: int, cards: Sequence[bytes]) -> None:
        self._own.open()
        self._own.append(records, lanes=lanes, cards=cards)

    async def takes_a_write(self) -> bool:
        """Whether there is room now, and the disk accepts writes."""
        return self.takes_events and await self._in_thread(self._probe)

    def _probe(self) -> bool:
        try:
            self._own.open()
        except (SpoolHeld, OSError):
            return False
        return self._own.probe()

    async def drain(
        self, log: Log, lanes: int, *, group: int, down_to: int = 0, cards: WriteCards | None = None
    ) -> None:
        """Append spooled records to `log`, `group` at once, until at most `down_to` are left.

        What they tell of cards is written by `cards` before. Raises LogUnavailable.
        """
        if await self.take_stock():
            if self.records:
                await self._room()
            while (not down_to or self.records > down_to) and await self._drain_group(
                self._own, log, lanes, group, cards
            ):
                pass

    async def drain_one(self, log: Log, lanes: int, *, group: int, cards: WriteCards) -> int | None:
        """The same, one group at most; returns how much left the spool. None: that is not possible now."""
        if self._is_held() or not await self.take_stock():
            return None
        return await self._drain_group(self._own, log, lanes, group, cards)

    async def drain_left_behind(self, log: Log, lanes: int, *, group: int, cards: WriteCards | None = None) -> None:
        """The same for the folders of workers that no longer exist, if this is worker 0."""
        for folder in self._left_behind():
            if await self._opened(folder):
                try:
                    while await self._drain_group(folder, log, lanes, group, cards):
                        pass
                finally:
                    await self._in_thread(folder.close)

    def _left_behind(self) -> list[SpoolFolder]:
        """Folders of workers that no longer exist."""
        if self._worker or not self._root.is_dir():
            return []
        numbers = sorted(int(path.name) for path in self._root.iterdir() if path.name.isdecimal())
        return [self._folder(str(number)) for number in numbers if number >= self._workers]

    async def _opened(self, folder: SpoolFolder) -> bool:
        try:
            await self._in_thread(folder.open)
        except (SpoolHeld, OSError) as error:
            if folder is self._own:
                self._trouble(error)
            return False
        return True

    async def _drain_group(
        self, folder: SpoolFolder, log: Log, lanes: int, limit: int, write: WriteCards | None
    ) -> int:
        """Number of records and cards that left the spool; 0 if none are left."""
        try:
            batch = await self._in_thread(folder.read, limit)
            if batch is None:
                return 0
            await self._room()
            await self._write_cards(folder, batch.cards, write)
            records = batch.records if batch.lanes == lanes else [_moved(value, lanes) for _, value in batch.records]
            refused = await _append_all(log, records) if records else []
            for value in refused:
                await self._in_thread(folder.set_aside, value)
            await self._in_thread(folder.drained, batch)
        except OSError as error:
            self._metrics.spool_errors[Trouble.READ] += 1
            raise LogUnavailable(f"the spool cannot be drained: {error}") from error
        self._metrics.drained += len(records) - len(refused)
        self._show()
        return len(records) + len(batch.cards)

    async def _write_cards(self, folder: SpoolFolder, cards: Sequence[bytes], write: WriteCards | None) -> None:
        found = []
        for card in cards:
            try:
                found.append(_decode(card))
            except msgspec.MsgspecError:  # of another version; it is encrypted there too
                await self._in_thread(folder.set_aside, card)
        if found and write is None:
            raise LogUnavailable("the spool holds cards, and nothing here writes them")
        if found and write is not None:
            try:
                async with asyncio.timeout(DRAIN_S):
                    await write(found)
            except TimeoutError as error:
                raise LogUnavailable(f"cards were not written within {DRAIN_S:g} s") from error

    async def _room(self) -> None:
        while self._is_held():  # noqa: ASYNC110  nothing tells it
            await asyncio.sleep(LOOK_S)

    def _trouble(self, error: Exception) -> None:
        is_full = isinstance(error, SpoolFull)
        self._metrics.spool_errors[Trouble.FULL if is_full else Trouble.WRITE] += 1
        self._outage.say(f"no events can be spooled: {error}", logging.ERROR, kind="full" if is_full else "")

    def _show(self) -> None:
        self._metrics.spool_bytes = self._own.bytes
        self._metrics.spool_records = self._own.records
        self._metrics.spool_oldest = self._own.oldest

    def _folder(self, name: str) -> SpoolFolder:
        return SpoolFolder(self._root / name, limit=self._limit, troubles=self._metrics.spool_errors)

    async def _in_thread(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: function(*args, **kwargs))

    def close(self) -> None:
        """Waits for a write in progress."""
        self._thread.shutdown()
        self._own.close()


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Sealed).decode


async def _append_all(log: Log, records: Records) -> list[bytes]:
    """Append all records; returns those that the log permanently rejects. Raises LogUnavailable."""
    try:
        async with asyncio.timeout(DRAIN_S):
            await log.append(records)
            return []
    except LogUnavailable:
        raise
    except TimeoutError as error:
        raise LogUnavailable(f"the log did not answer within {DRAIN_S:g} s") from error
    except Exception as error:  # a rejected record must not block all others
        logger.exception("appending spooled records failed")
        fault = error
    refused = []
    for record in records:
        try:
            async with asyncio.timeout(DRAIN_S):
                await log.append([record])
        except (LogUnavailable, TimeoutError) as error:
            raise LogUnavailable(str(error)) from error
        except Exception:
            refused.append(record[1])
    if len(refused) == len(records):  # the log is at fault, not a record
        raise LogUnavailable(f"an append failed: {fault!r}") from fault
    return refused


def _moved(value: bytes, lanes: int) -> tuple[int, bytes]:
    """A record that was spooled for another number of lanes."""
    try:
        record = decode_record(value)
    except msgspec.DecodeError:
        return 0, value  # the processor will report what is wrong with it
    match record:
        case Event(site=site, visitor=home) | Fact(site=site, home=home) | Erase(site=site, id=home):
            return lane_of(site, home, lanes), value
    return 0, value
