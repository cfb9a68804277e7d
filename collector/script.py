"""`GET /wakeline.js`: the snippet from memory, compressed ahead of time.

Its URL never changes while its content does, so browsers may keep it for an hour and use it for one more
day while they ask again; the ETag makes that question cheap.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from aiohttp import web

SCRIPT = Path(__file__).parent / "static" / "wakeline.js"
CACHE = "public, max-age=3600, stale-while-revalidate=86400"
SUFFIXES = {"br": ".br", "gzip": ".gz"}  # the smaller form first


class Script:
    """The file at `path`; beside it may lie its compressed forms, .br and .gz. Raises OSError without it."""

    def __init__(self, path: Path = SCRIPT) -> None:
        plain = path.read_bytes()
        tag = hashlib.sha256(plain).hexdigest()[:20]
        self._forms = {"": plain}
        for coding, suffix in SUFFIXES.items():
            compressed = path.with_name(path.name + suffix)
            if compressed.exists():
                self._forms[coding] = compressed.read_bytes()
        self._tags = {coding: f'"{tag}-{coding}"' if coding else f'"{tag}"' for coding in self._forms}

    async def get(self, request: web.BaseRequest) -> web.Response:
        """200, or 304 for a matching If-None-Match. Public: any page may load it, also under COEP."""
        coding = self._coding(request.headers.get("Accept-Encoding", ""))
        headers = {
            "ETag": self._tags[coding],
            "Cache-Control": CACHE,
            "Vary": "Accept-Encoding",
            "Access-Control-Allow-Origin": "*",
            "Cross-Origin-Resource-Policy": "cross-origin",
            "X-Content-Type-Options": "nosniff",
            "Server": "wakeline",
        }
        if matches(request.headers.get("If-None-Match", ""), self._tags[coding]):
            return web.Response(status=304, headers=headers)
        if coding:
            headers["Content-Encoding"] = coding
        headers["Content-Type"] = "text/javascript; charset=utf-8"
        return web.Response(headers=headers, body=self._forms[coding])

    def _coding(self, accept: str) -> str:
        if not accept:
            return ""
        accepted = accepted_codings(accept)
        return next((coding for coding in SUFFIXES if coding in self._forms and coding in accepted), "")


def accepted_codings(header: str) -> set[str]:
    """The codings of an Accept-Encoding header, without those of quality 0."""
    found = set()
    for item in header.lower().split(","):
        name, _, parameters = item.partition(";")
        quality = parameters.replace(" ", "").removeprefix("q=") or "1"
        if quality.strip("0.") or quality == "1":
            found.add(name.strip())
    return found


def matches(header: str, tag: str) -> bool:
    """Whether an If-None-Match header names `tag`; compared weakly, as RFC 9110 wants it."""
    return header.strip() == "*" or tag in (item.strip().removeprefix("W/") for item in header.split(","))
