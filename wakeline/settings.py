"""Every setting: name, default, help. Read once at startup, then passed down.

`Settings` holds the settings of a process, `Site` those of a web site. The command line's help, the table in
docs/settings.md and `wakeline.toml` are derived from them; `config` reads and validates.
"""

from __future__ import annotations

from dataclasses import Field, dataclass, field, fields
from datetime import date
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from wakeline.event import ConsentLevel
from wakeline.memory import COUNT_ONLY, REFUSE

METRICS_PORT_STEP = 10  # between the metrics ports of two workers of the collector
MOST_INTEREST_RULES = 1_000  # of a site: each takes half a millisecond to prepare, and is tried at each new path
MOST_MARGIN_RULES = 1_000  # of one site
MOST_GROUP_RULES, MOST_PAGE_GROUPS = 100, 7  # of one site; each group has series of its own in /metrics
MOST_PASSING_HOSTS = 1_000  # of one site
MOST_CAMPAIGNS = 1_000  # of one site
MOST_TARGETS = 10  # of one site
MOST_SEGMENTS = 100  # of a site
MOST_GOAL = 1_000_000_000_000
MOST_LINK_KEYS = 10  # of one site
MOST_LINK_HOSTS = 100  # of one site
MOST_DAY_COSTS = 400  # of one campaign
MOST_ELEMENTS = 100  # of one campaign
MOST_PAID = 1_000_000_000  # for a campaign, in units of the currency
NO_DAY = date.min  # "none": a campaign must say it
MOST_COST = 1_000_000  # of a minute or a return, in units of the currency


class LogFormat(StrEnum):
    """Format of process logs: text lines, or one JSON object per line."""

    TEXT = "text"
    JSON = "json"


def _setting(default: Any, help: str, *, least: float | None = None, most: float | None = None) -> Any:
    """A setting; a number has limits, beyond which calculations with it would overflow or have no effect."""
    metadata = {"help": help, "least": least, "most": most}
    if isinstance(default, (list, dict, tuple)):
        return field(default_factory=lambda: default, metadata=metadata)
    return field(default=default, metadata=metadata)


def _port(default: int, help: str) -> Any:
    return _setting(default, help, least=1, most=65_535)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of a process: from flags, WAKELINE_<NAME> in the environment, or the top of wakeline.toml."""

    redis: str = _setting(
        "redis://127.0.0.1:8706/0",
        "URL of the Redis or Valkey server (7.2 or newer), or of a cluster, redis+cluster://host,host; default: the "
        "embedded one that `wakeline up` starts",
    )
    data: Path = _setting(
        Path("data"),
        "folder for the embedded server's files, the daily salts, the spool, the history (unless `archive` is set), "
        "hashes of the API keys, and aside/ with data replaced by a restore",
    )
    card_key: Path | None = _setting(
        None,
        "file with the key that encrypts customers' personal values, outside of `data`; made when it is first needed; "
        "default: wakeline.key beside the configuration file. Keep a copy",
    )
    host: str = _setting("127.0.0.1", "address that the collector listens on")
    port: int = _port(8700, "public port of the collector: POST /v1/events and /wakeline.js")
    internal_host: str = _setting(
        "127.0.0.1", "address that everything else listens on: profiles, metrics, the demo shop; keep it private"
    )
    public_url: str = _setting(
        "", "URL of the collector for browsers, e.g. https://stats.shop.example; default: host:port"
    )
    script_path: str = _setting("/wakeline.js", "path of the script, which stays at /wakeline.js too")
    endpoint_path: str = _setting("/v1/events", "path that events are sent to, which stays /v1/events too")
    link_path: str = _setting("/l", "path below which links in mails and letters lead")
    metrics_port: int = _port(
        8701, f"internal port of the collector's /metrics; worker n listens on this port + {METRICS_PORT_STEP} * n"
    )
    processor_metrics_port: int = _port(8702, "internal port of the processor's /metrics and /healthz")
    api_port: int = _port(8703, "port of the read side: profiles and cards over HTTP, by token or API key")
    api_metrics_port: int = _port(8704, "internal port of the business /metrics")
    archiver_metrics_port: int = _port(8705, "internal port of the archiver's /metrics")
    top_values: int = _setting(
        20, "values per top list in the business /metrics; others are summed as (other)", least=1, most=100
    )
    api_token: str = _setting("", "bearer token for all profiles of the read side; empty: only API keys are accepted")
    embedded_port: int = _port(8706, "port of the embedded server, on 127.0.0.1 only")
    embedded_memory_mb: int = _setting(
        0,
        "memory limit of the embedded server in megabytes, at least 64; 0: half of the machine's. "
        f"Above {COUNT_ONLY * 100:g} % new visitors are only counted, above {REFUSE * 100:g} % events are answered "
        "503",
        least=0,
        most=10**7,
    )
    demo_port: int = _port(8710, "port of the demo shop")
    prometheus_port: int = _port(9090, "port of the Prometheus that `wakeline up --with-prometheus` starts")
    grafana_port: int = _port(3000, "port of the Grafana that `wakeline up --with-grafana` starts")
    workers: int = _setting(1, "collector processes that share the public port", least=1, most=64)
    lanes: int = _setting(16, "lanes of the deployment; cannot be changed after the first start", least=1, most=1_024)
    half_life_days: float = _setting(
        # a stored interest overflows after 1,023 half-lives: 2.8 years with one day
        7.0,
        "half-life of interests in days; cannot be changed after the first start",
        least=1,
        most=3_650,
    )
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = _setting(
        (), "address ranges of proxies whose X-Forwarded-For is trusted"
    )
    rate_limit: float = _setting(
        # far above what people behind one address send, including a mobile network's gateway
        100.0,
        "requests per second accepted from one public address or IPv6 /64 by each collector process, in bursts of "
        "up to ten seconds' worth; a request that is, or adds to the log, more than 4 KB counts once per 4 KB; 0: "
        "no limit, otherwise at least 0.01",
        least=0,
        most=1_000_000,
    )
    server_rate_limit: float = _setting(
        2_000.0,
        "events per second accepted with one API key by each collector process, POST /v1/server/events, in bursts of "
        "up to ten seconds' worth; 0: no limit",
        least=0,
        most=1_000_000,
    )
    new_profiles_a_day: int = _setting(
        1_000,
        "new profiles per day (UTC) from one public address or IPv6 /64 by each collector process; further new "
        "visitors are only counted; 0: no limit",
        least=0,
        most=10**9,
    )
    geoip: Path | None = _setting(
        None, "GeoIP file of countries (.mmdb) by MaxMind, DB-IP or IPinfo; without one, countries are unknown"
    )
    log: str = _setting(
        "",
        "URL of the log, kafka://host:9092[,host:9092][/topic][?aiokafka options]; "
        "default: Redis Streams on the server of `redis`",
    )
    log_before: str = _setting("", "URL of the previous log, which is drained before `log` is read")
    log_max_records: int = _setting(200_000, "processed records that each lane of the log keeps", least=0, most=10**12)
    log_max_age_days: float = _setting(8.0, "days that the log keeps processed records", least=0, most=36_500)
    spool_mb: int = _setting(
        # some 700,000 events: browsers do not store events without consent, so a 503 would lose them
        256,
        "megabytes of events that each collector process may spool to disk while the log is down; 0: none",
        least=0,
        most=10**7,
    )
    archive: str = _setting(
        "", "location of the history: a folder, or a URL for fsspec (s3://...); default: in `data`; off: no history"
    )
    archive_seal_s: float = _setting(
        600.0, "longest time in seconds until records are in the history", least=1, most=604_800
    )
    log_format: LogFormat = _setting(LogFormat.TEXT, "format of process logs: text or json")

    @property
    def metrics_ports(self) -> range:
        """The metrics port of each worker of the collector, in order."""
        return range(self.metrics_port, self.metrics_port + METRICS_PORT_STEP * self.workers, METRICS_PORT_STEP)


@dataclass(frozen=True, kw_only=True)
class InterestRule:
    """Page views whose path matches `path` (fnmatch: * matches slashes too) count for `interest`.

    Letters may be escaped or not: the pattern is matched with `paths.decoded`.
    """

    path: str = _setting("", "pattern of paths, e.g. /shoes/*; a * also stands for slashes")
    interest: str = _setting("", "what a view of such a page counts for, e.g. shoes")


@dataclass(frozen=True, kw_only=True)
class PageGroupRule:
    """Pages whose speed is shown together."""

    path: str = _setting("", "pattern of paths, e.g. /shoes/*; a * also stands for slashes")
    group: str = _setting("", "what such pages are called, e.g. products")


@dataclass(frozen=True, kw_only=True)
class MarginRule:
    """What is earned with items of a category whose cost nobody told."""

    category: str = _setting("", "their `item_category`; upper and lower case are the same")
    rate: float = _setting(0.0, "share of their price that is earned, e.g. 0.4", least=0, most=1)


class Every(StrEnum):
    """How long a target is for: each of them."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class Least(StrEnum):
    """Whether a target is reached above its goal, or below it."""

    LEAST = "least"
    MOST = "most"


@dataclass(frozen=True, kw_only=True)
class TargetRule:
    """What a number of the site is to be."""

    name: str = _setting("", "what it is called on the board, e.g. Revenue of the month")
    number: str = _setting("", "which number, e.g. visits, orders, revenue or conversion; all are listed below")
    every: Every = _setting(Every.MONTH, "day, week (from Monday on) or month")
    goal: float = _setting(0.0, "its value; amounts in the site's `currency`, shares as 0.03", least=0, most=MOST_GOAL)
    at: Least = _setting(Least.LEAST, "least: it is to be at least that; most: at most")
    owner: str = _setting("", "who looks after it, e.g. the shop team")


@dataclass(frozen=True, kw_only=True)
class SegmentRule:
    """Who is in a segment."""

    name: str = _setting("", "its name: small letters, digits, _ and -, e.g. ready-to-buy")
    rule: str = _setting("", 'who is in it, e.g. "orders == 0 and last_seen < 2d": see [segments.md](segments.md)')
    says: str = _setting("", "what it is for, in a sentence")


@dataclass(frozen=True, kw_only=True)
class DayCostRule:
    """What a campaign costs on each of some days."""

    first: date = _setting(NO_DAY, "the first of these days, e.g. 2026-12-01")
    last: date = _setting(NO_DAY, "the last of them")
    cost: float = _setting(0.0, "on each of them, in the site's `currency`", least=0, most=MOST_COST)


@dataclass(frozen=True, kw_only=True)
class CampaignRule:
    """A campaign as it is planned: what it is, when it runs, what it costs."""

    id: str = _setting("", "its name, as in `utm_campaign` and in the `campaign` of what is sent")
    type: str = _setting("", "what kind of campaign it is, e.g. newsletter, search, display, letter: they are compared")
    starts: date = _setting(NO_DAY, "its first day, e.g. 2026-12-01")
    ends: date = _setting(NO_DAY, "its last day")
    cost: float = _setting(0.0, "paid once, on its first day, in the site's `currency`", least=0, most=MOST_PAID)
    costs: tuple[DayCostRule, ...] = _setting(
        (), f"what it costs a day, [[site.campaigns.costs]], at most {MOST_DAY_COSTS:,}"
    )
    send_cost: float = _setting(
        0.0, "of each mail or letter of it that does not tell its own cost", least=0, most=MOST_COST
    )
    audience: str = _setting("", "who is to be reached, in your own words")
    goal: str = _setting("", "what it is to achieve, in your own words")
    elements: tuple[str, ...] = _setting(
        (),
        "contents, terms and elements of mails that are planned, so that one of which nothing happened is shown, too; "
        f"at most {MOST_ELEMENTS}",
    )


@dataclass(frozen=True, kw_only=True)
class Site:
    """One [[site]] of wakeline.toml."""

    key: str = _setting("", "public key: the snippet's data-site")
    secret: str = _setting(
        "", "secret for signatures and for the hashes of customer ids and order numbers; never put it into a page"
    )
    link_keys: tuple[str, ...] = _setting(
        (),
        "secrets of links in mails and letters: the first signs, all verify; without one `secret` does. "
        f"At most {MOST_LINK_KEYS}",
    )
    link_hosts: tuple[str, ...] = _setting(
        (),
        f"hosts beside `origins` that such links may lead to, e.g. help.shop.example; at most {MOST_LINK_HOSTS}",
    )
    identify_expires: bool = _setting(
        False, "true: the signature of each `identify` must have an end, `expires`; one without is rejected"
    )
    origins: tuple[str, ...] = _setting((), "origins of pages that may send events, e.g. https://shop.example")
    time_zone: ZoneInfo = _setting(ZoneInfo("UTC"), "time zone of the site's days, e.g. Europe/Berlin")
    consent: ConsentLevel = _setting(
        ConsentLevel.ANONYMOUS, "level before a visitor has chosen: off, anonymous, or full if you have a legal basis"
    )
    purposes: tuple[str, ...] = _setting(
        (), "purposes that visitors are asked for beside the level, e.g. personalise, contact; a page says no others"
    )
    own_addresses: tuple[IPv4Network | IPv6Network, ...] = _setting((), "address ranges of own traffic to exclude")
    own_cookie: str = _setting("", "name of a cookie that marks own traffic to exclude")
    interests: tuple[InterestRule, ...] = _setting(
        (), f"rules from URL paths to interests, [[site.interests]], at most {MOST_INTEREST_RULES:,}"
    )
    page_groups: tuple[PageGroupRule, ...] = _setting(
        (),
        "rules from URL paths to groups of pages whose speed is shown together, [[site.page_groups]], at most "
        f"{MOST_GROUP_RULES} rules and {MOST_PAGE_GROUPS} groups; the first that matches decides",
    )
    margins: tuple[MarginRule, ...] = _setting(
        (),
        "share of the price that is earned with items whose `cost` nobody told, by category, [[site.margins]], at most "
        f"{MOST_MARGIN_RULES:,}; in categories without one the margin is unknown",
    )
    page_orders: bool = _setting(
        True,
        "whether orders that only a page told, without its server's signature, count; if not, only in `page_revenue`",
    )
    currency: str = _setting("", "main currency, e.g. EUR: of the two costs below, and in which customers are ranked")
    minute_cost: float = _setting(
        0.0, "what a minute of service costs, in `currency`: of contacts and service orders", least=0, most=MOST_COST
    )
    return_cost: float = _setting(
        0.0, "what it costs to take back an order, or a part of it, in `currency`", least=0, most=MOST_COST
    )
    passing_hosts: tuple[str, ...] = _setting(
        (),
        "more hosts where people pay, log in or confirm a payment, so that no visit comes from there; -paypal.com "
        f"takes one from the list that Wakeline has; at most {MOST_PASSING_HOSTS:,}",
    )
    campaigns: tuple[CampaignRule, ...] = _setting(
        (), f"campaigns, their dates and what they cost, [[site.campaigns]], at most {MOST_CAMPAIGNS:,}"
    )
    segments: tuple[SegmentRule, ...] = _setting(
        (), f"who belongs together, [[site.segments]], at most {MOST_SEGMENTS}"
    )
    targets: tuple[TargetRule, ...] = _setting(
        (), f"what numbers are to be by day, week or month, [[site.targets]], at most {MOST_TARGETS}"
    )
    query: tuple[str, ...] = _setting((), "query parameters to keep besides utm_*")
    archive_days: int = _setting(400, "days that the history keeps the site's events", least=1, most=36_500)
    visitor_months: int = _setting(
        # a tombstone lives for 120 of them
        13,
        "months after a visitor's last event until its profile is deleted",
        least=1,
        most=120,
    )
    visitor_most_months: int = _setting(
        25, "longest lifetime of a visitor's profile, in months from its first event", least=1, most=120
    )
    customer_months: int = _setting(
        36, "months after the last contact at which what is known of a customer ends", least=1, most=120
    )
    masks: tuple[str, ...] = _setting((), "path patterns whose * parts are masked, e.g. /reset/*")


@dataclass(frozen=True)
class Config:
    """The configuration of a process at startup."""

    settings: Settings
    sites: dict[str, Site]  # by key
    given: frozenset[str] = frozenset()  # names of settings that were set explicitly
    path: Path | None = None  # the file it was read from


Described = (
    type[Settings]
    | type[Site]
    | type[InterestRule]
    | type[MarginRule]
    | type[CampaignRule]
    | type[DayCostRule]
    | type[TargetRule]
)


def described(kind: Described) -> list[tuple[str, Any, str]]:
    """(name, default, help with the range) of each setting, in order."""
    instance = kind()
    return [(item.name, getattr(instance, item.name), item.metadata["help"] + _range(item)) for item in fields(kind)]


def _range(item: Field[Any]) -> str:
    """` (1 to 64)` for a number with limits."""
    least, most = item.metadata["least"], item.metadata["most"]
    return "" if least is None or most is None else f" ({least:,} to {most:,})"
