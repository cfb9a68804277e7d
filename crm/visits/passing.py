"""Hosts through which people only pass: where they pay, log in or confirm. A visit never comes from there.

The list is wakeline/data/passing_hosts.txt; a site adds to it, or takes from it, by `passing_hosts` in its settings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache, lru_cache
from importlib.resources import files

REMEMBERED = 4_096
LEFT_OUT = "-"  # prefix of a setting's host that is taken from the list


def passing(own: Iterable[str]) -> Callable[[str], bool]:
    """Whether a referrer, host and path, is one of the list or of a site's `own` hosts, or lies below one."""
    listed = set(_shipped())
    for host in own:
        if host.startswith(LEFT_OUT):
            listed.discard(host.removeprefix(LEFT_OUT))
        else:
            listed.add(host)

    @lru_cache(REMEMBERED)
    def is_passing(referrer: str) -> bool:
        host, _, path = referrer.partition("/")
        host = host.partition(":")[0].lower()
        first = path.partition("/")[0]
        while host:
            if host in listed or f"{host}/{first}" in listed:
                return True
            host = host.partition(".")[2]
        return False

    return is_passing


@cache
def _shipped() -> frozenset[str]:
    text = (files("wakeline") / "data" / "passing_hosts.txt").read_text(encoding="utf-8")
    return frozenset(line for line in text.splitlines() if line and not line.startswith("#"))
