"""Access control of the shop's server: only pages of the shop itself, under its own host names."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Middleware

from wakeline.hosts import origin_of
from wakeline.ports import ALIVE
from wakeline.settings import Settings, Site
from wakeline.tag import collector_url

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

ASKED_BY_PAGE = "Wakeline-Demo"  # a header that another site's page could only send after a preflight, which fails


def guard(site: Site, settings: Settings, port: int) -> Middleware:
    """Refuses requests for other host names (DNS rebinding) or from other sites; adds security headers."""
    hosts = {urlsplit(origin).netloc for origin in site.origins}
    hosts |= {f"{name}:{port}" for name in ("localhost", "127.0.0.1", settings.internal_host)}
    headers = {
        "Content-Security-Policy": policy(collector_url(settings)),
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "same-origin",
    }

    @web.middleware
    async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path != ALIVE and request.headers.get("Host", "").lower() not in hosts:
            return web.Response(status=421, text="The demo shop does not answer to this name.\n")
        answer = await handler(request)
        for name, value in headers.items():
            answer.headers.setdefault(name, value)  # a mail's policy is stricter
        answer.headers.setdefault("Cache-Control", "no-cache")  # revalidated each time, so that edited files are seen
        return answer

    return guarded


def policy(collector: str) -> str:
    """The Content-Security-Policy: everything from this server, except the collector's script and endpoint."""
    origin = origin_of(collector)
    return (
        f"default-src 'none'; script-src 'self' {origin}; connect-src 'self' {origin}; img-src 'self'; "
        "style-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


def is_own_page(request: web.Request) -> bool:
    """Whether a script on a page of the shop sent the request."""
    return ASKED_BY_PAGE in request.headers and request.headers.get("Sec-Fetch-Site", "same-origin") == "same-origin"
