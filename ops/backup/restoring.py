"""`restore`: check, stage, forget who was forgotten since, swap, and bring the history in line."""

from __future__ import annotations

import asyncio
import fcntl
import socket
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct

from ops.backup import past, staged, swap
from ops.backup.ancestry import common, kept
from ops.backup.forgotten import Forgotten, add_from_history, add_from_server, say_again
from ops.backup.making import COPIED, log_of, refuse_own_server
from ops.backup.manifest import (
    HISTORY,
    SNAPSHOT,
    SPOOL,
    BackupRefused,
    Done,
    Manifest,
    check,
    copy,
    make_folder,
    read,
)
from ops.up.guard import sole_use
from wakeline import data_folder
from wakeline.history import History, archive_url
from wakeline.history.identity import store_identity, stored_identity, stored_log
from wakeline.lanes import NoDeployment
from wakeline.log.chain import links_of
from wakeline.log.opening import KAFKA
from wakeline.redis.connect import connect
from wakeline.settings import Config, Settings

Said = Callable[[str], None]


class Restored(Struct):
    """What came of it."""

    manifest: Manifest
    forgotten: int = 0  # records that forget somebody, said again
    moved: int = 0  # files of the history that moved aside
    aside: str = ""  # folder with what was there before; "": nothing was
    was_cut: bool = False  # an earlier restore was ended, not a new one begun


def restore(
    config: Config,
    folder: Path,
    *,
    forgotten_in: Sequence[str] = (),
    say: Said = print,
    done: Done = lambda size: None,
) -> Restored:
    """Put the backup in `folder` in the place of the data of the deployment, which is stopped.

    Who was forgotten is also looked for in the histories of other logs at the URLs `forgotten_in`.

    Nothing is changed before all of it was checked and is ready. Raises BackupRefused, CannotStart where `wakeline up`
    runs on the data, and what the history raises.
    """
    settings = config.settings
    refuse_own_server(config)
    manifest = read(folder)
    if manifest.log != log_of(settings):
        raise BackupRefused(
            f"the log of this backup is {_words(manifest.log)}, and log in the settings says {_words(log_of(settings))}"
        )
    if forgotten_in and manifest.log == KAFKA:
        raise BackupRefused("--forgotten-in: the log on Kafka goes on, and `wakeline erase` appends to it")
    with sole_use(settings.data, restores=True):
        _refuse_running(settings)
        data_folder.close(settings.data)
        plan = swap.planned(settings.data)
        if plan is not None and plan.made != manifest.made:
            raise BackupRefused(f"a restore of {plan.backup} was cut: end that one first, by the same command")
        check(folder, manifest, done)
        found = Restored(manifest, was_cut=plan is not None)
        if plan is None:
            plan = asyncio.run(_prepare(settings, folder, manifest, found, forgotten_in, say))
            swap.begin(settings.data, plan)
        swap.swap(settings.data, plan)
        _bring_in_line(settings, folder, manifest, plan, found)
        aside = settings.data / swap.ASIDE / plan.stamp
        found.aside = str(aside) if aside.exists() else ""
        swap.end(settings.data)
        return found


def _words(log: str) -> str:
    return "on Kafka" if log == KAFKA else "in the embedded server"


def _refuse_running(settings: Settings) -> None:
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", settings.embedded_port)) == 0:
            raise BackupRefused(
                f"something listens on port {settings.embedded_port} (embedded_port): stop the server that still runs"
            )
    for lock in settings.data.glob(f"{SPOOL}/*/lock"):
        with lock.open("rb") as held:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise BackupRefused(f"a collector still runs on {settings.data}: stop it") from None


async def _prepare(
    settings: Settings, folder: Path, manifest: Manifest, found: Restored, forgotten_in: Sequence[str], say: Said
) -> swap.Plan:
    data = settings.data
    swap.clear(data)
    stage = data / swap.STAGED
    make_folder(stage)
    staged.lay_out(folder / SNAPSHOT, stage / "redis")
    make_folder(stage / SPOOL)
    for name in manifest.files:
        if name.startswith(f"{SPOOL}/"):
            with (folder / name).open("rb") as source:
                copy(source, stage / name)
    embedded = manifest.log != KAFKA
    forgotten = Forgotten()
    async with staged.served(stage / "redis") as url:
        was = await staged.standing(url, embedded_log=embedded)
        keep = was.ends
        if embedded and was.links:
            former = await _ask_former(data / "redis", stage / "former", was, forgotten, say)
            history = _history(settings)
            if history is not None:
                keep = kept(history, was, former)
                add_from_history(forgotten, history, keep)
            for other in forgotten_in:
                _add_from_other(forgotten, other)
            if former is None:
                say(_unknown(manifest, history, forgotten_in))
        async with connect(url, timeout=60.0) as redis:
            await staged.tidy(redis)
            identity = await staged.fork(redis, was, was.ends) if embedded and was.links else ""
            plan = swap.Plan(
                backup=str(folder),
                made=manifest.made,
                stamp=datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f"),
                lanes=was.lanes,
                ends=was.ends,
                keep=keep,
                identity=identity,
                links=await links_of(redis) if identity else [],
            )
        if plan.identity:
            found.forgotten = await say_again(forgotten, url, lanes=was.lanes)
        if was.moving:
            say("a replay was about to switch when the backup was taken: `wakeline replay --abort` takes it back")
    return plan


async def _ask_former(
    folder: Path, scratch: Path, was: staged.Standing, forgotten: Forgotten, say: Said
) -> staged.Standing | None:
    """What the data that are there now know; None where there are none, or none that can be read."""
    if not (folder / staged.FILES).is_dir():
        return None
    try:
        async with staged.served_copy(folder, scratch) as url:
            former = await staged.standing(url, embedded_log=True)
            since, same = None, common(was, former.links)
            if same is not None:
                since = [place - begin for place, begin in zip(same, former.links[-1].begins, strict=True)]
            await add_from_server(forgotten, url, lanes=former.lanes, since=since)
            return former
    except NoDeployment:
        return None
    except (BackupRefused, OSError) as error:
        say(f"the data that are there now cannot be read: {error}")
        return None


def _add_from_other(forgotten: Forgotten, url: str) -> None:
    other = History(url)
    if not other.lanes():
        raise BackupRefused(f"--forgotten-in: there is no history at {url}")
    add_from_history(forgotten, other)


def _unknown(manifest: Manifest, history: History | None, forgotten_in: Sequence[str]) -> str:
    """Who stays erased where no former data say it."""
    who = f"no former data here: who was erased after {manifest.made} is"
    if not forgotten_in and (history is None or stored_identity(history.store) is None):
        return f"{who} back: erase them again"
    return f"{who} known from the history only, as far as it reaches: erase again who was erased since its end"


def _history(settings: Settings) -> History | None:
    url = archive_url(settings)
    return None if url is None else History(url)


def _bring_in_line(settings: Settings, folder: Path, manifest: Manifest, plan: swap.Plan, found: Restored) -> None:
    history = _history(settings)
    if history is None:
        return
    backup = History(str(folder / HISTORY))
    if plan.identity:
        found.moved = past.cut(history, keep=plan.keep, identity=plan.identity, stamp=plan.stamp, links=plan.links)
        if manifest.history == COPIED:
            past.fill(history, backup, ends=plan.ends)
    elif manifest.history == COPIED and stored_identity(history.store) is None:  # the log is elsewhere and goes on
        past.fill(history, backup, ends=[1 << 62] * plan.lanes)
        stored = stored_log(backup.store)
        if stored is not None:
            store_identity(history.store, stored.identity, stored.links)
