"""The data folder and the history: whether other users of this machine can read them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from stat import S_IROTH, filemode

from ops.check.finding import Finding, ok, warn
from wakeline import data_folder
from wakeline.escape import plain
from wakeline.history.opening import archive_url
from wakeline.process import NOT_FOR_OTHERS
from wakeline.settings import Settings

NAMED = 3  # number of foreign files to name


def check_data(settings: Settings) -> Iterator[Finding]:
    """A history outside the data folder may be shared with a group, but not with everybody."""
    if found := data_folder.open_to_others(settings.data):
        yield warn(f"{found[0]}{f', and {len(found) - 1} more' if found[1:] else ''}", f"chmod -R go= {settings.data}")
    else:
        yield ok(f"Wakeline's files in {settings.data} are closed to other users")
    others = data_folder.not_ours(settings.data)
    mode = settings.data.stat().st_mode if others else 0
    if mode & NOT_FOR_OTHERS:
        named = ", ".join(map(plain, others[:NAMED])) + (f" and {len(others) - NAMED} more" if others[NAMED:] else "")
        yield warn(
            f"{settings.data} itself keeps its mode ({filemode(mode)}) because it holds other files: {named}",
            f"set data to a separate folder, or `chmod go= {settings.data}`",
        )
    url = archive_url(settings)
    if url and settings.archive and "://" not in url:
        try:
            mode = Path(url).stat().st_mode
        except OSError:
            return
        if mode & S_IROTH:
            yield warn(f"everybody on this machine can read the history in {url} ({filemode(mode)})", f"chmod o= {url}")
