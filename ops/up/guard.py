"""Checks before the start: exclusive use of the data folder, and free ports."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ops.up.plan import Listener
from wakeline.ports import hindrance

LOCK = "up.lock"
RESTORING = "restoring.json"  # exists while a restore swaps the data, see `backup.swap`


class CannotStart(Exception):
    """Why `up` starts nothing, and the fix."""


@contextmanager
def sole_use(data: Path, *, restores: bool = False) -> Iterator[None]:
    """Creates the data folder and holds its lock, which the kernel releases when the process ends.

    Raises CannotStart, also if a restore was interrupted, unless `restores`.
    """
    try:
        data.mkdir(parents=True, exist_ok=True)
        lock = os.open(data / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise CannotStart(
            f"cannot write to the data folder {data}: {error.strerror}; name another with --data"
        ) from None
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.read(lock, 20).decode().strip() or "unknown"
            raise CannotStart(
                f"`wakeline up` already runs on the data folder {data.resolve()} (process {owner}): "
                "stop it, or name another folder with --data and other ports"
            ) from None
        if (data / RESTORING).exists() and not restores:
            raise CannotStart(
                f"a restore into {data.resolve()} was interrupted: run the same `wakeline restore` again to complete it"
            )
        os.truncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(lock)


def refuse_taken_ports(listeners: Iterable[Listener]) -> None:
    """Raises CannotStart, naming every unavailable port and its setting."""
    taken = [(listener, why) for listener in listeners if (why := _why_not(listener))]
    if taken:
        said = [f"{listener.setting} {listener.port} {why}" for listener, why in taken]
        names = list(dict.fromkeys(listener.setting for listener, _ in taken))
        flags = " ".join(f"--{name.replace('_', '-')} PORT" for name in names)
        what = "the port, or choose another" if len(taken) == 1 else "the ports, or choose others"
        raise CannotStart(
            "\n".join(said) + f"\nfree {what}: {flags}, "
            f"or by {', '.join(f'WAKELINE_{name.upper()}' for name in names)}, or {', '.join(names)} in wakeline.toml"
        )


def _why_not(listener: Listener) -> str:
    error = hindrance(listener.host, listener.port)
    if error is None:
        return ""
    return WHY.get(error.errno or 0, f"cannot be listened on: {error.strerror}").format(host=listener.host)


WHY = {
    errno.EADDRINUSE: "is in use by another program",
    errno.EACCES: "is not allowed for this user (ports below 1024 require root)",
    errno.EADDRNOTAVAIL: "cannot be listened on: {host} is not an address of this machine (setting host)",
}
