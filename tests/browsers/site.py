"""The web site that the browsers open. Any path is a page; each row chooses the script tag."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from aiohttp import web

from tests.collector_stand import stopped
from wakeline.scripts import FOLDER

STUB = "window.wakeline=window.wakeline||function(){(wakeline.q=wakeline.q||[]).push(arguments)}"

# What reaches the page of a fault is harm; a page that came from the back/forward cache says so.
WATCH = """
const tell = (what, why) => navigator.sendBeacon("{site}/harm", `${location.pathname} ${what}: ${why}`);
addEventListener("error", ({message}) => tell("error", message));
addEventListener("unhandledrejection", ({reason}) => tell("rejection", reason));
addEventListener("securitypolicyviolation", ({violatedDirective: what, blockedURI: uri}) =>
  uri.endsWith("/favicon.ico") || tell(what, uri)); // that one is the browser's own wish
addEventListener("pageshow", ({persisted}) => persisted && navigator.sendBeacon("{site}/restored" + location.pathname));
"""


@dataclass(frozen=True, kw_only=True)
class Page:
    """One page. {site}, {other} and {collector} in its texts are their addresses."""

    script: str = "{collector}/wakeline.js"
    tag: str = "defer"  # more attributes of the script tag: 'defer data-consent="full"'
    scripts: int = 1  # how often the tag stands in the page; 0 where the page loads it by itself
    first: str = ""  # JavaScript before all else
    head: str = ""
    body: str = ""
    title: str = ""  # the path without its slash by default
    status: int = 200
    nonce: str = ""
    doctype: str = "<!doctype html>"
    headers: Mapping[str, str] = field(default_factory=dict)

    def html(self, path: str) -> str:
        nonce = f' nonce="{self.nonce}"' if self.nonce else ""
        tag = f'<script{nonce} src="{self.script}" data-site="demo" {self.tag}></script>'
        return (
            f"{self.doctype}<meta charset=utf-8><title>{self.title or path[1:]}</title>"
            f"<script{nonce}>{WATCH}{self.first}</script>{self.head}<script{nonce}>{STUB}</script>"
            f"{tag * self.scripts}<body>{self.body}"
        )


STAYS = Page(scripts=0, status=204)  # the browser stays where it is
FULL_SCRIPT = "{collector}/wakeline.full.js"
OWN_SCRIPT = "/wakeline.js"  # the site's: it comes where the collector is away
OWN_ENDPOINT = "/v1/events"  # the site's: it passes events on, as a proxy of its own does
ASSETS = "/assets/"
LONGEST_LINE = 65_536  # of a request: some rows have long queries


def full_page(body: str = "", *, tag: str = "defer", head: str = "", first: str = "") -> Page:
    """A page with the full script."""
    return Page(script=FULL_SCRIPT, body=body, tag=tag, head=head, first=first)


class WebSite:
    """Serves `pages`, and `page` at any other path."""

    def __init__(self) -> None:
        self.page = Page()
        self.pages: dict[str, Page] = {}
        self.scripts: dict[str, str] = {}  # JavaScript of its own, by path
        self.served: list[str] = []  # paths, in order
        self.restored: list[str] = []  # paths of pages that came from the back/forward cache
        self.harm: list[str] = []
        self.posted: list[str] = []  # bodies of forms
        self.assets: Path | None = None  # the folder behind /assets/
        self.url = self.other = self.collector = ""  # `other` is the same site under another host

    async def get(self, request: web.Request) -> web.StreamResponse:
        path = request.path
        if path == "/favicon.ico":
            return web.Response(status=404)
        if path == OWN_SCRIPT:
            return web.Response(body=(FOLDER / OWN_SCRIPT[1:]).read_bytes(), content_type="text/javascript")
        if path in self.scripts:
            return web.Response(text=self.scripts[path], content_type="text/javascript")
        if self.assets and path.startswith(ASSETS):
            return web.FileResponse(self.assets / path.removeprefix(ASSETS))
        self.served.append(path)
        page = self.pages.get(path, self.page)
        headers = {name: self._filled(value) for name, value in page.headers.items()}
        html = self._filled(page.html(path))
        return web.Response(text=html, content_type="text/html", status=page.status, headers=headers)

    async def post(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/harm":
            self.harm.append(await request.text())
        elif request.path.startswith("/restored"):
            self.restored.append(request.path.removeprefix("/restored"))
        elif request.path == OWN_ENDPOINT:
            return await self._passed_on(request)
        else:
            self.posted.append(await request.text())
            return await self.get(request)
        return web.Response(status=204)

    async def _passed_on(self, request: web.Request) -> web.Response:
        headers = {name: request.headers[name] for name in ("Origin", "Content-Type", "User-Agent")}
        async with (
            aiohttp.ClientSession() as http,
            http.post(self.collector + OWN_ENDPOINT, data=await request.read(), headers=headers) as answer,
        ):
            return web.Response(status=answer.status, body=await answer.read())

    def _filled(self, text: str) -> str:
        addresses = {"{site}": self.url, "{other}": self.other, "{collector}": self.collector}
        for name, address in addresses.items():
            text = text.replace(name, address)
        return text


@asynccontextmanager
async def serving(site: WebSite) -> AsyncIterator[None]:
    app = web.Application()
    app.router.add_get("/{path:.*}", site.get)
    app.router.add_post("/{path:.*}", site.post)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, max_line_size=LONGEST_LINE)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    site.url, site.other = f"http://127.0.0.1:{port}", f"http://localhost:{port}"
    yield
    await stopped(runner)
