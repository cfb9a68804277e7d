"""`make`: holds the spool open, takes a snapshot, then copies the history; the manifest comes last."""

from __future__ import annotations

import asyncio
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from archiver.erased import NAME as ERASED
from ops.backup import cards, snapshot
from ops.backup.manifest import (
    CARDS,
    FORMAT,
    HISTORY,
    NAME,
    SNAPSHOT,
    SPOOL,
    BackupRefused,
    Done,
    File,
    Manifest,
    copy,
    make_folder,
    write,
)
from ops.backup.spooled import Spooled
from wakeline import card_keys, keys
from wakeline.disk import sync_folder
from wakeline.history import History, archive_url
from wakeline.history.folder import Folder
from wakeline.history.identity import NAME as LOG_NAME
from wakeline.lanes import FIELDS, stored_deployment
from wakeline.log.chain import links_of, places
from wakeline.log.opening import KAFKA
from wakeline.redis.connect import connect
from wakeline.settings import Config, Settings

COPIED, OFF = "copied", "off"


def refuse_own_server(config: Config) -> None:
    """Raises BackupRefused unless the embedded server is used: other servers' data are not in the data folder."""
    if "redis" in config.given:
        raise BackupRefused(
            "profiles, numbers and the log are in your own Redis (redis is set): back it up with its own tools, "
            "as one snapshot (RDB) of the whole server, and restore it as one\n"
            "`wakeline backup` only supports the embedded server that `wakeline up` starts"
        )


def log_of(settings: Settings) -> str:
    """Location of the log: embedded or kafka."""
    return KAFKA if urlsplit(settings.log).scheme == KAFKA else "embedded"


def make(config: Config, folder: Path, *, with_cards: bool = True, done: Done = lambda size: None) -> Manifest:
    """Back up the running deployment to `folder`, which must be new or empty; cards into a file of their own, or not.

    Raises BackupRefused, NoDeployment, redis-py's errors and those of the history.
    """
    settings = config.settings
    refuse_own_server(config)
    _refuse_full(folder, settings)
    manifest = asyncio.run(_described(settings))
    make_folder(folder)
    folder.chmod(0o700)
    try:
        _fill(folder, settings, manifest, with_cards, done)
    except BaseException:
        _empty(folder)
        raise
    return manifest


def _fill(folder: Path, settings: Settings, manifest: Manifest, with_cards: bool, done: Done) -> None:
    files = manifest.files
    with Spooled(settings.data / "spool") as spooled:
        files[SNAPSHOT] = snapshot.fetch(settings.embedded_port, folder / SNAPSHOT, meanwhile=spooled.look, done=done)
        for name, file in spooled.copy(folder / SPOOL).items():
            files[f"{SPOOL}/{name}"] = file
    if asyncio.run(_has_cards(settings)):
        files |= asyncio.run(cards.taken_out(folder / SNAPSHOT, into=folder / CARDS if with_cards else None, done=done))
    if manifest.history == COPIED:
        history = History(archive_url(settings) or "")
        for name, file in _copy_history(history, folder / HISTORY, done).items():
            files[f"{HISTORY}/{name}"] = file
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir():
            sync_folder(path)
    write(folder, manifest)


async def _has_cards(settings: Settings) -> bool:
    async with connect(settings.redis, timeout=10.0) as redis:
        return bool(await redis.exists(card_keys.FINGERPRINTS))


def _empty(folder: Path) -> None:
    """Remove an unfinished backup, so that the same command can be repeated."""
    for name in (SPOOL, HISTORY, cards.SCRATCH):
        shutil.rmtree(folder / name, ignore_errors=True)
    for name in (SNAPSHOT, CARDS, f".{NAME}", NAME):
        (folder / name).unlink(missing_ok=True)


def _refuse_full(folder: Path, settings: Settings) -> None:
    if folder.is_dir() and any(folder.iterdir()):
        raise BackupRefused(f"{folder} is not empty: name a new folder, for instance backup-$(date +%F)")
    if folder.exists() and not folder.is_dir():
        raise BackupRefused(f"{folder} is a file: name a new folder")
    if folder.resolve().is_relative_to(settings.data.resolve()):
        raise BackupRefused(f"{folder} is inside the data folder: name a folder elsewhere, preferably on another disk")


async def _described(settings: Settings) -> Manifest:
    async with connect(settings.redis, timeout=10.0) as redis:
        values: Any = await redis.hmget(keys.DEPLOYMENT, FIELDS)
        deployment = stored_deployment(values)
        links = await links_of(redis)
        applied = await places(redis, deployment.lanes)
    return Manifest(
        format=FORMAT,
        made=datetime.now(UTC).isoformat(timespec="seconds"),
        lanes=deployment.lanes,
        key_version=deployment.version,
        log=log_of(settings),
        log_id=links[-1].id if links else "",
        places=applied,
        history=_history_of(settings),
        files={},
    )


def _history_of(settings: Settings) -> str:
    url = archive_url(settings)
    if url is None:
        return OFF
    return COPIED if isinstance(History(url).store, Folder) else url


BESIDE = (LOG_NAME, ERASED)  # of the history's files, those that are no records


def _copy_history(history: History, target: Path, done: Done) -> dict[str, File]:
    """Copy the records that the log may have trimmed before the snapshot, and possibly more, which a restore cuts off.

    Files may be merged and deleted meanwhile, so it repeats until all listed files are copied.
    """
    copied: dict[str, File] = {}
    while True:
        history.refresh()
        listed = [segment.name for lane in history.lanes() for segment in history.segments(lane)]
        missing = [name for name in (*listed, *BESIDE) if name not in copied]
        for name in missing:
            try:
                with history.store.open(name) as source:
                    copied[name] = copy(source, target / name, done)
            except FileNotFoundError:
                if name == LOG_NAME and not listed:
                    return copied  # nothing is archived yet
        if all(name in copied for name in listed):
            break
    for name in copied.keys() - {*listed, *BESIDE}:  # merged into another file meanwhile
        (target / name).unlink()
        del copied[name]
    return copied
