"""Replaces expired records with ticks, so that offsets have no gaps, and deletes files that contain nothing else.

Files are only examined when a day passes a site's `archive_days`; the file NAME stores the progress. All steps can be
repeated, so a crash does no harm.
"""

from __future__ import annotations

import datetime
import logging
from collections.abc import Callable, Collection, Mapping

import msgspec
from msgspec import Struct

from archiver import metrics
from archiver.merging import GoOn
from archiver.segment import OpenSegment
from wakeline.history import History, HistoryDamaged, Segment
from wakeline.log import Entry
from wakeline.record import Delta, Tick, encode_record
from wakeline.settings import Site

logger = logging.getLogger("wakeline.archiver")

NAME = "retention.json"
ANY_OTHER = ""  # sites that are not configured (any more), and records without a site
TICK = encode_record(Tick())


class Done(Struct):
    """The file NAME: site -> the last day (YYYY-MM-DD) whose records were deleted."""

    expired: dict[str, str] = {}


class Sited(Struct):
    """The fields common to all records."""

    kind: str = ""
    site: str = ""


decode_sited = msgspec.json.Decoder(Sited).decode
decode_delta = msgspec.json.Decoder(Delta).decode


def last_days(sites: Mapping[str, Site], today: datetime.date) -> dict[str, str]:
    """Site -> the last UTC day that is expired. A record is kept for at least `archive_days` full days."""
    kept = {ANY_OTHER: Site().archive_days} | {key: site.archive_days for key, site in sites.items()}
    return {site: (today - datetime.timedelta(days=days + 1)).isoformat() for site, days in kept.items()}


def expire(history: History, sites: Mapping[str, Site], *, today: datetime.date, go_on: GoOn) -> None:
    """Apply the sites' `archive_days` as of `today` to the whole history."""
    through = last_days(sites, today)
    done = _done(history)
    if done.keys() - through.keys():  # a site was removed from the settings: it now belongs to ANY_OTHER
        done = {site: day for site, day in done.items() if site in sites}
    if all(done.get(site, "") >= day for site, day in through.items()):
        return
    history.refresh()
    ended = [_expire_lane(history, lane, through, done, go_on) for lane in history.lanes()]
    if all(ended):
        reached = {site: max(day, done.get(site, "")) for site, day in through.items()}
        history.store.write(NAME, msgspec.json.encode(Done(reached)))


def _done(history: History) -> dict[str, str]:
    try:
        with history.store.open(NAME) as file:
            return msgspec.json.decode(file.read(), type=Done).expired
    except FileNotFoundError:
        return {}
    except msgspec.MsgspecError as error:
        logger.error("%s of the history is damaged: %s; every file is examined again", NAME, error)
        return {}


def _expire_lane(history: History, lane: int, through: Mapping[str, str], done: Mapping[str, str], go_on: GoOn) -> bool:
    """Returns whether the lane is done completely."""
    segments = history.segments(lane)
    is_oldest = True
    is_done = True
    for segment in segments:
        expired = {site for site, day in through.items() if segment.date <= day}
        if not expired:
            break
        if not go_on():
            return False
        is_empty = expired == through.keys()
        if not is_empty or segment == segments[-1]:
            try:
                if any(done.get(site, "") < segment.date for site in expired):
                    is_empty = _rewrite(history, segment, expired, through.keys())
            except HistoryDamaged as damaged:
                metrics.FAILURES.labels("damaged").inc()
                logger.error("%s", damaged)
                is_done = False
        # the last file always stays: its name tells where the lane's history continues
        if is_empty and is_oldest and segment != segments[-1]:
            history.store.delete(segment.name)
            metrics.DELETED_FILES.inc()
        else:
            is_oldest = False
    return is_done


def _rewrite(history: History, segment: Segment, expired: Collection[str], known: Collection[str]) -> bool:
    """Returns whether the file contains no records of any site any more."""
    filling = OpenSegment(segment.lane, segment.first, segment.date, since=0.0)
    changed, left = 0, 0
    for found in history.entries(segment):
        for entry in found:
            value, sites_left = kept(entry.value, expired, known)
            left += sites_left
            changed += value is not entry.value
            filling.add(Entry(entry.offset, entry.time, value))
    if changed:
        history.store.write(segment.name, filling.content())
        metrics.EXPIRED_RECORDS.inc(changed)
    return not left


def kept(value: bytes, expired: Collection[str], known: Collection[str]) -> tuple[bytes, bool]:
    """(the rest of a record, whether it belongs to a site)."""

    def is_expired(site: str) -> bool:
        return (site if site in known else ANY_OTHER) in expired

    try:
        record = decode_sited(value)
        if record.kind == "tick":
            return value, False
        if record.kind == "delta":
            return _kept_of_delta(value, is_expired)
        if record.kind == "definition":  # it holds for what comes after it, however old it is
            return value, False
        site = record.site
    except msgspec.MsgspecError:
        site = ANY_OTHER
    return (TICK, False) if is_expired(site) else (value, True)


def _kept_of_delta(value: bytes, is_expired: Callable[[str], bool]) -> tuple[bytes, bool]:
    """A delta without what it tells, kept because the next one continues at its `upto`."""
    delta = decode_delta(value)
    shares = [share for share in delta.shares if not is_expired(share.site)]
    facts = [told for told in delta.facts if not is_expired(told.fact.site)]
    if len(shares) == len(delta.shares) and len(facts) == len(delta.facts):
        return value, bool(shares or facts)
    delta.shares, delta.facts = shares, facts
    return encode_record(delta), bool(shares or facts)
