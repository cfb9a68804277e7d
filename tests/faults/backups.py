"""A backup under load, its restore, and senders that repeat everything."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any

from benchmarks.waiting import until
from ops.backup.making import make
from ops.backup.restoring import restore
from tests.faults.history import compared
from tests.faults.outcome import Outcome
from tests.faults.stage import Stage
from tests.integration.kill.books import LANES
from tests.integration.kill.load import Load, more
from tests.integration.kill.services import kept
from tests.integration.kill.traffic import Message
from wakeline.history import History
from wakeline.settings import Config, Settings

SEALED_WITHIN_S = 60.0
SALT_BYTES = 16  # a piece that long of a salt is found nowhere by chance


class Remembering(Load):
    """Keeps its messages to send them again."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.messages: list[Message] = []

    async def _deliver(self, message: Message) -> None:
        self.messages.append(message)
        await super()._deliver(message)

    async def again(self) -> None:
        for message in self.messages:
            await super()._deliver(message)


def config_of(stage: Stage) -> Config:
    """As set by `wakeline up`, with the server's files in the data folder."""
    data: Path = stage.collector.flags["data"]
    return Config(Settings(data=data, redis=stage.server.url, embedded_port=stage.server.port, log=stage.log), {})


async def restored_under_load(stage: Stage, seed: int, outcome: Outcome) -> None:
    """Events answered before the backup are in the restored deployment; missing ones are sent again; all count once.

    The salts are nowhere in it, and the archive continues: each record once.
    """
    rng = random.Random(seed)
    data: Path = stage.collector.flags["data"]
    stage.server.kill()
    stage.server.folder = data / "redis"
    await asyncio.to_thread(stage.server.start)
    stage.collector.start()
    stage.archiver.flags["archive_seal_s"] = 1
    config, folder = config_of(stage), stage.folder / "backup"
    async with kept(stage.processor, stage.archiver), stage.load(seed, kind=Remembering) as sent:
        await more(sent, rng.randrange(200, 1_000))
        answered = set(sent.answered)
        manifest = await asyncio.to_thread(make, config, folder)
        await more(sent, rng.randrange(200, 1_000))
        during = len(sent.answered) - len(answered)
    await stage.settle()
    outcome.at_least("answered meanwhile", during, 1)
    outcome.is_exactly("salts in the backup", salts_in(data / "salts", folder), 0)
    for service in stage.services:
        service.kill()
    stage.server.kill()
    found = await asyncio.to_thread(restore, config, folder)
    outcome.is_exactly("cut", found.was_cut, False)
    await asyncio.to_thread(stage.server.start)
    outcome.is_exactly("answered before and not in it", len(answered - stage.books.ids()), 0)
    outcome.shows("records applied", sum(manifest.places))
    stage.collector.start()
    async with kept(stage.processor, stage.archiver):
        await sent_again(stage, sent)
        await stage.settle()
        await until(lambda: is_sealed(data / "archive", stage.books.length()), "all is sealed", within=SEALED_WITHIN_S)
    stage.archiver.kill()
    missing, doubled = compared(data / "archive", {lane: stage.tail.values(lane) for lane in range(LANES)})
    outcome.is_exactly("missing in the archive", missing, 0)
    outcome.is_exactly("twice in the archive", doubled, 0)
    await stage.audit(outcome, sent, erased=True)


async def sent_again(stage: Stage, sent: Remembering) -> None:
    async with stage.load(0, kind=Remembering) as other:
        other.end()
        sent._http, sent._origin, sent.ledger = other._http, other._origin, other.ledger
        await sent.again()


def is_sealed(archive: Path, length: int) -> bool:
    history = History(str(archive))
    return sum(history.bounds(lane).end for lane in history.lanes()) >= length


def salts_in(salts: Path, folder: Path) -> int:
    """Number of files in the backup that contain a part of a salt."""
    pieces = set()
    for path in salts.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            pieces |= {content[at : at + SALT_BYTES] for at in range(len(content) - SALT_BYTES + 1)}
    assert pieces
    contents = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    return sum(any(piece in content for piece in pieces) for content in contents)
