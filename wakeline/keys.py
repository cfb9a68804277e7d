"""Every Redis key: type, content, lifetime, writer. Those of cards, things, numbers: `card_keys`, `thing_keys`,
`number_keys`.

{L} is the lane, and the cluster's hash tag: all keys of a lane are in one slot. `wl1` is the first version of the data
derived from the log; a replay builds another version beside it, and DEPLOYMENT says which one is live. Ids are
pseudonymous: random visitor ids, "~" daily-salted hashes, "@" keyed hashes of customer ids, "#" of things' ids.
"""

from __future__ import annotations

from wakeline.definitions import LATE_MS, SEEN_MS
from wakeline.durations import DAY_MS, MINUTE_MS
from wakeline.number_keys import NumberKeys
from wakeline.thing_keys import ThingKeys

VERSION = 1

NET_MS = 7 * DAY_MS  # by which a key outlasts the deadline that ends its person, see `crm.lifetimes`
ANONYMOUS_TTL_MS = 9 * DAY_MS  # outlasts an outage with open sessions; the salt is destroyed by then
PAGES_TTL_MS = 2 * LATE_MS  # twice as long as needed, so that an outage of a week loses none
DAY_TTL_MS = 800 * DAY_MS
LIVE_STEP_MS = 5 * MINUTE_MS  # length of the buckets of the longer live windows
MINUTE_TTL_MS = SEEN_MS + 10 * MINUTE_MS  # of the buckets of live windows
PRESENCE_TTL_MS = MINUTE_TTL_MS  # of the sets of present visitors: nobody, erased or not, is shown longer than SEEN_MS
TOMBSTONE_TTL_MS = 3_650 * DAY_MS  # outlives log and history
TOP_MEMBERS = 500  # of one top list in one lane; other values are counted in OTHER
TOP_LENGTH = 200  # visible characters of a member, at most 800 bytes: see `labels.cut`
# At worst a list has 501 members of 800 bytes, and about 100 bytes of overhead each: 450 KB. The thirteen lists of
# a site's day (`numbers.TOPS`) have 5.9 MB per lane at worst, 25 KB with typical paths of 50 bytes and 50 pages.
DEAD_LETTERS = 10_000  # per lane, newest kept
MESSAGES_TTL_MS = 7 * DAY_MS
MESSAGES_KEPT = 1_000_000  # in MESSAGES, newest kept: with a body of 100 bytes some 350 MB
MESSAGES_OF_A_LANE = 100_000  # in `lane_messages`, newest kept
MESSAGES_OF_A_MOMENT = 1 << 20  # and of a lane's moment, see `lane_messages`
LOG_PROBE_TTL_MS = 1_000
CAMPAIGN_FIGURES_TTL_MS = 30 * DAY_MS  # what nobody computes any more is not shown for ever
SALTS_TTL_MS = 3 * MINUTE_MS  # renewed each minute
OTHER = "(other)"

# ---- outside the version: the deployment and the log on Redis Streams -----------------------------

DEPLOYMENT = "wl:deployment"
"""hash: lanes, decay_zero (ms), half_life (ms). Permanent. Writer: the deployment's first process. format: see
`lanes.FORMAT`; whichever process starts raises it.

version: the live version of the keys, VERSION if missing; moving: "<version> <token>" while a replay switches to
another one. Writer: the replay.
"""

DEFINITIONS = "wl:definitions"
"""hash: "<site>/<name>" -> JSON: version and body of what `wakeline apply` said last, and whether all lanes of the log
have it. For ever. `wakeline apply`; the collector, of campaigns that are planned over HTTP.
"""

API_KEYS = "wl:api_keys"
"""hash: name -> JSON of an API key, of its secret only a hash, see `api_keys`. For ever. Writer: `wakeline key`."""

API_KEYS_USED = "wl:api_keys:used"
"""hash: name -> ms of the key's last use, a minute late at most. For ever. Writer: the collector, the api."""

LOG_ID = "wl:{log}:id"
"""string: random identity of the log. Permanent. Writer: the first process that opens the log."""

LOG_TIME = "wl:{log}:time"
"""string: latest append time, ms; never decreases. Permanent. Writer: the append script."""

LOG_PROBE = "wl:{log}:probe"
"""string: written twice to test whether WAITAOF waits, see `log.fsync`. LOG_PROBE_TTL. Writer: any process that
appends.
"""

LOGS = "wl:logs"
"""list of JSON: the deployment's logs, the current one last, see `log.chain`. Permanent. Writer: processes that open a
log.
"""

LEASE = "wl:{log}:lease"
"""string: token of the processor that owns all lanes. 5 s, renewed each second. Writer: the processor."""

ARCHIVE = "wl:archive"
"""hash: log (its identity), and lane -> offset up to which the history holds it. Permanent. Writer: the archiver."""

ARCHIVE_LEASE = "wl:archive:lease"
"""string: token of the archiver that writes the history. 5 s, renewed each second. Writer: the archiver."""

CAMPAIGN_FIGURES = "wl:campaign_figures"
"""string: JSON of what campaigns brought, of all sites, see `campaign_figures`. CAMPAIGN_FIGURES_TTL. Writer: `wakeline
campaigns publish`, which the archiver runs.
"""


def salts(site: str, day: str) -> str:
    """string: mark (a hash) of the salt for anonymous ids of `day`. SALTS_TTL. Writer: the collector."""
    return f"wl:salts:{site}:{day}"


def log_lane(lane: int) -> str:
    """stream with ids 0-1, 0-2, ...: t (append time, ms), v (record, JSON). Trimmed by length. Writer: the append
    script.
    """
    return f"wl:{{log}}:lane:{lane}"


def tombstone(lane: int, site: str, id: str) -> str:
    """string: ms up to which events of `id` are ignored. TOMBSTONE_TTL. Writer: the processor."""
    return f"wl:{{{lane}}}:{site}:tombstone:{id}"


TOMBSTONES = "wl:{*}:*:tombstone:*"
"""Pattern of all tombstones."""


def whose_tombstone(key: str) -> tuple[str, str]:
    """(site, id) of a tombstone's key."""
    site, _, id = key.partition("}:")[2].partition(":tombstone:")
    return site, id


def lane_messages(lane: int) -> str:
    """stream of at most MESSAGES_OF_A_LANE: what the lane has said: who ("<site>/<id>"), kind, time (ms), body (JSON).

    The id is the moment that said it, see `record.Position`, and a number from 1 on within that moment:
    "<offset>-<step * MESSAGES_OF_A_MOMENT + number>". Writer: the processor; the teller removes them, a while after
    they are in MESSAGES.
    """
    return f"wl:{{{lane}}}:messages"


def lane_said(lane: int) -> str:
    """string: up to which moment the lane has spoken, as an id of `lane_messages`: the place of the live version, or a
    later one while a lane is folded again. Never goes back. Permanent. Writer: the processor.
    """
    return f"wl:{{{lane}}}:said"


MESSAGES = "wl:{messages}"
"""stream of at most MESSAGES_KEPT: the messages of all lanes: id ("<site>/<lane>/<offset>/<step>/<number>"), who, kind,
time, body, as in `lane_messages`. Trimmed after MESSAGES_TTL. Writer: the teller, a part of the processor.
"""

MESSAGES_TOLD = "wl:{messages}:told"
"""hash: lane -> id in its `lane_messages` up to which they are in MESSAGES; began: ms of the first message ever;
trimmed: id in MESSAGES of the last one that was trimmed. Permanent. Writer: the teller.
"""

MESSAGES_ABOUT = "wl:{messages}:about"
"""zset, all scores 0: "<site>/<id> <id in MESSAGES>", to find a person's messages. Writer: the teller."""

MESSAGES_LEASE = "wl:{messages}:lease"
"""string: token of the processor that is the teller. 5 s, renewed each second. Writer: the processor."""

FORGOTTEN = "forgotten"
"""Kind of the message that somebody was forgotten: earlier ones about the same person are removed."""

# ---- one key version -----------------------------------------------------------------------------


class Keys(ThingKeys, NumberKeys):
    """The keys of one version; `lanes.Deployment.version` is the live one."""

    def __init__(self, version: int = VERSION) -> None:
        self.version = version
        self.prefix = f"wl{version}:"

    @property
    def replay(self) -> str:
        """hash: from ("start" or ms), where the replay that makes this version began; rules ("now"), if it uses the
        rules of that day; hops: "made" if the version's own lanes make what customers hear, else the log's deltas say
        it. For ever. The replay.
        """
        return f"{self.prefix}replay"

    # a lane: permanent, written by the processor that owns it, always by one script

    def lane(self, lane: int) -> str:
        """hash: the lane's place and ledger.

        log (identity), offset (records applied: the next one to read), step (deadlines that have fired before that
        one, and calls that have folded a part of it), unlinked ("<offset> <id>": up to where these calls have come in
        what names a person), revision, writer (stamp of the last write or claim), torn (1 while a write is under way),
        clock (append time of the last record), and the ledger, whose sum is `offset`: applied, duplicate, conflict,
        too_late, erased, dead, derived, skipped.
        begins: offset at which a version's numbers begin; earlier records, from the initial `skipped` on, are only
        searched for withdrawals. sent:<lane>: `upto` of the last delta for that lane, as "<offset>" or
        "<offset>:<step>". died_at (offset), deaths: how often folding the records after it ended the process. moved:
        "<version> <token>" of the version that continues from here, or the lane's own version while it is rebuilt;
        while it is set no processor writes the lane. Set and cleared by the replay.
        """
        return f"{self.prefix}{{{lane}}}:lane"

    def kept(self, lane: int) -> str:
        """hash: log, offset, step, revision and sent:<lane> of a torn lane while it is rebuilt. Writer: the replay."""
        return f"{self.prefix}{{{lane}}}:kept"

    def hop(self, lane: int) -> str:
        """hash: source lane -> `upto` of the last delta applied from it, "<offset>" or "<offset>:<step>"; end:<lane> ->
        place of the last `Unlink` of a customer from there, "<offset>:<step>:<number>"."""
        return f"{self.prefix}{{{lane}}}:hop"

    def outbox(self, lane: int) -> str:
        """stream: deltas and erasures for other lanes that are not in the log yet: target (lane), v (record, JSON)."""
        return f"{self.prefix}{{{lane}}}:outbox"

    def held(self, lane: int) -> str:
        """stream: messages of records that the live version had not applied, as in `lane_messages`. Written by the
        replay; the processor sends them once this version is live.
        """
        return f"{self.prefix}{{{lane}}}:held"

    def definitions(self, lane: int) -> str:
        """hash: "<site>/<name>" -> JSON: the definitions that the lane has met of that, each with version, offset and
        body, and `now`, which holds from the start where a replay began with it. See `processor.definitions`.
        """
        return f"{self.prefix}{{{lane}}}:definitions"

    def due(self, lane: int) -> str:
        """zset: "<site>/<id>" -> append time (ms) at which the deadlines of a person or a thing are looked at: that of
        the first of them, such as a session's end, or before. All who have a profile or an open session are in it, and
        every thing.
        """
        return f"{self.prefix}{{{lane}}}:due"

    def dead(self, lane: int) -> str:
        """stream of at most DEAD_LETTERS: offset, reason, v (the record; "" if the person was erased before), error
        (traceback for `bug`), about (lines "<site>/<id> <time>" of the people it names; "-": none).

        cut (1): v is not the whole record. It was longer than `writes.DEAD_BYTES`, and v is a part of it (an event
        without its props); or it names people of other lanes, whose ids are left out.
        """
        return f"{self.prefix}{{{lane}}}:dead"

    def dead_about(self, lane: int) -> str:
        """zset, all scores 0: "<line of about> <id in the stream>", to find a person's dead letters."""
        return f"{self.prefix}{{{lane}}}:dead:about"

    # a visitor or customer

    def state(self, lane: int, site: str, id: str) -> str:
        """string: msgpack of the state that the fold needs. NET after the end by age, which removes it; of a customer's
        alias until its customer ends.

        Of "~" ids ANONYMOUS_TTL after the last event; of others without a profile a day longer than the fold needs it.
        """
        return f"{self.prefix}{{{lane}}}:{site}:state:{id}"

    def pages(self, lane: int, site: str, id: str, day: int) -> str:
        """hash: page instance -> JSON of its counted events. PAGES_TTL, ANONYMOUS_TTL for "~" ids.

        For visitors whose state has no room for them; `day` (since 1970, UTC) is when they were moved here. For erased
        visitors they are kept as long as the state, until no event of theirs can arrive again.
        """
        return f"{self.prefix}{{{lane}}}:{site}:pages:{id}:{day}"

    def page_interests(self, lane: int, site: str, id: str, day: int) -> str:
        """hash: page instance -> JSON of its interests, and of engagement received before its view. Lifetime of its
        pages; deleted when the visitor is erased.
        """
        return f"{self.prefix}{{{lane}}}:{site}:page-interests:{id}:{day}"

    def profile(self, lane: int, site: str, id: str) -> str:
        """hash: the readable profile, see `profiles`; never for "~" ids. NET after the end by age, a customer's up to a
        day more.
        """
        return f"{self.prefix}{{{lane}}}:{site}:profile:{id}"

    def all_profiles(self, site: str) -> str:
        """Pattern of those of a site in every lane."""
        return f"{self.prefix}{{*}}:{site}:profile:*"

    def interests(self, lane: int, site: str, id: str) -> str:
        """zset: interest -> stored score (see `decay`). Lifetime of its profile."""
        return f"{self.prefix}{{{lane}}}:{site}:interests:{id}"


def whose_totals(key: str) -> str:
    """The site of a key that is one of `Keys.totals`."""
    return key.partition("}:")[2].removesuffix(":totals")


def minute(ms: int) -> str:
    """Bucket of one minute, for short live windows. MINUTE_TTL."""
    return f"m{ms // MINUTE_MS}"


def five_minutes(ms: int) -> str:
    """Bucket of five minutes, for longer live windows. MINUTE_TTL."""
    return f"f{ms // LIVE_STEP_MS}"


def buckets(now: int, reach: int) -> list[str]:
    """Buckets of the live window of `reach` ms that ends in the current minute, or five minutes."""
    name, length = (minute, MINUTE_MS) if reach <= LIVE_STEP_MS else (five_minutes, LIVE_STEP_MS)
    return [name(now - age) for age in range(0, reach, length)]


def date(day: str) -> str:
    """Bucket of one day, YYYY-MM-DD in the site's time zone. DAY_TTL."""
    return f"d{day}"


def bucket_ttl(bucket: str) -> int:
    """How long a bucket is kept after its last change, ms. The read side tells by the expiry whether it changed."""
    return DAY_TTL_MS if bucket[0] == "d" else MINUTE_TTL_MS
