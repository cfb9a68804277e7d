"""`GET /wakeline.js` and its companions: the snippet, served from memory and compressed ahead of time.

URLs without a version may be cached for an hour, and used for another day while revalidating with the ETag. The content
of a URL with a version never changes.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from aiohttp import web

from collector.server import Handler
from wakeline.scripts import FOLDER, PATH, version_of

SCRIPT = FOLDER / PATH[1:]
CACHE = "public, max-age=3600, stale-while-revalidate=86400"
FOR_EVER = "public, max-age=31536000, immutable"
SUFFIXES = {"br": ".br", "gzip": ".gz"}  # smallest first


class Script:
    """The file at `path`, and its compressed forms (.br and .gz) if they exist. Raises OSError if it is missing."""

    def __init__(self, path: Path = SCRIPT) -> None:
        plain = path.read_bytes()
        tag = hashlib.sha256(plain).hexdigest()[:20]
        self._cache = FOR_EVER if version_of(path.name) else CACHE
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
            "Cache-Control": self._cache,
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


def script_routes(core: str, folder: Path = FOLDER) -> dict[str, dict[str, Handler]]:
    """Every script in `folder`, of every version, under its own name and relative to the path `core`."""
    routes: dict[str, dict[str, Handler]] = {}
    for path in sorted(folder.glob("wakeline*.js")):
        script = Script(path)
        for beside in (PATH, core):
            routes[beside.removesuffix(".js") + path.name.removeprefix("wakeline")] = {
                "GET": script.get,
                "HEAD": script.get,
            }
    return routes


def accepted_codings(header: str) -> set[str]:
    """The codings in an Accept-Encoding header, except those with quality 0."""
    found = set()
    for item in header.lower().split(","):
        name, _, parameters = item.partition(";")
        quality = parameters.replace(" ", "").removeprefix("q=") or "1"
        if quality.strip("0.") or quality == "1":
            found.add(name.strip())
    return found


def matches(header: str, tag: str) -> bool:
    """Whether an If-None-Match header contains `tag`, by weak comparison (RFC 9110)."""
    return header.strip() == "*" or tag in (item.strip().removeprefix("W/") for item in header.split(","))
