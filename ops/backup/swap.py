"""The new in the place of the old. A file says what is to be done before the first step, and goes after the last one;
each step is a rename, or can be taken again. So a crash leaves the old, or what the next `restore` ends.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
from msgspec import Struct

from ops.backup.manifest import created, make_folder, sync, sync_folder
from ops.up.guard import RESTORING
from wakeline.log.links import Link

STAGED = "restoring"  # folder in `data`
ASIDE = "aside"
PARTS = ("redis", "spool")


class Plan(Struct):
    """What is to be done. Without `identity` the history stays as it is: its log is not restored."""

    backup: str  # the folder
    made: str  # the backup's time, so that it is the same one when the restore is run again
    stamp: str  # of this restore, below ASIDE
    lanes: int
    ends: list[int]  # by lane: the restored place
    keep: list[int]  # by lane: up to where the history that is there is the same
    identity: str = ""  # of the restored log
    links: list[Link] = []  # of its chain


def planned(data: Path) -> Plan | None:
    """What an earlier restore was about; None where none was cut."""
    try:
        return msgspec.json.decode((data / RESTORING).read_bytes(), type=Plan)
    except FileNotFoundError:
        return None


def begin(data: Path, plan: Plan) -> None:
    """From here on it is only ended, not taken back."""
    part = data / STAGED / RESTORING
    with created(part) as file:
        file.write(msgspec.json.encode(plan))
        sync(file)
    part.rename(data / RESTORING)
    sync_folder(data)


def swap(data: Path, plan: Plan) -> None:
    """What is staged takes its place, what is there moves aside."""
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
    """All is done."""
    (data / RESTORING).unlink()
    sync_folder(data)
    clear(data)


def clear(data: Path) -> None:
    """Remove what a restore had staged and not begun to put in place: copies, nothing else."""
    shutil.rmtree(data / STAGED, ignore_errors=True)
