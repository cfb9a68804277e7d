"""The data folder and the history: who else on this machine may read them."""

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

NAMED = 3  # of what else lies in the folder


def check_data(settings: Settings) -> Iterator[Finding]:
    """A history elsewhere may be shared with a group, which takes a folder of its own; not with everybody."""
    if found := data_folder.open_to_others(settings.data):
        yield warn(f"{found[0]}{f', and {len(found) - 1} more' if found[1:] else ''}", f"chmod -R go= {settings.data}")
    else:
        yield ok(f"what is ours in {settings.data} is closed to other users")
    others = data_folder.not_ours(settings.data)
    mode = settings.data.stat().st_mode if others else 0
    if mode & NOT_FOR_OTHERS:
        named = ", ".join(map(plain, others[:NAMED])) + (f" and {len(others) - NAMED} more" if others[NAMED:] else "")
        yield warn(
            f"{settings.data} itself stays as open as it is ({filemode(mode)}), for other things lie in it: {named}",
            f"give Wakeline a folder of its own by data, or `chmod go= {settings.data}`",
        )
    url = archive_url(settings)
    if url and settings.archive and "://" not in url:
        try:
            mode = Path(url).stat().st_mode
        except OSError:
            return
        if mode & S_IROTH:
            yield warn(f"everybody on this machine may read the history in {url} ({filemode(mode)})", f"chmod o= {url}")
