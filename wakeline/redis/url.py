"""The URL of a Redis server or cluster: what it names, without redis-py's weight."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

SERVER = ("redis", "rediss", "unix")
CLUSTER = ("redis+cluster", "rediss+cluster")
PORT = 6379


def is_cluster(url: str) -> bool:
    return urlsplit(url).scheme in CLUSTER


def node_addresses(url: str) -> list[tuple[str, int]]:
    """(host, port) of each node that a cluster's URL names. Raises ValueError where one is none."""
    found = []
    for node in urlsplit(url).netloc.rpartition("@")[2].split(","):
        named = urlsplit(f"//{node}")
        if not named.hostname:
            raise ValueError("a node without a host")
        found.append((named.hostname, named.port or PORT))
    return found


def node_url(url: str, host: str, port: int) -> str:
    """The URL of one node of a cluster, with what `url` says of user and TLS."""
    parts = urlsplit(url)
    user, at, _ = parts.netloc.rpartition("@")
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return SplitResult(parts.scheme.partition("+")[0], f"{user}{at}{address}", "", parts.query, "").geturl()
