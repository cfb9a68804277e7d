"""Parses URLs of Redis servers and clusters without importing redis-py."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

SERVER = ("redis", "rediss", "unix")
CLUSTER = ("redis+cluster", "rediss+cluster")
PORT = 6379


def is_cluster(url: str) -> bool:
    return urlsplit(url).scheme in CLUSTER


def node_addresses(url: str) -> list[tuple[str, int]]:
    """(host, port) of each node in a cluster's URL. Raises ValueError for an invalid one."""
    found = []
    for node in urlsplit(url).netloc.rpartition("@")[2].split(","):
        named = urlsplit(f"//{node}")
        if not named.hostname:
            raise ValueError("a node without a host")
        found.append((named.hostname, named.port or PORT))
    return found


def node_url(url: str, host: str, port: int) -> str:
    """The URL of one node of a cluster, with user and TLS options from `url`."""
    parts = urlsplit(url)
    user, at, _ = parts.netloc.rpartition("@")
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return SplitResult(parts.scheme.partition("+")[0], f"{user}{at}{address}", "", parts.query, "").geturl()
