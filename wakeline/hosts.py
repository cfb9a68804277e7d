"""The name of a host as browsers send it: in lower case, beyond ASCII in punycode as UTS 46 says, non-transitional."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from urllib.parse import SplitResult, urlsplit, urlunsplit

from idna import IDNAError, uts46_remap

from wakeline.normalization import has_long_run

MAX_HOST = 253  # characters of a name
MAX_LABEL = 63  # between two of its dots
MAX_REMEMBERED = 1_000  # characters of a URL: of longer ones Python's memory of the latest would take many megabytes
MAX_AUTHORITY = 1_000  # characters of a user, a password, a host and a port
DEFAULT_PORTS = {"http": 80, "https": 443}
AUTHORITY = re.compile("//([^/?#]*)")
LEFT_OUT = str.maketrans("", "", "\t\n\r")  # of a URL, by browsers and by `urlsplit`
SIGNS = str.maketrans("", "", "@:")  # of an authority, before `urlsplit` normalizes it


def split(url: str) -> SplitResult:
    """`urlsplit` in linear time, of a stranger's URL. Raises ValueError, also where the authority is none.

    `urlsplit` normalizes the authority before anybody has seen whether a host is in it.
    """
    if not url.isascii() and (found := AUTHORITY.search(url.translate(LEFT_OUT))):
        authority = found[1]
        if len(authority) > MAX_AUTHORITY or has_long_run(authority.translate(SIGNS)):
            raise ValueError("what stands where the host should is none")
    return urlsplit(url) if len(url) <= MAX_REMEMBERED else _split_anew(url)


_split_anew: Callable[[str], SplitResult] = urlsplit.__wrapped__  # type: ignore[attr-defined]  # by `lru_cache`


def ascii_host(host: str) -> str:
    """`host` as browsers spell it. "straße.de" is xn--strae-oqa.de, not strasse.de, which is somebody else's.

    "" for what no host may be called. Emoji are no letters to IDNA, but browsers take them, so this does.
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
    if any(len(label) > MAX_LABEL for label in labels):  # Punycode of a long one takes quadratic time
        return ""
    return ".".join(
        label if label.isascii() else f"xn--{label.encode('punycode').decode()}" for label in labels
    ).lower()


def ascii_url(url: str) -> str:
    """An http(s) URL with its host as browsers spell it; what is none stays as it is."""
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
    """The origin that a http(s) URL lies in, as browsers send it: scheme, host, the port if it is not the scheme's own.

    "" for what is no such URL.
    """
    try:
        parts = urlsplit(text.strip())
        host, port = ascii_host(parts.hostname or ""), parts.port
    except ValueError:  # a broken port, an open bracket
        return ""
    if parts.scheme not in DEFAULT_PORTS or not host or any(len(label) > MAX_LABEL for label in host.split(".")):
        return ""
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}" + (f":{port}" if port not in (None, DEFAULT_PORTS[parts.scheme]) else "")
