"""Tells the story of the household once for each data folder: what was told is not told again at the next start."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import msgspec

from demo.delivery import Sender
from demo.household import LENGTH_MS, Household
from demo.key import Key
from demo.server_events import PATH, ServerEvents, endpoint
from demo.visitors import Visit
from wakeline.clock import now_ms
from wakeline.scripts import ENDPOINT
from wakeline.settings import Config

log = logging.getLogger("wakeline.demo")

FILE = "demo.household"


class Begun(msgspec.Struct):
    """What `FILE` holds. The story follows from its start: one that was cut off is told again, and counts once."""

    start: int  # ms since 1970
    is_told: bool = False


async def tell_once(config: Config, key: str) -> None:
    """Tell the story to the collector, as one that is just over; nothing if it was told. `key`: of the site.

    Waits for the collector. If that hears no servers, or the data folder cannot be written, a log message says so.
    """
    file = config.settings.data / FILE
    try:
        begun = begun_in(config.settings.data)
        if not begun.is_told:
            _write(file, begun)
            if await _tell(config, key, begun.start):
                _write(file, Begun(begun.start, is_told=True))
    except OSError as error:
        log.warning("the story of the household is not told: %s cannot be written: %s", file, error.strerror)


async def _tell(config: Config, key: str, start: int) -> bool:
    """Whether all of it was heard."""
    site, settings = config.sites[key], config.settings
    heard = ServerEvents(endpoint(settings, PATH), Key(config, key))
    async with Sender(endpoint(settings, ENDPOINT), origin=site.origins[0]) as sender, heard:
        for step in Household(site, start).steps:
            if isinstance(step, Visit):
                await sender.play(step)
            elif not await heard.tell([said.event for said in step]):
                log.warning("till and service desk are not heard: the story of the household goes on at the next start")
                return False
    return True


def begun_in(data: Path) -> Begun:
    """The story of this data folder; a new one, which is just over, if it has none."""
    try:
        return msgspec.json.decode((data / FILE).read_bytes(), type=Begun)
    except (OSError, msgspec.DecodeError):
        return Begun(now_ms() - LENGTH_MS)


def _write(file: Path, begun: Begun) -> None:
    """Raises OSError."""
    written = file.with_name(f"{file.name}.{os.getpid()}")
    written.write_bytes(msgspec.json.encode(begun))
    written.replace(file)
