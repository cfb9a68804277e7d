"""The common records of the backup's log and another log or history.

A log is a chain of links, and every restore adds a new one: two chains have the records in common up to the first link
that only one of them has.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from ops.backup.manifest import BackupRefused
from ops.backup.staged import Standing
from wakeline.history import History
from wakeline.history.identity import OfLog, stored_log
from wakeline.log.links import Link, identity_of


def common(was: Standing, links: Sequence[Link]) -> list[int] | None:
    """By lane: end of the records that a log with these links shares with the backup; None if it is another log."""
    same = len(list(takewhile(lambda pair: pair[0].id == pair[1].id, zip(was.links, links, strict=False))))
    if not same or len(links[0].begins) != was.lanes:
        return None
    keep = was.ends
    for link in (*was.links[same:], *links[same:]):
        keep = [min(pair) for pair in zip(keep, link.restored or link.begins, strict=True)]
    return list(keep)


def kept(history: History, was: Standing, former: Standing | None) -> list[int]:
    """By lane: end of the records that the history shares with the backup. Raises BackupRefused if unrelated."""
    stored = stored_log(history.store)
    if stored is None:
        links = former.links if former is not None else was.links
        return common(was, links) or was.ends
    keep = common(was, _links(stored, was, former))
    if keep is not None:
        return keep
    raise BackupRefused(
        f"the history at {history.url} belongs to the log {stored.identity}, unrelated to this backup: name another "
        "folder with --archive\n"
        "erasures after the backup may be in that history only: "
        f"--forgotten-in {history.url} applies them"
    )


def _links(stored: OfLog, was: Standing, former: Standing | None) -> Sequence[Link]:
    """The chain of the history's log: from the current data, from the history itself, or from the backup."""
    if former is not None and former.links and identity_of(former.links) == stored.identity:
        return former.links
    if stored.links:
        return stored.links
    for links in (was.links, former.links if former is not None else []):
        at = next((at for at, link in enumerate(links) if link.id == stored.identity), None)
        if at is not None:
            later = (end for end in range(at + 1, len(links)) if links[end].restored)
            return links[: next(later, len(links))]
    return []
