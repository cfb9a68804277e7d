"""Host names as browsers send them: lower case, non-ASCII as punycode (UTS 46, non-transitional)."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from urllib.parse import SplitResult, urlsplit, urlunsplit

from idna import IDNAError, uts46_remap

from wakeline.normalization import has_long_run

MAX_HOST = 253  # characters of a name
MAX_LABEL = 63  # characters between two dots
MAX_REMEMBERED = 1_000  # characters of a URL; `urlsplit` caches URLs, and longer ones would take megabytes
MAX_AUTHORITY = 1_000  # characters of user, password, host and port
DEFAULT_PORTS = {"http": 80, "https": 443}
AUTHORITY = re.compile("//([^/?#]*)")
LEFT_OUT = str.maketrans("", "", "\t\n\r")  # removed from a URL by browsers and by `urlsplit`
SIGNS = str.maketrans("", "", "@:")  # removed from an authority, before `urlsplit` normalizes it


def split(url: str) -> SplitResult:
    """`urlsplit` in linear time, for untrusted URLs. Raises ValueError, also for an invalid authority.

    `urlsplit` alone normalizes the authority before it checks for a host.
    """
    if not url.isascii() and (found := AUTHORITY.search(url.translate(LEFT_OUT))):
        authority = found[1]
        if len(authority) > MAX_AUTHORITY or has_long_run(authority.translate(SIGNS)):
            raise ValueError("the host is invalid")
    return urlsplit(url) if len(url) <= MAX_REMEMBERED else _split_anew(url)


_split_anew: Callable[[str], SplitResult] = urlsplit.__wrapped__  # type: ignore[attr-defined]  # by `lru_cache`


def ascii_host(host: str) -> str:
    """`host` as browsers spell it: "straße.de" is xn--strae-oqa.de, not strasse.de, which is another site.

    "" if it is not a valid host. IDNA does not allow emoji, but browsers do, and so does this function.
    """
    if host.isascii():
        return host.lower()
    return _punycode(host) if len(host) <= MAX_HOST else ""


@lru_cache(1_024)
def _punycode(host: str) -> str:
    try:
        mapped = uts46_remap(host, std3_rules=False)  # non-transitional unless told otherwise
    except IDNAError:
        return ""
    labels = mapped.split(".")
    if any(len(label) > MAX_LABEL for label in labels):  # Punycode takes quadratic time for long labels
        return ""
    return ".".join(
        label if label.isascii() else f"xn--{label.encode('punycode').decode()}" for label in labels
    ).lower()


def ascii_url(url: str) -> str:
    """An http(s) URL with its host as browsers spell it; other texts are returned unchanged."""
    try:
        parts = urlsplit(url)
        host = ascii_host(parts.hostname or "")
    except ValueError:
        return url
    if not host or url.isascii():
        return url
    user, at, address = parts.netloc.rpartition("@")
    _, colon, port = address.partition(":")
    return urlunsplit(parts._replace(netloc=f"{user}{at}{host}{colon}{port}"))


def origin_of(text: str) -> str:
    """The origin of an http(s) URL, as browsers send it: scheme, host, and the port unless it is the default.

    "" for other texts.
    """
    try:
        parts = urlsplit(text.strip())
        host, port = ascii_host(parts.hostname or ""), parts.port
    except ValueError:  # an invalid port or an unclosed bracket
        return ""
    if parts.scheme not in DEFAULT_PORTS or not host or any(len(label) > MAX_LABEL for label in host.split(".")):
        return ""
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}" + (f":{port}" if port not in (None, DEFAULT_PORTS[parts.scheme]) else "")
