"""Swaps the old data and the new. A plan file is written before the first step and removed after the last one.

Each step is a rename, or can be repeated. So a crash leaves the old data, or a swap that the next `restore` completes.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
from msgspec import Struct

from ops.backup.manifest import created, make_folder, sync
from ops.up.guard import RESTORING
from wakeline.disk import sync_folder
from wakeline.log.links import Link

STAGED = "restoring"  # folder in `data`
ASIDE = "aside"
PARTS = ("redis", "spool")


class Plan(Struct):
    """The steps to do. Without `identity` the history is unchanged, because its log is not restored."""

    backup: str  # the folder
    made: str  # the backup's time, to recognise it when the restore is repeated
    stamp: str  # of this restore, below ASIDE
    lanes: int
    ends: list[int]  # by lane: the restored place
    keep: list[int]  # by lane: end of the records shared with the existing history
    identity: str = ""  # of the restored log
    links: list[Link] = []  # of its chain


def planned(data: Path) -> Plan | None:
    """The plan of an interrupted restore; None if there is none."""
    try:
        return msgspec.json.decode((data / RESTORING).read_bytes(), type=Plan)
    except FileNotFoundError:
        return None


def begin(data: Path, plan: Plan) -> None:
    """Write the plan: from here on the restore can only be completed."""
    part = data / STAGED / RESTORING
    with created(part) as file:
        file.write(msgspec.json.encode(plan))
        sync(file)
    part.rename(data / RESTORING)
    sync_folder(data)


def swap(data: Path, plan: Plan) -> None:
    """Move the current data aside and the staged data into their place."""
    aside = data / ASIDE / plan.stamp
    for name in PARTS:
        staged, target = data / STAGED / name, data / name
        if staged.exists():
            if target.exists():
                make_folder(aside)
                target.rename(aside / name)
                sync_folder(aside)
            staged.rename(target)
            sync_folder(data)


def end(data: Path) -> None:
    """Remove the plan."""
    (data / RESTORING).unlink()
    sync_folder(data)
    clear(data)


def clear(data: Path) -> None:
    """Remove data that a restore staged but did not begin to swap in: only copies."""
    shutil.rmtree(data / STAGED, ignore_errors=True)
