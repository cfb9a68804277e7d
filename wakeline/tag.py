"""The one line that a site pastes into its pages."""

from __future__ import annotations

from html import escape

from wakeline.settings import Settings, Site

SCRIPT = "/wakeline.js"
EVERYWHERE = {"0.0.0.0": "localhost", "::": "localhost"}  # listened on, but no address to go to


def address(host: str) -> str:
    """Where a browser or a scraper on this machine reaches what listens on `host`."""
    host = EVERYWHERE.get(host, host)
    return f"[{host}]" if ":" in host else host


def collector_url(settings: Settings) -> str:
    """Where browsers reach the collector, without a slash at its end."""
    return settings.public_url.rstrip("/") or f"http://{address(settings.host)}:{settings.port}"


def script_tag(site: Site, settings: Settings) -> str:
    """The line to paste, in the <head> of each page of `site`."""
    source, key = escape(collector_url(settings) + SCRIPT), escape(site.key)
    return f'<script defer src="{source}" data-site="{key}" data-consent="{site.consent}"></script>'
