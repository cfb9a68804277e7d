"""The settings and the sites: values that are valid but probably unintended."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ops.check.finding import Finding, fail, ok, warn
from wakeline.countries import MEND, opened
from wakeline.event import ConsentLevel
from wakeline.settings import Config, Site


def check_configuration(config: Config) -> Iterator[Finding]:
    """Findings on a valid configuration."""
    if not config.sites:
        yield fail(
            "no site is configured: no events will be accepted",
            "copy wakeline.example.toml to wakeline.toml and edit its [[site]]",
        )
    else:
        yield ok(f"{config.path}: {_count(config.sites)}")
    for site in config.sites.values():
        yield from _check_site(site)
    if not config.settings.api_token:
        yield warn(
            "api_token is not set: the read side accepts only API keys (`wakeline up` generates a token for each run)",
            "set api_token, or WAKELINE_API_TOKEN; `openssl rand -hex 16` generates one",
        )
    if config.settings.geoip:
        yield _check_geoip(config.settings.geoip)
    if any(network.prefixlen == 0 for network in config.settings.trusted_proxies):
        yield fail(
            "trusted_proxies trusts everybody: visitors can claim any address",
            "name the addresses of your own proxies only",
        )


def _check_geoip(path: Path) -> Finding:
    try:
        _, fault = opened(path)
    except OSError as error:
        return fail(f"geoip {path} cannot be read: {error.strerror or error}", MEND)
    return warn(fault, MEND) if fault else ok(f"geoip {path} names countries")


def _check_site(site: Site) -> Iterator[Finding]:
    if not site.origins:
        yield fail(
            f"site {site.key} has no origins: events from all pages are rejected",
            'add origins = ["https://www.your-site.example"] below its [[site]]',
        )
    if not site.secret:
        yield warn(
            f"site {site.key} has no secret: visitors cannot be identified as customers",
            "add secret below its [[site]]; `openssl rand -hex 16` generates one",
        )
    if site.consent is ConsentLevel.FULL:
        yield warn(
            f"site {site.key} stores profiles before visitors have consented (consent full)",
            "keep it only if you have another legal basis; otherwise use anonymous",
        )


def _count(sites: dict[str, Site]) -> str:
    return f"{len(sites)} site{'' if len(sites) == 1 else 's'} ({', '.join(sites)})"
