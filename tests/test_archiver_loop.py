"""The archiver's loop: it works while it holds the lease, waits for unavailable services, and seals at the end."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest

import archiver.loop
from archiver import metrics
from archiver.archiving import Archiver
from archiver.loop import live
from benchmarks.waiting import until
from tests.archive_stand import Stand
from wakeline import keys
from wakeline.history.folder import Disk
from wakeline.log import LogUnavailable
from wakeline.redis.lease import Lease

RECORD = b'{"kind":"event","site":"shop"}'


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("POLL_S", "RETRY_S", "MEASURE_S"):
        monkeypatch.setattr(archiver.loop, name, 0.01)


class Life:
    """An archiver that runs, and can be told to stop."""

    def __init__(self, stand: Stand, disk: Disk | None = None) -> None:
        self.stop = asyncio.Event()
        self.lease = Lease(
            stand.redis, key=keys.ARCHIVE_LEASE, token="t", work="tests", logger=logging.getLogger("wakeline.archiver")
        )
        stand.lease = self.lease  # type: ignore[assignment]
        self.archiver: Archiver = stand.unopened(disk, seal_s=600)
        self.tidied = 0
        self.task = asyncio.create_task(live(self.archiver, self.lease, self.stop, tidy=self._tidy))

    async def _tidy(self) -> None:
        self.tidied += 1
        await asyncio.sleep(3600)

    async def stopped(self) -> int:
        self.stop.set()
        return await asyncio.wait_for(self.task, 15)


def held() -> float:
    return float(metrics.HELD_BYTES._value.get())


@pytest.fixture
def stand(redis: Any, tmp_path: Path) -> Stand:
    metrics.HELD_BYTES.set(0)
    return Stand(tmp_path / "archive", redis)


async def test_what_is_held_is_sealed_in_the_end(stand: Stand) -> None:
    await stand.append(0, RECORD, RECORD)
    life = Life(stand)
    await until(held)
    assert stand.files() == []
    assert await life.stopped() == 0
    assert stand.is_whole()
    assert life.tidied == 1
    assert not await stand.redis.exists(keys.ARCHIVE_LEASE), "the next one need not wait"


async def test_it_ends_at_once_while_it_stands_by(stand: Stand) -> None:
    await stand.redis.set(keys.ARCHIVE_LEASE, "another")
    await stand.append(0, RECORD)
    life = Life(stand)
    await asyncio.sleep(0.05)
    assert await life.stopped() == 0
    assert stand.files() == []
    assert await stand.redis.get(keys.ARCHIVE_LEASE) == b"another"


async def test_it_ends_with_1_where_another_has_taken_the_lease(stand: Stand) -> None:
    life = Life(stand)
    await stand.append(0, RECORD)
    await until(held)
    await stand.redis.set(keys.ARCHIVE_LEASE, "another")
    assert await asyncio.wait_for(life.task, 15) == 1
    assert stand.files() == []


async def test_it_goes_on_when_the_log_is_back(stand: Stand, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    read = stand.log.read

    async def away(*_: Any, **__: Any) -> Any:
        raise LogUnavailable("the log is away")

    stand.log.read = away  # type: ignore[method-assign]
    life = Life(stand)
    await stand.append(0, RECORD)
    await until(lambda: "the log is away" in caplog.text)
    stand.log.read = read  # type: ignore[method-assign]
    await until(held)
    await until(lambda: "going on" in caplog.text)  # which is said once the file is there
    assert caplog.text.count("the log is away") == 1, "once a minute, not each time"
    assert await life.stopped() == 0
    assert stand.is_whole()


class FullDisk(Disk):
    def write(self, path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device")


async def test_what_cannot_be_sealed_in_the_end_is_read_again_by_the_next(
    stand: Stand, caplog: pytest.LogCaptureFixture
) -> None:
    first = Life(stand)
    await until(lambda: first.archiver.is_open)
    await first.stopped()
    await stand.append(0, RECORD)
    life = Life(stand, FullDisk())
    await until(held)
    assert await life.stopped() == 0
    assert "the next start reads it again" in caplog.text
    metrics.HELD_BYTES.set(0)
    again = Life(stand)
    await until(held)
    assert await again.stopped() == 0
    assert stand.is_whole()


async def test_a_history_of_another_log_is_said_and_looked_at_again(
    stand: Stand, caplog: pytest.LogCaptureFixture
) -> None:
    stand.folder.mkdir()
    (stand.folder / "log.json").write_text('{"identity":"another"}')
    await stand.append(0, RECORD)
    life = Life(stand)
    await until(lambda: "is of the log another" in caplog.text)
    assert metrics.STUCK._value.get() == 1
    assert stand.files() == []
    assert life.tidied == 0, "another's history is left alone"
    (stand.folder / "log.json").unlink()
    await until(held)
    assert metrics.STUCK._value.get() == 0
    assert await life.stopped() == 0
    assert stand.is_whole()


async def test_a_mistake_of_ours_ends_the_process(stand: Stand, caplog: pytest.LogCaptureFixture) -> None:
    async def broken(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError("a mistake")

    stand.log.read = broken  # type: ignore[method-assign]
    life = Life(stand)
    assert await asyncio.wait_for(life.task, 15) == 1
    assert "a mistake" in caplog.text
