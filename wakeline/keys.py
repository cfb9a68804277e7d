"""Every Redis key: type, content, lifetime, writer. Nothing else in the project spells one.

{L} is the lane and the cluster's hash tag: all of a lane lies in one slot. `wl1` is the first version of
what is derived from the log; a replay builds another version beside it, and DEPLOYMENT says which is live.
Ids are pseudonymous: random visitor ids, "~" daily-salted hashes, "@" keyed hashes of customer ids.
"""

from __future__ import annotations

from wakeline.definitions import LATE_MS, SEEN_MS
from wakeline.durations import DAY_MS, MINUTE_MS

VERSION = 1

PROFILE_TTL_MS = 400 * DAY_MS  # after the last event: 13 months
ANONYMOUS_TTL_MS = 9 * DAY_MS  # outlasts an outage with sessions open; the salt is gone by then, so no way back
PAGES_TTL_MS = 2 * LATE_MS  # twice as long as they are asked for: an outage of a week forgets none
DAY_TTL_MS = 800 * DAY_MS
LIVE_STEP_MS = 5 * MINUTE_MS  # of the buckets of longer live windows
MINUTE_TTL_MS = SEEN_MS + 10 * MINUTE_MS  # of the buckets that live windows are read from
PRESENCE_TTL_MS = MINUTE_TTL_MS  # of who was on a site: nobody is shown longer than SEEN_MS, erased ones neither
TOMBSTONE_TTL_MS = 3_650 * DAY_MS  # outlives log and archive
TOP_MEMBERS = 500  # of one top list in one lane; the rest is counted in OTHER
TOP_LENGTH = 200  # characters of a member as people see them, 800 bytes at most: see `labels.cut`
# At worst a list has 501 members of 800 bytes and some 100 for the set itself: 450 KB. A day of a site has
# `numbers.TOPS` in a lane, nine: 4 MB at worst, 25 KB where paths have the usual 50 bytes and a shop has 50 pages.
DEAD_LETTERS = 10_000  # of one lane, newest kept
LOG_PROBE_TTL_MS = 1_000
SALTS_TTL_MS = 3 * MINUTE_MS  # renewed each minute
OTHER = "(other)"

# ---- outside the version: the deployment and the log on Redis Streams -----------------------------

DEPLOYMENT = "wl:deployment"
"""hash: lanes, decay_zero (ms), half_life (ms). For ever. First process of a deployment to start.

version: of the keys that are live, VERSION where it is missing; moving: "<version> <token>" while a replay switches
to another one. The replay.
"""

LOG_ID = "wl:{log}:id"
"""string: random identity of the log. For ever. Whoever opens the log first."""

LOG_TIME = "wl:{log}:time"
"""string: latest append time, ms; never goes back. For ever. The append script."""

LOG_PROBE = "wl:{log}:probe"
"""string: written twice to see whether WAITAOF waits, see `log.fsync`. LOG_PROBE_TTL. Whoever appends."""

LOGS = "wl:logs"
"""list of JSON: the logs that the deployment had, the present one last, see `log.chain`. For ever. Who opens a log."""

LEASE = "wl:{log}:lease"
"""string: token of the processor that owns all lanes. 5 s, renewed each second. Processor."""

ARCHIVE = "wl:archive"
"""hash: log (its identity), and lane -> offset before which the history holds all of it. For ever. Archiver."""

ARCHIVE_LEASE = "wl:archive:lease"
"""string: token of the archiver that writes the history. 5 s, renewed each second. Archiver."""


def salts(site: str, day: str) -> str:
    """string: mark of the salt (a hash of it) that anonymous ids of `day` are made with. SALTS_TTL. Collector."""
    return f"wl:salts:{site}:{day}"


def log_lane(lane: int) -> str:
    """stream of ids 0-1, 0-2, ...: t (append time, ms), v (record, JSON). Trimmed by length. Append script."""
    return f"wl:{{log}}:lane:{lane}"


def tombstone(lane: int, site: str, id: str) -> str:
    """string: ms up to which nothing of `id` enters a profile again. TOMBSTONE_TTL. Processor."""
    return f"wl:{{{lane}}}:{site}:tombstone:{id}"


TOMBSTONES = "wl:{*}:*:tombstone:*"
"""Pattern of them all."""


def whose_tombstone(key: str) -> tuple[str, str]:
    """(site, id) of a key that is one."""
    site, _, id = key.partition("}:")[2].partition(":tombstone:")
    return site, id


OF_WHO_RUNS = ("wl:*lease", "wl:salts:*")
"""Patterns of keys that only say who is at work now: a backup is restored without them."""

NAMING_THE_LOG = ("wl[0-9]*:{*}:lane", "wl[0-9]*:{*}:kept")
"""Patterns of the hashes, of all key versions, whose field `log` is its identity."""


# ---- one key version -----------------------------------------------------------------------------


class Keys:
    """The keys of one version; which one is live is `lanes.Deployment.version`."""

    def __init__(self, version: int = VERSION) -> None:
        self.version = version
        self.prefix = f"wl{version}:"

    @property
    def replay(self) -> str:
        """hash: from ("start" or ms), where the replay that makes this version began; hops: "made" where what customers
        hear is made by the version's own lanes, else it is what the log's deltas say. For ever. The replay.
        """
        return f"{self.prefix}replay"

    # a lane: written by the processor that owns it, always by one script, for ever

    def lane(self, lane: int) -> str:
        """hash: the lane's place and ledger.

        log (identity), offset (records applied: the next one to read), step (deadlines that have fired before that
        one), revision, writer (stamp of the last write or claim), torn (1 while a write is under way), clock (append
        time of the last record), and the ledger, whose sum is `offset`: applied, duplicate, too_late, erased, dead,
        derived, skipped.
        begins: offset at which a version's numbers begin; from `skipped` at first to there only withdrawals are looked
        for. sent:<lane>: `upto` of the last delta for that lane, as "<offset>" or "<offset>:<step>". died_at (offset),
        deaths: how often folding what follows ended the process. moved: "<version> <token>" of the version that goes
        on from here, or the lane's own while it is rebuilt; with it no processor writes the lane. Set and cleared by
        the replay.
        """
        return f"{self.prefix}{{{lane}}}:lane"

    def kept(self, lane: int) -> str:
        """hash: log, offset, step, revision and sent:<lane> of a torn lane while it is rebuilt. The replay."""
        return f"{self.prefix}{{{lane}}}:kept"

    def hop(self, lane: int) -> str:
        """hash: source lane -> `upto` of the last delta applied from it, as "<offset>" or "<offset>:<step>"."""
        return f"{self.prefix}{{{lane}}}:hop"

    def outbox(self, lane: int) -> str:
        """stream: deltas and erasures for other lanes, not yet in the log: target (lane), v (record, JSON)."""
        return f"{self.prefix}{{{lane}}}:outbox"

    def due(self, lane: int) -> str:
        """zset: "<site>/<id>" -> append time (ms) at which this person's deadlines are looked at: that of the first of
        them, such as a session's end, or before.
        """
        return f"{self.prefix}{{{lane}}}:due"

    def dead(self, lane: int) -> str:
        """stream, DEAD_LETTERS long: offset, reason, v (the record; "" of who was forgotten before), error (traceback
        for `bug`), about (lines "<site>/<id> <time>" of those whom it names; "-": nobody).

        cut (1): v is not the whole record: it was longer than `writes.DEAD_BYTES`, and v is a part of it, of an event
        all but its props; or it names people of other lanes, whose ids are left out.
        """
        return f"{self.prefix}{{{lane}}}:dead"

    def dead_about(self, lane: int) -> str:
        """zset, all scores 0: "<line of about> <id in the stream>", so that a person's dead letters are found."""
        return f"{self.prefix}{{{lane}}}:dead:about"

    # a visitor or customer

    def state(self, lane: int, site: str, id: str) -> str:
        """string: JSON of what the fold needs to go on. PROFILE_TTL or ANONYMOUS_TTL after the last event."""
        return f"{self.prefix}{{{lane}}}:{site}:state:{id}"

    def pages(self, lane: int, site: str, id: str, day: int) -> str:
        """hash: page instance -> JSON of which of its events were counted. PAGES_TTL, ANONYMOUS_TTL for "~" ids.

        Of a visitor whose state has no room for them; `day` (since 1970, UTC) is that on which they were put there. Of
        who is forgotten they stay as long as the state: until no event of theirs can come again.
        """
        return f"{self.prefix}{{{lane}}}:{site}:pages:{id}:{day}"

    def page_interests(self, lane: int, site: str, id: str, day: int) -> str:
        """hash: page instance -> JSON of its interests and of engagement that came before its view. With its pages.

        Removed as the visitor is forgotten.
        """
        return f"{self.prefix}{{{lane}}}:{site}:page-interests:{id}:{day}"

    def profile(self, lane: int, site: str, id: str) -> str:
        """hash: the readable profile, see `profiles`. PROFILE_TTL after the last event. Never for "~" ids."""
        return f"{self.prefix}{{{lane}}}:{site}:profile:{id}"

    def interests(self, lane: int, site: str, id: str) -> str:
        """zset: interest -> stored score (see `decay`). With its profile."""
        return f"{self.prefix}{{{lane}}}:{site}:interests:{id}"

    # a site's numbers in one lane; readers add up the lanes

    def totals(self, lane: int, site: str) -> str:
        """hash of counts since the start, see `numbers`. For ever."""
        return f"{self.prefix}{{{lane}}}:{site}:totals"

    @property
    def all_totals(self) -> str:
        """Pattern of those of every site in every lane."""
        return f"{self.prefix}{{*}}:*:totals"

    def day(self, lane: int, site: str, date: str) -> str:
        """hash of the same counts for one day (YYYY-MM-DD in the site's time zone), and of those without a total.

        DAY_TTL.
        """
        return f"{self.prefix}{{{lane}}}:{site}:day:{date}"

    def present(self, lane: int, site: str) -> str:
        """zset: visitor -> ms until which it counts as on the site. Past ones are removed as others come. PRESENCE_TTL
        after the last event: a lane that gets none names nobody who was forgotten.
        """
        return f"{self.prefix}{{{lane}}}:{site}:present"

    def seen(self, lane: int, site: str) -> str:
        """zset: visitor -> ms of its last sign. Older than SEEN_MS removed as others come. PRESENCE_TTL."""
        return f"{self.prefix}{{{lane}}}:{site}:seen"

    def top(self, lane: int, site: str, what: str, bucket: str) -> str:
        """zset, TOP_MEMBERS and OTHER: value -> count; `what` names one of `numbers.TOPS`, `bucket` is made below."""
        return f"{self.prefix}{{{lane}}}:{site}:top:{what}:{bucket}"


def whose_totals(key: str) -> str:
    """The site of a key that is one of `Keys.totals`."""
    return key.partition("}:")[2].removesuffix(":totals")


def minute(ms: int) -> str:
    """Bucket of one minute: short live windows are made of them. MINUTE_TTL."""
    return f"m{ms // MINUTE_MS}"


def five_minutes(ms: int) -> str:
    """Bucket of five minutes: longer ones are made of these. MINUTE_TTL."""
    return f"f{ms // LIVE_STEP_MS}"


def buckets(now: int, reach: int) -> list[str]:
    """Those that a live window is read from which ends in this minute, or these five, and reaches back so many ms."""
    name, length = (minute, MINUTE_MS) if reach <= LIVE_STEP_MS else (five_minutes, LIVE_STEP_MS)
    return [name(now - age) for age in range(0, reach, length)]


def date(day: str) -> str:
    """Bucket of one day, YYYY-MM-DD in the site's time zone. DAY_TTL."""
    return f"d{day}"
