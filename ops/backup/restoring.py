"""`restore`: check, stage, apply later erasures, swap, and adapt the history."""

from __future__ import annotations

import asyncio
import fcntl
import socket
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct

from ops.backup import cards, past, staged, swap
from ops.backup.ancestry import common, kept
from ops.backup.forgotten import Forgotten, add_from_history, add_from_server, add_rewritten, say_again
from ops.backup.making import COPIED, log_of, refuse_own_server
from ops.backup.manifest import (
    CARDS,
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
    """The result of a restore."""

    manifest: Manifest
    forgotten: int = 0  # number of erasures appended again
    moved: int = 0  # history files moved aside
    aside: str = ""  # folder with the previous data; "" if there were none
    was_cut: bool = False  # an interrupted restore was completed, no new one begun


def restore(
    config: Config,
    folder: Path,
    *,
    forgotten_in: Sequence[str] = (),
    say: Said = print,
    done: Done = lambda size: None,
) -> Restored:
    """Replace the data of the stopped deployment with the backup in `folder`.

    Erasures are also read from the histories of other logs at the URLs `forgotten_in`.

    Nothing changes before everything is checked and ready. Raises BackupRefused, CannotStart if `wakeline up` is using
    the data, and errors of the history.
    """
    settings = config.settings
    refuse_own_server(config)
    manifest = read(folder)
    if manifest.log != log_of(settings):
        raise BackupRefused(
            f"the log of this backup is {_words(manifest.log)}, but log in the settings says {_words(log_of(settings))}"
        )
    if forgotten_in and manifest.log == KAFKA:
        raise BackupRefused("--forgotten-in: the log on Kafka is not restored; use `wakeline erase` instead")
    with sole_use(settings.data, restores=True):
        _refuse_running(settings)
        data_folder.close(settings.data)
        plan = swap.planned(settings.data)
        if plan is not None and plan.made != manifest.made:
            raise BackupRefused(f"a restore of {plan.backup} was interrupted: complete it first with the same command")
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
                f"port {settings.embedded_port} (embedded_port) is in use: stop the server that still runs"
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
    rewritten_in: list[History] = []  # histories of the same people
    async with staged.served(stage / "redis") as url:
        was = await staged.standing(url, embedded_log=embedded)
        keep = was.ends
        if embedded and was.links:
            former = await _ask_former(data / "redis", stage / "former", was, forgotten, say)
            history = _history(settings)
            if history is not None:
                keep = kept(history, was, former)
                add_from_history(forgotten, history, keep)
                rewritten_in.append(history)
            rewritten_in += [_add_from_other(forgotten, other) for other in forgotten_in]
            if former is None:
                say(_unknown(manifest, history, forgotten_in))
        async with connect(url, timeout=60.0) as redis:
            await staged.tidy(redis)
            if why := cards.say_of(folder, manifest):
                say(why)
            elif CARDS in manifest.files:
                await cards.put_back(redis, folder)
            for rewritten in rewritten_in:
                await add_rewritten(forgotten, rewritten, redis)
            await cards.leave_out(redis, was.lanes, forgotten.erased())
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
            say("a replay was switching when the backup was taken: `wakeline replay --abort` reverts it")
    return plan


async def _ask_former(
    folder: Path, scratch: Path, was: staged.Standing, forgotten: Forgotten, say: Said
) -> staged.Standing | None:
    """State of the current data; None if there are none, or none are readable."""
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
        say(f"the current data cannot be read: {error}")
        return None


def _add_from_other(forgotten: Forgotten, url: str) -> History:
    other = History(url)
    if not other.lanes():
        raise BackupRefused(f"--forgotten-in: there is no history at {url}")
    add_from_history(forgotten, other)
    return other


def _unknown(manifest: Manifest, history: History | None, forgotten_in: Sequence[str]) -> str:
    """A message about erasures that may be unknown, if there are no previous data."""
    who = f"no previous data here: erasures after {manifest.made} are"
    if not forgotten_in and (history is None or stored_identity(history.store) is None):
        return f"{who} back: erase them again"
    return f"{who} known from the history only: repeat the erasures made after its end"


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
    elif manifest.history == COPIED and stored_identity(history.store) is None:  # the log is elsewhere
        past.fill(history, backup, ends=[1 << 62] * plan.lanes)
        stored = stored_log(backup.store)
        if stored is not None:
            store_identity(history.store, stored.identity, stored.links)
