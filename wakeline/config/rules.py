"""Rules for values beyond their types. Each returns the problem and its fix, or ""."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, urlsplit

from wakeline.config.campaigns import campaign
from wakeline.config.pages import interest, page_group
from wakeline.config.segments import segment
from wakeline.config.targets import target
from wakeline.config.values import nearest, number, quoted
from wakeline.hosts import ascii_url, origin_of
from wakeline.ports import ALIVE, READY
from wakeline.redis.url import CLUSTER, SERVER, is_cluster, node_addresses
from wakeline.scripts import NAME, Kind
from wakeline.settings import MarginRule, Settings
from wakeline.vocabulary.money import CURRENCIES

LEAST_MEMORY_MB = 64
MIN_SECRET = 16  # characters; shorter secrets can be guessed from one signature
HIDDEN = {"secret", "link_keys", "api_token", "redis", "log", "log_before"}  # never shown in messages
KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")  # part of Redis keys, between colons
HOST_NAME = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+")
COOKIE = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
PATH = re.compile(r"(?:/[A-Za-z0-9_-][A-Za-z0-9_.~-]*)+")  # browsers send such paths unchanged
SECONDS = ("socket_timeout", "socket_connect_timeout", "health_check_interval", "timeout")  # options of redis-py
MOST_SECONDS = 86_400
ROUTES = ("/", "!", "*")  # how the fragment of a page that is a route begins, or a mask for all of them


def site_key(text: str) -> str:
    if KEY.fullmatch(text):
        return ""
    return f"{quoted(text)} is not a site key: use up to 64 letters, digits, dots, dashes and underscores"


def secret(text: str) -> str:
    if not text or len(text) >= MIN_SECRET:
        return ""
    return f"has {len(text)} characters, needs at least {MIN_SECRET}: generate one with `openssl rand -hex 16`"


def origin(text: str) -> str:
    """As browsers send it: scheme, host, and the port unless it is the default."""
    meant = "" if "*" in text else origin_of(text)
    if not meant:
        return f"{quoted(text)} is not an origin: write it like https://shop.example, one entry per host"
    if "" in (urlsplit(meant).hostname or "").removesuffix(".").split("."):
        return f"{quoted(text)} has an empty label between two dots in its host"
    return "" if text == meant else f"{quoted(text)} is not spelt as in a browser; did you mean {quoted(meant)}?"


def public_url(text: str) -> str:
    if not text:
        return ""
    try:
        parts = urlsplit(text)
        is_server = not parts.query and not parts.fragment and origin_of(text) != ""
    except ValueError:
        is_server = False
    if not is_server:
        return f"{quoted(text)} is not a server's URL: write it like https://stats.shop.example"
    if "" in (parts.hostname or "").removesuffix(".").split("."):
        return f"{quoted(text)} has an empty label between two dots in its host"
    meant = ascii_url(text)
    return "" if text == meant else f"{quoted(text)} is not written as browsers write it; did you mean {quoted(meant)}?"


def script_path(text: str) -> str:
    if not (PATH.fullmatch(text) and text.endswith(".js")):
        return f"{quoted(text)} is not the path of a script: write it like /s.js"
    name = text.rpartition("/")[2]
    if NAME.fullmatch(name) and name != Kind.CORE + ".js":
        return f"{quoted(text)} is the name of another script of Wakeline: write it like /s.js"
    return ""


def endpoint_path(text: str) -> str:
    if PATH.fullmatch(text) and not text.endswith(".js") and text not in (ALIVE, READY):
        return ""
    return f"{quoted(text)} is not a path for events: write it like /e, but not as a script or {ALIVE} or {READY}"


def link_path(text: str) -> str:
    return "" if PATH.fullmatch(text) else f"{quoted(text)} is not a path for links: write it like /l"


def link_key(text: str) -> str:
    return secret(text) if text else "is empty: leave it out, or generate one with `openssl rand -hex 16`"


def link_host(text: str) -> str:
    if HOST_NAME.fullmatch(text):
        return ""
    return f"{quoted(text)} is no host: write it like help.shop.example, in lower case, without scheme, port and path"


def _parts(url: str) -> SplitResult | None:
    """The parts of a URL with one or more hosts and valid ports; None for other texts."""
    try:
        parts = urlsplit(url)
        ports = [urlsplit(f"//{node}").port for node in parts.netloc.rpartition("@")[2].split(",")]
    except ValueError:
        return None
    return None if 0 in ports else parts


def redis_url(text: str) -> str:
    parts = _parts(text)
    if parts is None or parts.scheme not in (*SERVER, *CLUSTER):
        return "is not the URL of a Redis server: write it like redis://127.0.0.1:6379/0"
    if parts.scheme in CLUSTER:
        try:
            node_addresses(text)
        except ValueError as error:
            return f"names {error}: write some nodes like redis+cluster://10.0.0.1:6379,10.0.0.2:6379"
        if parts.path not in ("", "/", "/0"):
            return "names a database, but a cluster only has 0: omit it"
    if parts.query:
        from wakeline.redis.connect import refused_option  # imported only when needed, since redis-py is slow to import

        if said := refused_option(text):
            return f"has an option that redis-py rejects: {said}"
        for name, value in parse_qsl(parts.query):
            if name in SECONDS and not 0 <= float(value) <= MOST_SECONDS:
                return f"has an option that is out of range: {name}, 0 to {MOST_SECONDS} seconds"
    return ""


def log_url(text: str) -> str:
    parts = _parts(text)
    if not text or (parts and parts.scheme == "kafka" and parts.netloc):
        return ""
    return "is not the URL of a log: write it like kafka://127.0.0.1:9092, or omit it for Redis Streams"


def log_before(text: str) -> str:
    if not log_url(text) or (text.partition(":")[0] in SERVER and not redis_url(text)):
        return ""
    return "is not the URL of a log: write it like kafka:// or redis://host:port"


def host(text: str) -> str:
    if text == "localhost":
        return ""
    try:
        ip_address(text)
    except ValueError:
        return f"{quoted(text)} is not an address of this machine: write 127.0.0.1, or 0.0.0.0 for all of them"
    return ""


def mask(text: str) -> str:
    if not text.startswith("/"):
        return f"{quoted(text)} must start with a slash: write {quoted('/' + text)}"
    if "*" not in text:
        return f"{quoted(text)} masks nothing: put a * where the part to hide is, like /reset/*"
    if "?" in text:
        return (
            f"{quoted(text)} never matches: a path ends before its ?, and the query is dropped except utm_* "
            "and what `query` names. A question mark that is part of a path is written %3F"
        )
    if "#" in text and not text.partition("#")[2].startswith(ROUTES):
        return (
            f"{quoted(text)} never matches: a fragment is kept only if it is a route, as in /app#/orders/*. "
            "A number sign that is part of a path is written %23"
        )
    return ""


def margin(rule: MarginRule) -> str:
    if not rule.category.strip() or len(rule.category) > 200:
        return "category must have 1 to 200 characters"
    return "" if 0 <= rule.rate <= 1 else f"rate {number(rule.rate)} is out of range: 0 to 1, as 0.4 for 40 %"


def currency(code: str) -> str:
    if not code or code in CURRENCIES:
        return ""
    return f"{quoted(code)} is not a currency of ISO 4217{nearest(code, CURRENCIES) or ': write it like EUR'}"


def purpose(text: str) -> str:
    if 1 <= len(text) <= 64 and text == text.strip() and "," not in text:
        return ""
    return f"{quoted(text)} is not a purpose's name: use 1 to 64 characters, no comma and no space around it"


def passing_host(text: str) -> str:
    host, slash, path = text.removeprefix("-").partition("/")
    if HOST_NAME.fullmatch(host) and bool(slash) == bool(path) and "/" not in path:
        return ""
    return f"{quoted(text)} is no host: write it like pay.example, or pay.example/login for a part of it"


def parameter(text: str) -> str:
    if text and not set(text) & set("=&?# "):
        return ""
    return f"{quoted(text)} is not the name of a query parameter: write it without ?, & and ="


def rate(per_s: float) -> str:
    """`Limiter` cannot represent rates below 0.01."""
    return "" if per_s == 0 or per_s >= 0.01 else f"{number(per_s)} is out of range: 0 for no limit, or 0.01 or more"


def cookie(text: str) -> str:
    return "" if not text or COOKIE.fullmatch(text) else f"{quoted(text)} is not a cookie's name"


def folder(path: Path) -> str:
    try:
        return f"{quoted(str(path))} is a file: name a folder" if path.is_file() else ""
    except OSError as error:
        return f"{quoted(str(path))} cannot be a folder: {error.strerror}"


def file(path: Path | None) -> str:
    try:
        is_there = path is None or path.is_file()
    except OSError as error:
        return f"{quoted(str(path))} cannot be read: {error.strerror}"
    return "" if is_there else f"{quoted(str(path))} does not exist: name a file, or omit the setting"


def embedded_memory(megabytes: int) -> str:
    if not megabytes or megabytes >= LEAST_MEMORY_MB:
        return ""
    return f"{megabytes} is too little for the server: set {LEAST_MEMORY_MB} or more, or 0 for the default"


SETTING: dict[str, Callable[..., str]] = {
    "redis": redis_url,
    "log": log_url,
    "log_before": log_before,
    "data": folder,
    "host": host,
    "internal_host": host,
    "public_url": public_url,
    "script_path": script_path,
    "endpoint_path": endpoint_path,
    "link_path": link_path,
    "geoip": file,
    "rate_limit": rate,
    "embedded_memory_mb": embedded_memory,
}
SITE: dict[str, Callable[..., str]] = {
    "key": site_key,
    "secret": secret,
    "link_keys": link_key,
    "link_hosts": link_host,
    "origins": origin,
    "purposes": purpose,
    "own_cookie": cookie,
    "interests": interest,
    "page_groups": page_group,
    "margins": margin,
    "campaigns": campaign,
    "segments": segment,
    "targets": target,
    "currency": currency,
    "passing_hosts": passing_host,
    "query": parameter,
    "masks": mask,
}
"""Rules by setting; for a list, they apply to each element."""


def ports(settings: Settings) -> Iterator[tuple[str, int]]:
    """Every port that the services listen on: (setting, port)."""
    yield "port", settings.port
    for port in settings.metrics_ports:
        yield "metrics_port", port
    for name in (
        "processor_metrics_port",
        "api_port",
        "api_metrics_port",
        "archiver_metrics_port",
        "embedded_port",
        "demo_port",
        "prometheus_port",
        "grafana_port",
    ):
        yield name, getattr(settings, name)


def port_clashes(settings: Settings, given: Collection[str]) -> Iterator[tuple[str, str]]:
    """(setting, problem) for each port that is used twice or out of range, preferably naming a setting in `given`."""
    taken: dict[int, tuple[str, str]] = {}  # setting, of which worker
    for name, port in ports(settings):
        worker = settings.metrics_ports.index(port) if name == "metrics_port" else 0
        whose = f" of worker {worker}" if worker else ""
        if port > 65_535:
            yield name, f"{port}{whose} exceeds 65535: choose a lower one"
        elif port in taken:
            other, of = taken[port]
            if name in given or other not in given:
                yield name, f"{port}{whose} is also {_named(other, given)}{of}: choose another"
            else:
                yield other, f"{port}{of} is also {_named(name, given)}{whose}: choose another"
        taken.setdefault(port, (name, whose))


def _named(setting: str, given: Collection[str]) -> str:
    return setting if setting in given else f"{setting}'s default"


def misfits(settings: Settings, given: Collection[str]) -> Iterator[tuple[str, str]]:
    """(setting, problem) for incompatible settings; `given` are those set explicitly."""
    yield from port_clashes(settings, given)
    if is_cluster(settings.redis) and not settings.log:
        yield "redis", "is a cluster, which cannot hold the log: redis+cluster:// needs log = kafka://host:9092"
    if settings.card_key is not None and settings.card_key.resolve().is_relative_to(settings.data.resolve()):
        yield "card_key", "lies in the data folder: who copies that must not have the key too; name a file elsewhere"
