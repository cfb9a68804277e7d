"""The script tag that a site pastes into its pages."""

from __future__ import annotations

from html import escape
from urllib.parse import urljoin

from wakeline.scripts import ENDPOINT, Kind, Published
from wakeline.settings import Settings, Site

EVERYWHERE = {"0.0.0.0": "localhost", "::": "localhost"}  # valid for listening, but not as a destination


def address(host: str) -> str:
    """The host name by which this machine reaches a server that listens on `host`."""
    host = EVERYWHERE.get(host, host)
    return f"[{host}]" if ":" in host else host


def collector_url(settings: Settings) -> str:
    """The collector's URL for browsers, without a trailing slash."""
    return settings.public_url.rstrip("/") or f"http://{address(settings.host)}:{settings.port}"


PLATFORMS = ("gcm", "tcf")  # that wakeline.consent.js takes a choice from: Google's consent mode, the IAB's framework


DATA_LAYER = "dataLayer"  # the global name of a page's data layer, unless it says otherwise


def script_tag(
    site: Site,
    settings: Settings,
    kind: Kind = Kind.CORE,
    *,
    platform: str = "",
    layer: str = "",
    pinned: Published | None = None,
) -> str:
    """The tag for the <head> of each page of `site`; `pinned` to the current version and its hash.

    `platform` is one of PLATFORMS, `layer` the name of a data layer, each for the kind that needs it.
    """
    base = collector_url(settings)
    source = base + kind.path(settings.script_path, version=pinned.current if pinned else "")
    attributes = {"src": source}
    if platform:
        attributes["data-from"] = platform
    if layer:
        attributes["data-layer"] = layer
    if kind in (Kind.CORE, Kind.FULL):
        attributes |= {"data-site": site.key, "data-consent": site.consent}
        endpoint = base + settings.endpoint_path
        if endpoint != urljoin(source, ENDPOINT):  # the script's default endpoint
            attributes["data-endpoint"] = endpoint
    if pinned:
        attributes |= {"integrity": pinned.integrity(kind), "crossorigin": "anonymous"}
    said = " ".join(f'{name}="{escape(value)}"' for name, value in attributes.items())
    return f"<script defer {said}></script>"
