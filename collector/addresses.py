"""The IP address of a request: only kept in memory, to be hashed, compared or mapped to a country."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path

from wakeline.countries import Countries

Network = IPv4Network | IPv6Network
CACHED = 4_096
HOUSEHOLD_BITS = 64  # of an IPv6 address: all addresses of a household or host share them
TRANSLATED = IPv6Network("64:ff9b::/96")  # RFC 6052: IPv4 as seen by an IPv6-only server, through NAT64 or SIIT
IPV4_BITS = (1 << 32) - 1

PRIVATE = (
    "127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10",
    "::1/128", "fc00::/7", "fe80::/10",
)  # fmt: skip
UNLIMITED: dict[int, list[tuple[int, int]]] = {4: [], 6: []}  # version -> (mask, network), faster than `ipaddress`
for _network in map(ip_network, PRIVATE):
    UNLIMITED[_network.version].append((int(_network.netmask), int(_network.network_address)))


class Addresses:
    """Client addresses and countries. `geoip` is a country .mmdb; without one countries are unknown.

    Raises OSError if the file cannot be read.
    """

    def __init__(self, *, trusted_proxies: Sequence[Network] = (), geoip: Path | None = None) -> None:
        self._trusted = tuple(trusted_proxies)
        self._countries = Countries(geoip) if geoip else None
        self.country = lru_cache(CACHED)(self._country)
        self.is_proxy = lru_cache(CACHED)(self._within_trusted)

    def client(self, peer: str, forwarded: Iterable[str]) -> str:
        """The peer, or if it is a trusted proxy the right-most untrusted hop in X-Forwarded-For.

        Hops further left are the client's own claim. A hop that is not an address ends the search: the proxy that wrote
        it is the last one known. Empty hops are skipped.
        """
        if not self._trusted or not self.is_proxy(peer):
            return peer
        address = peer
        for hop in reversed([hop for line in forwarded for hop in line.split(",") if hop.strip()]):
            parsed = parse(hop)
            if parsed is None:
                break
            address = str(parsed)
            if not self.is_proxy(address):
                break
        return address

    def _within_trusted(self, address: str) -> bool:
        return within(address, self._trusted)

    def _country(self, address: str) -> str:
        if self._countries is None or (parsed := parse(address)) is None:
            return ""
        return self._countries.of(parsed)


@lru_cache(CACHED)
def household(address: str) -> str:
    """The address, of IPv6 its /64: browsers change the rest daily, or for each request."""
    parsed = parse(address)
    if parsed is None:
        return address
    return str(parsed) if parsed.version == 4 else str(ip_network((parsed, HOUSEHOLD_BITS), strict=False))


def sender(address: str) -> int | None:
    """A number for rate limits; None for addresses without limit, as all visitors may be behind them."""
    parsed = parse(address)
    if parsed is None:
        return None
    number = int(parsed)
    for mask, network in UNLIMITED[parsed.version]:
        if number & mask == network:
            return None
    # negative, to differ from IPv4 addresses
    return number if parsed.version == 4 else -(number >> HOUSEHOLD_BITS)


def within(address: str, networks: Sequence[Network]) -> bool:
    """Whether `address` is in one of `networks`."""
    parsed = parse(address)
    return parsed is not None and any(parsed in network for network in networks)


def parse(hop: str) -> IPv4Address | IPv6Address | None:
    """An address as proxies write it: "1.2.3.4", "1.2.3.4:567", "2001:db8::1", "[2001:db8::1]:567".

    IPv4 addresses embedded in IPv6 become IPv4: mapped (::ffff:1.2.3.4), or translated (64:ff9b::1.2.3.4).
    Operator-specific translation prefixes are not supported.
    """
    text = hop.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(found, IPv4Address):
        return found
    return IPv4Address(int(found) & IPV4_BITS) if found in TRANSLATED else found.ipv4_mapped or found
