"""Where a link may lead: a page of the site, or of a host that the site allows. And the campaign that is added there.

A target is checked when it is signed and again before people are sent there. It has to be written as browsers read it:
what they would change (a backslash, a space, a line break, a letter beyond ASCII) or show (a user before an @) is
refused.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from urllib.parse import quote, unquote_plus, urlencode, urlsplit

from wakeline.mailing.token import MAX_TARGET, Token
from wakeline.vocabulary.fields import MAX_LABEL

WRITTEN = re.compile(r"https?://[A-Za-z0-9.:\[\]-]+(?:[/?#][!-\[\]^-~]*)?")  # printable ASCII but the backslash
PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))
DEFAULT_PORTS = {"http": 80, "https": 443}
SOURCE, MEDIUM = "newsletter", "email"  # of a mail that names no other
ADDED = ("utm_source", "utm_medium", "utm_campaign", "utm_content")


class Targets:
    """Where links of a site may lead: `origins` as browsers spell them, and `hosts` on their usual ports."""

    def __init__(self, origins: Collection[str], hosts: Collection[str] = ()) -> None:
        self._origins = frozenset(origins)
        self._hosts = frozenset(hosts)

    def fault(self, target: str) -> str:
        """What is wrong with a target, in words; "" for nothing."""
        if len(target) > MAX_TARGET:
            return f"has more than {MAX_TARGET:,} characters"
        if not WRITTEN.fullmatch(target):
            return "is no http(s) URL of printable ASCII, such as https://shop.example/page, without a user in it"
        try:
            parts = urlsplit(target)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            return "has no valid host"
        usual = DEFAULT_PORTS[parts.scheme]
        name = f"[{host}]" if ":" in host else host
        origin = f"{parts.scheme}://{name}" + (f":{port}" if port not in (None, usual) else "")
        if origin in self._origins or (host in self._hosts and port in (None, usual)):
            return ""
        return f"leads to {origin}, which is neither one of the site's origins nor in its link_hosts"


def written(target: str) -> str:
    """A target with the letters of its path, query and fragment that URLs do not have percent-encoded."""
    return quote(target.strip(), safe=PRINTABLE)


def with_campaign(target: str, token: Token) -> str:
    """The target with the token's campaign in those `utm` parameters that it does not have itself."""
    front, hash, fragment = target.partition("#")
    path, _, query = front.partition("?")
    known = {unquote_plus(part.partition("=")[0]).lower() for part in query.split("&")}
    added = {name: value for name, value in campaign_of(token).items() if value and name not in known}
    query = "&".join(filter(None, (query, urlencode(added))))
    return f"{path}?{query}{hash}{fragment}" if query else target


def campaign_of(token: Token) -> Mapping[str, str]:
    """The `utm` parameters of a token; "" for one that it does not say."""
    content = token.content or token.element.get("link", "")[:MAX_LABEL]
    return dict(zip(ADDED, (token.source or SOURCE, token.medium or MEDIUM, token.campaign, content), strict=True))
