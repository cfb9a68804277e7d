"""The sender of an event: address behind proxies, own traffic, country and user agent."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path

import pytest
from crawleruseragents import CRAWLER_USER_AGENTS_DATA

from collector.addresses import Addresses, household, parse, within
from collector.agents import MAX_NAME, agent_of, bot_name
from collector.policy import Policy, has_cookie
from tests.collector_stand import CHROME, NOON, ORIGIN, PAGE, envelope, stand
from wakeline.hosts import origin_of
from wakeline.labels import REDACTED
from wakeline.record import NO_USER_AGENT, WEBDRIVER
from wakeline.settings import Site

PROXIES = tuple(map(ip_network, ("10.0.0.0/8", "2001:db8:1::/48")))


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        pytest.param("203.0.113.9", [], "203.0.113.9", id="no proxy"),
        pytest.param("203.0.113.9", ["198.51.100.1"], "203.0.113.9", id="a stranger's claim"),
        pytest.param("10.0.0.1", [], "10.0.0.1", id="a proxy that says nothing"),
        pytest.param("10.0.0.1", ["198.51.100.1"], "198.51.100.1", id="one proxy"),
        pytest.param("10.0.0.1", ["6.6.6.6, 198.51.100.1"], "198.51.100.1", id="what the client claimed before"),
        pytest.param("10.0.0.1", ["198.51.100.1, 10.2.2.2"], "198.51.100.1", id="two proxies"),
        pytest.param("10.0.0.1", ["198.51.100.1", "10.2.2.2"], "198.51.100.1", id="two headers"),
        pytest.param("10.0.0.1", ["10.3.3.3, 10.2.2.2"], "10.3.3.3", id="proxies all the way"),
        pytest.param("10.0.0.1", ["6.6.6.6, nonsense, 10.2.2.2"], "10.2.2.2", id="nonsense ends the search"),
        pytest.param("10.0.0.1", ["unknown"], "10.0.0.1", id="a proxy that hides it"),
        pytest.param("10.0.0.1", [",, ,"], "10.0.0.1", id="nothing but commas"),
        pytest.param("10.0.0.1", ["198.51.100.1,"], "198.51.100.1", id="a comma at the end"),
        pytest.param("10.0.0.1", ["198.51.100.1, , 10.2.2.2 ,\t"], "198.51.100.1", id="empty hops between"),
        pytest.param("10.0.0.1", ["198.51.100.1", ""], "198.51.100.1", id="an empty header at the end"),
        pytest.param("10.0.0.1", ["198.51.100.1:5678"], "198.51.100.1", id="with port"),
        pytest.param("2001:db8:1::5", ["[2001:db8:2::7]:443"], "2001:db8:2::7", id="IPv6 in brackets"),
        pytest.param("2001:db8:1::5", ["2001:DB8:2::7"], "2001:db8:2::7", id="IPv6"),
        pytest.param("10.0.0.1", ["::ffff:198.51.100.1"], "198.51.100.1", id="IPv4 within IPv6"),
        pytest.param("64:ff9b::10.0.0.1", ["64:ff9b::198.51.100.1"], "198.51.100.1", id="a proxy behind NAT64"),
        pytest.param("", ["198.51.100.1"], "", id="no peer"),
    ],
)
def test_the_client_is_the_rightmost_hop_that_is_no_proxy_of_ours(peer: str, forwarded: list[str], client: str) -> None:
    assert Addresses(trusted_proxies=PROXIES).client(peer, forwarded) == client


def test_without_trusted_proxies_the_header_is_not_believed() -> None:
    assert Addresses().client("127.0.0.1", ["198.51.100.1"]) == "127.0.0.1"


def test_an_address_lies_within_networks_of_its_own_kind() -> None:
    assert within("10.1.2.3", PROXIES)
    assert within("::ffff:10.1.2.3", PROXIES)
    assert not within("2001:db8:2::1", PROXIES)
    assert not within("nonsense", PROXIES)
    assert str(parse("fe80::1%eth0")) == "fe80::1"


@pytest.mark.parametrize(
    ("address", "whose"),
    [
        pytest.param("198.51.100.7", "198.51.100.7", id="IPv4"),
        pytest.param("::ffff:198.51.100.7", "198.51.100.7", id="IPv4 within IPv6"),
        pytest.param("64:ff9b::198.51.100.7", "198.51.100.7", id="IPv4 behind NAT64"),
        pytest.param("64:ff9b::c633:6407", "198.51.100.7", id="the same in digits of IPv6"),
        pytest.param("64:ff9b:1::198.51.100.7", "64:ff9b:1::/64", id="a translation of an operator's own"),
        pytest.param("2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64", id="IPv6"),
        pytest.param("2001:DB8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64", id="the last of its /64"),
        pytest.param("2001:db8:1:3::", "2001:db8:1:3::/64", id="the next /64"),
        pytest.param("fe80::1%eth0", "fe80::/64", id="with a zone"),
        pytest.param("", "", id="none"),
        pytest.param("caf\udce9", "caf\udce9", id="no address"),
    ],
)
def test_an_ipv6_address_is_its_households(address: str, whose: str) -> None:
    assert household(address) == whose


def test_without_a_geoip_file_no_country_is_known() -> None:
    assert Addresses().country("198.51.100.1") == ""


def test_a_geoip_file_that_is_missing_is_said_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Addresses(geoip=tmp_path / "missing.mmdb")


async def test_own_addresses_are_left_out_behind_a_proxy_too(tmp_path: Path) -> None:
    site = Site(key="demo", origins=(ORIGIN,), own_addresses=(ip_network("203.0.113.0/24"),))
    async with stand(tmp_path, site, settings={"trusted_proxies": (ip_network("127.0.0.0/8"),)}) as collector:
        own = await collector.post(envelope(), headers={"X-Forwarded-For": "203.0.113.5"})
        other = await collector.post(envelope(), headers={"X-Forwarded-For": "203.0.114.5"})
        assert own[:2] == (
            202,
            {"accepted": 0, "rejected": [{"id": f"{PAGE}.0", "reason": "own_traffic"}], "reason": None},
        )
        assert other[1]["accepted"] == 1
        assert [record.received for record in await collector.records()] == [NOON]


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("staff=1", True),
        ("a=b; staff=; c=d", True),
        ("staff", True),
        ("a=staff", False),
        ("xstaff=1;staffx=1", False),
        ("", False),
    ],
)
def test_a_cookie_counts_by_its_name(header: str, found: bool) -> None:
    assert has_cookie(header, "staff") is found


@pytest.mark.parametrize(
    ("origin", "normal"),
    [
        ("https://Shop.Example", "https://shop.example"),
        ("https://shop.example:443/", "https://shop.example"),
        ("http://localhost:8710", "http://localhost:8710"),
        ("http://[::1]:80", "http://[::1]"),
        ("null", ""),
        ("https://x:99999", ""),
        ("https://[", ""),
        ("https://straße.de", "https://xn--strae-oqa.de"),
        ("https://BÜCHER.example:443", "https://xn--bcher-kva.example"),
    ],
)
def test_origins_are_spelt_as_browsers_do(origin: str, normal: str) -> None:
    """The configuration refuses every other spelling, and names this one."""
    assert origin_of(origin) == normal


def test_a_request_without_an_origin_is_a_servers_only_if_no_browser_says_otherwise() -> None:
    policy = Policy(Site(key="demo", origins=(ORIGIN,)))
    assert policy.accepts(None, fetch_site=None)
    for fetch_site in ("cross-site", "same-origin", "same-site", "none"):
        assert not policy.accepts(None, fetch_site=fetch_site)
    assert policy.accepts(ORIGIN, fetch_site="cross-site")


# ---- user agents -------------------------------------------------------------------------------------

IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.5 Mobile/15E148 Safari/604.1"
)


@pytest.mark.parametrize(
    ("user_agent", "device", "browser", "os"),
    [
        pytest.param(CHROME, "desktop", "Chrome", "Windows", id="Chrome on Windows"),
        pytest.param(IPHONE, "mobile", "Mobile Safari", "iOS", id="iPhone"),
        pytest.param(IPHONE.replace("iPhone", "iPad"), "tablet", "Mobile Safari", "iOS", id="iPad"),
        pytest.param(
            "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Mobile "
            "Safari/537.36",
            "mobile",
            "Chrome Mobile",
            "Android",
            id="Android phone",
        ),
        pytest.param(
            "Mozilla/5.0 (Linux; Android 13; SM-T870) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 "
            "Safari/537.36",
            "tablet",
            "Chrome",
            "Android",
            id="Android tablet",
        ),
        pytest.param(
            "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            "desktop",
            "Firefox",
            "Linux",
            id="Firefox on Linux",
        ),
        pytest.param(
            "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 "
            "Safari/537.36",
            "desktop",
            "Chrome",
            "Chrome OS",
            id="Chromebook",
        ),
        pytest.param("nonsense", "other", "Other", "", id="nonsense"),
    ],
)
def test_a_user_agent_says_device_browser_and_system(user_agent: str, device: str, browser: str, os: str) -> None:
    found = agent_of(user_agent)
    assert (found.device, found.browser or "Other", found.os, found.bot) == (device, browser, os, "")


def test_what_a_user_agent_calls_its_browser_is_made_clean_and_cut() -> None:
    """Names of crawlers are taken from the text itself."""
    assert agent_of("Mozilla/5.0 4111111111111111bot/2.0").browser == f"{REDACTED}bot"
    assert len(agent_of(f"Mozilla/5.0 (compatible; {'a' * 300}bot/2.0)").browser) <= MAX_NAME


@pytest.mark.parametrize(
    ("user_agent", "bot"),
    [
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "Googlebot"),
        (
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/138.0.0.0",
            "HeadlessChrome",
        ),
        ("python-requests/2.32", "python-requests"),
        ("curl/8.5.0", "curl"),
        ("", NO_USER_AGENT),
        ("  ", NO_USER_AGENT),
        (CHROME, ""),
    ],
)
def test_a_bot_is_named(user_agent: str, bot: str) -> None:
    assert agent_of(user_agent).bot == bot


def test_every_known_crawler_has_a_short_plain_name() -> None:
    names = [bot_name(entry["pattern"]) for entry in CRAWLER_USER_AGENTS_DATA]
    assert all(2 <= len(name) <= 40 and name.isprintable() and "\\" not in name for name in names)


async def test_an_endless_user_agent_is_cut_before_it_is_kept(tmp_path: Path) -> None:
    async with stand(tmp_path) as collector:
        assert (await collector.post(envelope(), headers={"User-Agent": "x" * 12_000}))[0] == 202
    assert agent_of("x" * 512).device == "other"


@pytest.mark.parametrize(
    ("user_agent", "webdriver", "bot"),
    [
        pytest.param(CHROME, True, WEBDRIVER, id="a driven browser"),
        pytest.param(CHROME, False, "", id="a browser"),
        pytest.param("Googlebot/2.1", True, "Googlebot", id="a driven crawler keeps its name"),
    ],
)
def test_a_browser_that_a_program_drives_is_a_bot(user_agent: str, webdriver: bool, bot: str) -> None:
    assert agent_of(user_agent, webdriver=webdriver).bot == bot
