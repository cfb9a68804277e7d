"""The cards of customers, as the collector writes them: encrypted here, on disk in Redis before their events are.

The key is read when it is first needed, and again when its file has changed. With it cards can be encrypted, and so
spooled, while Redis is away. That is noticed by a write that fails; from then on it is looked after in the background,
so that nothing else waits for it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from redis.asyncio import Redis

from wakeline.cards.card import Card
from wakeline.cards.key import NoCardKey, Ring, check_key, open_ring, read_ring
from wakeline.cards.sealing import Sealed, resealed, sealed, sealed_with
from wakeline.cards.writing import CardsUnavailable, CardWriter, FormerKey
from wakeline.patience import Outage
from wakeline.redis.connect import connect
from wakeline.redis.failures import FAILURES
from wakeline.traces import without_words

logger = logging.getLogger("wakeline.collector")

REST_S = 1.0  # between attempts to reach Redis, or to find the key
READY_S = 2.0  # of one attempt
OPEN_S = 0.3  # for Redis to say whether the key is its own: others wait meanwhile


async def check_key_at_start(url: str, key: Path) -> None:
    """Raises NoCardKey if cards exist that the file `key` does not fit; nothing is known of it while Redis is away."""
    with suppress(*FAILURES):
        async with asyncio.timeout(READY_S), connect(url) as redis:
            await check_key(key, redis)


class CustomerCards:
    """`url`: of Redis; `key`: the file of the key, see `cards.key.key_file`.

    `are_away`: a write has failed, and what it told waits in the spool. `are_back`: they can be written again; `nudge`
    is called then.
    """

    def __init__(self, url: str, key: Path) -> None:
        self._url = url
        self._file = key
        self._redis: Redis | None = None
        self._writer: CardWriter | None = None
        self._ring: Ring | None = None
        self._is_checked = False  # whether Redis knows the key as that of its cards
        self._read_from: tuple[int, ...] = ()  # see `_stamp`
        self._due = 0.0
        self._why = ""  # the key was not to be had at the last attempt
        self._no_key, self._outage = Outage(logger), Outage(logger)
        self._looking: asyncio.Task[None] | None = None
        self.are_away = self.are_back = False
        self.nudge: Callable[[], object] = lambda: None

    # ---- encrypting -----------------------------------------------------------------------------

    async def sealed(self, cards: Sequence[Card], within_s: float) -> list[Sealed] | None:
        """The cards, encrypted; None if they cannot be, which is logged."""
        try:
            async with asyncio.timeout(within_s):
                found = await self._seal(cards)
            if self._no_key.is_over():
                logger.info("events with personal values are accepted again")
            return found
        except NoCardKey as error:
            why = str(error)
        except TimeoutError:
            why = "Redis does not answer"
        except Exception as error:  # its words may hold a value
            why = f"they cannot be encrypted\n{without_words(error)}"
        self._no_key.say(f"events with personal values are refused: {why}", logging.ERROR)
        return None

    async def _seal(self, cards: Sequence[Card]) -> list[Sealed]:
        if time.monotonic() >= self._due:
            if not self._is_checked:
                await self._open()
            elif self._stamp() != self._read_from:
                await self._open_changed()
        if self._why:
            raise NoCardKey(self._why)
        assert self._ring is not None
        ring = self._ring
        return [sealed(card, ring) for card in cards]

    async def _open(self) -> None:
        """Read the key, or make one; while Redis is away it is used unchecked, and none can be made."""
        self._why = f"{self._file} could not be read in time"  # if this is cancelled
        self._read_from = self._stamp()
        try:
            async with asyncio.timeout(OPEN_S):
                self._ring = await open_ring(self._file, self._connected())
            self._is_checked, self._why = True, ""
        except NoCardKey as error:
            self._why = str(error)
        except FAILURES as error:
            try:
                self._ring, self._why = read_ring(self._file), ""
            except NoCardKey as missing:
                why = str(error) or "it does not answer"
                self._why = f"{missing}, or wait: Redis is away, and without it none can be made ({why})"
        finally:
            self._due = time.monotonic() + REST_S

    async def _open_changed(self) -> None:
        """Read the key again; one that cannot be used is logged, and the one that was read before stays in use."""
        stamp = self._stamp()
        try:
            async with asyncio.timeout(OPEN_S):
                self._ring = await open_ring(self._file, self._connected())
            self._read_from = stamp
        except NoCardKey as error:
            self._read_from = stamp
            logger.error("the key of the cards was changed, and the former one stays in use: %s", error)
        except FAILURES:
            pass  # Redis is away: later
        finally:
            self._due = time.monotonic() + REST_S

    def _stamp(self) -> tuple[int, ...]:
        """Changes with the file; empty if there is none."""
        try:
            found = self._file.stat()
        except OSError:
            return ()
        return found.st_ino, found.st_mtime_ns, found.st_size

    def _in_new_key(self, cards: Sequence[Sealed]) -> list[Sealed]:
        """The cards, encrypted with the key that encrypts now: those of a spool may have a former one."""
        return [resealed(card, self._ring) for card in cards] if self._ring is not None else list(cards)

    # ---- writing --------------------------------------------------------------------------------

    async def are_written(self, cards: Sequence[Sealed], lanes: int, within_s: float) -> bool:
        """Whether the cards are on disk; at once False while they are away."""
        if self.are_away:
            return False
        try:
            async with asyncio.timeout(within_s):
                await self.write(cards, lanes=lanes)
            return True
        except (CardsUnavailable, TimeoutError) as error:
            self.failed(str(error) or f"Redis did not answer within {within_s:g} s")
        except Exception as error:
            self.failed(f"cards cannot be written\n{without_words(error)}")
        return False

    async def write(self, cards: Sequence[Sealed], *, lanes: int) -> None:
        """Write cards, on disk when it returns. One that is not later than its customer's erasure is left out.

        Raises CardsUnavailable.
        """
        writer = self._writing()
        try:
            await writer.write(self._in_new_key(cards), lanes=lanes)
        except FormerKey:
            await (self._open_changed() if self._is_checked else self._open())
            if self._ring is None:
                raise CardsUnavailable(self._why) from None
            cards = self._in_new_key(cards)
            held = {key.id for key in self._ring.keys} | {""}
            lost = [card for card in cards if sealed_with(card) not in held]
            if lost:
                why = "has no more the key of %d spooled cards: they are written, readable once its line is put back"
                logger.error(f"%s {why}", self._file, len(lost))
                await writer.write(lost, lanes=lanes, takes_former=True)
            await writer.write([card for card in cards if sealed_with(card) in held], lanes=lanes)

    def failed(self, why: str) -> None:
        """Note that cards cannot be written, until Redis is back."""
        self.are_away = True
        self._outage.say(f"events with personal values wait until Redis is back: {why}", kind="away")
        self.look_again()

    def look_again(self) -> None:
        """Look in the background whether they can be written, from a while from now on."""
        self.are_back = False
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())

    async def _look(self) -> None:
        while not self.are_back:
            await asyncio.sleep(REST_S)
            try:
                async with asyncio.timeout(READY_S):
                    await self._writing().ready()
                self.are_back = True
            except (CardsUnavailable, TimeoutError):
                continue
        self.nudge()

    def is_over(self) -> None:
        """Note that they can be written, and that nothing waits any more."""
        self.forget_outage()
        logger.info("events with personal values are written again")

    def forget_outage(self) -> None:
        """Try with the next card again: what waits in the spool is somebody else's concern."""
        self.are_away = self.are_back = False
        self._outage.is_over()
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None

    async def close(self) -> None:
        self.forget_outage()
        if self._writer is not None:
            await self._writer.close()
        if self._redis is not None:
            await self._redis.aclose()

    def _connected(self) -> Redis:
        if self._redis is None:
            self._redis = connect(self._url)
        return self._redis

    def _writing(self) -> CardWriter:
        if self._writer is None:
            self._writer = CardWriter(self._connected())
        return self._writer
