"""`wakeline key rotate-cards`: encrypts the cards of all customers with a new key."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ops.cli.confirm import confirm
from ops.cli.errors import FAILED, Refused, redis_errors
from ops.cli.options import read, some_settings

if TYPE_CHECKING:
    from wakeline.cards.rotating import Rotated
    from wakeline.settings import Config

TIMEOUT_S = 30.0  # of one command: a server that saves its data may be slow


@click.command(name="rotate-cards", short_help="Encrypt the cards of all customers with a new key.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation; required without a terminal.")
@some_settings("redis", "card_key")
def rotate_cards(yes: bool, config: Path | None, **flags: Any) -> None:
    """Encrypt the personal values of all customers, and the hashes that find them, with a new key.

    Run it while everything runs: both keys are readable meanwhile. It puts a new key above the former ones in the file
    of the key (card_key), which collectors on this machine take from there within a second. Copy the file to other
    machines at once: until then, events with personal values wait in the spool there. Interrupted, the same command
    continues.

    The former keys stay in the file for 30 days, for what is spooled and for backups; the file says so. Then delete
    them, or let the next rotation do it. Make a new copy of the file.
    """
    from wakeline.cards import NoCardKey, key_file
    from wakeline.cards.rotating import is_begun

    found = read(config, flags, else_demo=True)
    path = key_file(found)
    with redis_errors(found.settings.redis), _one_at_a_time(path):
        try:
            known = asyncio.run(_known(found))
            if not known:
                raise Refused("there are no cards yet, and so no key to replace", FAILED)
            if is_begun(path, known):
                click.echo("a rotation was begun before: it continues", err=True)
            else:
                confirm(f"Put a new key into {path}, and encrypt all cards with it?", yes=yes, for_good=True)
            done = asyncio.run(_rotate(found, path))
        except NoCardKey as error:
            raise Refused(str(error), FAILED) from None
        except KeyboardInterrupt:
            raise Refused("interrupted; the same command continues from here", FAILED) from None
    click.echo(f"{done.cards:,} cards are encrypted with the new key, fingerprint {done.key}: make a copy of {path}")
    if done.unreadable:
        click.echo(f"{done.unreadable:,} values stay as they are: no key in {path} can read them", err=True)


async def _known(config: Config) -> set[str]:
    from wakeline.cards.rotating import known_keys
    from wakeline.redis.connect import connect

    async with connect(config.settings.redis, timeout=TIMEOUT_S) as redis:
        return await known_keys(redis)


async def _rotate(config: Config, path: Path) -> Rotated:
    from ops.cli.progress import progress_bar
    from wakeline import keys
    from wakeline.cards.rotating import rotate
    from wakeline.lanes import FIELDS, stored_deployment
    from wakeline.redis.connect import connect

    async with connect(config.settings.redis, timeout=TIMEOUT_S) as redis:
        values: Any = await redis.hmget(keys.DEPLOYMENT, FIELDS)
        lanes = stored_deployment(values).lanes
        with progress_bar("new key", "cards") as (ahead, done):
            return await rotate(path, redis, lanes, ahead=ahead, done=done)


@contextmanager
def _one_at_a_time(path: Path) -> Iterator[None]:
    """A lock on the file's folder, which ends with the process."""
    try:
        folder = os.open(path.parent, os.O_RDONLY)
    except OSError as error:
        raise Refused(f"{path.parent}: {error.strerror}", FAILED) from None
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refused("another rotation is running", FAILED) from None
        except OSError:  # a file system without locks
            pass
        yield
    finally:
        with suppress(OSError):
            os.close(folder)
