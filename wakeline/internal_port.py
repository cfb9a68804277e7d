"""What a process shows on its internal port: /metrics, and /healthz, which says that it is alive."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest


def internal_app(
    registry: CollectorRegistry = REGISTRY, *, before: Callable[[], object] = lambda: None
) -> web.Application:
    """`before` brings metrics up to date that are not kept so."""

    async def metrics(_: web.Request) -> web.Response:
        before()
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def alive(_: web.Request) -> web.Response:
        return web.Response(text="alive\n")

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    app.router.add_get("/healthz", alive)
    return app
