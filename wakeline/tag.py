"""What a site pastes into its pages."""

from __future__ import annotations

from html import escape
from urllib.parse import urljoin

from wakeline.scripts import ENDPOINT, Kind, Published
from wakeline.settings import Settings, Site

EVERYWHERE = {"0.0.0.0": "localhost", "::": "localhost"}  # listened on, but no address to go to


def address(host: str) -> str:
    """Where a browser or a scraper on this machine reaches what listens on `host`."""
    host = EVERYWHERE.get(host, host)
    return f"[{host}]" if ":" in host else host


def collector_url(settings: Settings) -> str:
    """Where browsers reach the collector, without a slash at its end."""
    return settings.public_url.rstrip("/") or f"http://{address(settings.host)}:{settings.port}"


def script_tag(site: Site, settings: Settings, kind: Kind = Kind.CORE, *, pinned: Published | None = None) -> str:
    """The line to paste, in the <head> of each page of `site`; `pinned` to the current version and its hash."""
    base = collector_url(settings)
    source = base + kind.path(settings.script_path, version=pinned.current if pinned else "")
    attributes = {"src": source}
    if kind is not Kind.VITALS:
        attributes |= {"data-site": site.key, "data-consent": site.consent}
        endpoint = base + settings.endpoint_path
        if endpoint != urljoin(source, ENDPOINT):  # where the script would send by itself
            attributes["data-endpoint"] = endpoint
    if pinned:
        attributes |= {"integrity": pinned.integrity(kind), "crossorigin": "anonymous"}
    said = " ".join(f'{name}="{escape(value)}"' for name, value in attributes.items())
    return f"<script defer {said}></script>"
