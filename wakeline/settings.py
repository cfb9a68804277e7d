"""Every setting: name, default, help. Read once where a process starts, then passed down.

`Settings` holds what belongs to a process, `Site` what belongs to a web site. The command line's help,
the table in docs/settings.md and `wakeline.toml` all come from here; `config` reads and validates.
"""

from __future__ import annotations

from dataclasses import Field, dataclass, field, fields
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from wakeline.event import ConsentLevel
from wakeline.memory import COUNT_ONLY, REFUSE

METRICS_PORT_STEP = 10  # between the metrics ports of two workers of the collector


class LogFormat(StrEnum):
    """How processes log: lines to read, or one JSON object a line."""

    TEXT = "text"
    JSON = "json"


def _setting(default: Any, help: str, *, least: float | None = None, most: float | None = None) -> Any:
    """A setting; a number has bounds, beyond which something that is reckoned with it would overflow or stand still."""
    metadata = {"help": help, "least": least, "most": most}
    if isinstance(default, (list, dict, tuple)):
        return field(default_factory=lambda: default, metadata=metadata)
    return field(default=default, metadata=metadata)


def _port(default: int, help: str) -> Any:
    return _setting(default, help, least=1, most=65_535)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a process is told: by flag, by WAKELINE_<NAME> in the environment, or at the top of wakeline.toml."""

    redis: str = _setting(
        "redis://127.0.0.1:8706/0",
        "URL of the Redis or Valkey server (7.2 or newer), or redis+cluster://host,host of a cluster; unset: the "
        "embedded one that `wakeline up` starts",
    )
    data: Path = _setting(
        Path("data"),
        "folder of the embedded server's files, the daily salts, the spool, the history unless `archive` names another "
        "place, and aside/ with what a restore replaced",
    )
    host: str = _setting("127.0.0.1", "address that the collector takes events on")
    port: int = _port(8700, "public port of the collector: POST /v1/events and /wakeline.js")
    internal_host: str = _setting(
        "127.0.0.1", "address that all else listens on: profiles, metrics, the demo shop; not meant for the public"
    )
    public_url: str = _setting(
        "", "where browsers reach the collector, e.g. https://stats.shop.example; unset: host:port"
    )
    script_path: str = _setting("/wakeline.js", "path of the script, which stays at /wakeline.js too")
    endpoint_path: str = _setting("/v1/events", "path that events are sent to, which stays /v1/events too")
    metrics_port: int = _port(
        8701, f"internal port of the collector's /metrics; worker n listens on this port + {METRICS_PORT_STEP} * n"
    )
    processor_metrics_port: int = _port(8702, "internal port of the processor's /metrics and /healthz")
    api_port: int = _port(8703, "port of the read side: profiles over HTTP, with the token")
    api_metrics_port: int = _port(8704, "internal port of the business /metrics")
    archiver_metrics_port: int = _port(8705, "internal port of the archiver's /metrics")
    top_values: int = _setting(
        20, "values of each top list in the business /metrics; the rest is summed as (other)", least=1, most=100
    )
    api_token: str = _setting("", "bearer token that the read side asks for; empty: it answers nobody")
    embedded_port: int = _port(8706, "port of the embedded server, on 127.0.0.1 only")
    embedded_memory_mb: int = _setting(
        0,
        "megabytes that the embedded server may take, 64 or more; 0: half of the machine's. "
        f"From {COUNT_ONLY * 100:g} % on new visitors are only counted, from {REFUSE * 100:g} % on events are answered "
        "503",
        least=0,
        most=10**7,
    )
    demo_port: int = _port(8710, "port of the demo shop")
    workers: int = _setting(1, "collector processes that share the public port", least=1, most=64)
    lanes: int = _setting(16, "lanes of the deployment, chosen at first start for good", least=1, most=1_024)
    half_life_days: float = _setting(
        # a stored interest overflows after 1,023 half-lives: with one day that is in 2.8 years
        7.0,
        "days after which an interest counts half, chosen at first start for good",
        least=1,
        most=3_650,
    )
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = _setting(
        (), "address ranges of proxies whose X-Forwarded-For is believed"
    )
    rate_limit: float = _setting(
        # far above what people behind one address send, the gateway of a phone network included
        100.0,
        "requests a second that each collector process takes of one public address or IPv6 /64, ten seconds' worth at "
        "once; one of more than 4 KB, or that leaves more in the log, counts once for each 4 KB; beyond them 429; 0: "
        "no limit, else 0.01 or more",
        least=0,
        most=1_000_000,
    )
    new_profiles_a_day: int = _setting(
        1_000,
        "profiles that each collector process lets one public address or IPv6 /64 begin a day (UTC); its further new "
        "visitors are only counted; 0: no limit",
        least=0,
        most=10**9,
    )
    geoip: Path | None = _setting(
        None, "a GeoIP file of countries (.mmdb) by MaxMind, DB-IP or IPinfo; without one no country is known"
    )
    log: str = _setting(
        "",
        "URL of the log, kafka://host:9092[,host:9092][/topic][?options as aiokafka names them]; "
        "unset: Redis Streams on the server of `redis`",
    )
    log_before: str = _setting("", "URL of the log that was used before, which is drained before `log` is read")
    log_max_records: int = _setting(
        200_000, "records that a lane of the log keeps after they were processed", least=0, most=10**12
    )
    log_max_age_days: float = _setting(
        8.0, "days that the log keeps records after they were processed", least=0, most=36_500
    )
    spool_mb: int = _setting(
        # some 700,000 events: what visitors without consent do is not kept in browsers, a 503 would lose it
        256,
        "megabytes of events that each collector process may spool to disk while the log is away; 0: none",
        least=0,
        most=10**7,
    )
    archive: str = _setting(
        "", "where the history is kept: a folder, or a URL that fsspec knows (s3://...); unset: in `data`; off: nowhere"
    )
    archive_seal_s: float = _setting(
        600.0, "seconds that records wait at most before the history holds them", least=1, most=604_800
    )
    log_format: LogFormat = _setting(LogFormat.TEXT, "how processes log: text or json")

    @property
    def metrics_ports(self) -> range:
        """Of each worker of the collector, in order."""
        return range(self.metrics_port, self.metrics_port + METRICS_PORT_STEP * self.workers, METRICS_PORT_STEP)


@dataclass(frozen=True, kw_only=True)
class InterestRule:
    """Page views whose path matches `path` (fnmatch: * crosses slashes) count for `interest`.

    Letters may be written as such or escaped: `paths.decoded` is what is matched.
    """

    path: str = _setting("", "pattern of paths, e.g. /shoes/*; a * also stands for slashes")
    interest: str = _setting("", "what a view of such a page counts for, e.g. shoes")


@dataclass(frozen=True, kw_only=True)
class Site:
    """One [[site]] of wakeline.toml."""

    key: str = _setting("", "public key: the snippet's data-site")
    secret: str = _setting("", "secret that signs identify and keys customer ids; never in a page")
    origins: tuple[str, ...] = _setting((), "origins whose pages may send, e.g. https://shop.example")
    time_zone: ZoneInfo = _setting(ZoneInfo("UTC"), "time zone of the site's days, e.g. Europe/Berlin")
    consent: ConsentLevel = _setting(
        ConsentLevel.ANONYMOUS, "level before a visitor chose: off, anonymous, or full on a legal basis of your own"
    )
    own_addresses: tuple[IPv4Network | IPv6Network, ...] = _setting((), "address ranges of own traffic to leave out")
    own_cookie: str = _setting("", "name of a cookie that marks own traffic to leave out")
    interests: tuple[InterestRule, ...] = _setting((), "rules from URL paths to interests, [[site.interests]]")
    query: tuple[str, ...] = _setting((), "query parameters to keep besides utm_*")
    archive_days: int = _setting(400, "days that the history keeps the site's events", least=1, most=36_500)
    masks: tuple[str, ...] = _setting((), "path patterns whose * parts are masked, e.g. /reset/*")


@dataclass(frozen=True)
class Config:
    """All that a process knows when it starts."""

    settings: Settings
    sites: dict[str, Site]  # by key
    given: frozenset[str] = frozenset()  # names of the settings that are not left at their default
    path: Path | None = None  # the file it was read from


def described(kind: type[Settings] | type[Site] | type[InterestRule]) -> list[tuple[str, Any, str]]:
    """(name, default, help with the range) of each setting, in order."""
    instance = kind()
    return [(item.name, getattr(instance, item.name), item.metadata["help"] + _range(item)) for item in fields(kind)]


def _range(item: Field[Any]) -> str:
    """` (1 to 64)` of a number that has bounds."""
    least, most = item.metadata["least"], item.metadata["most"]
    return "" if least is None or most is None else f" ({least:,} to {most:,})"
