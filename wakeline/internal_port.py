"""An internal port of a process, for /metrics and /healthz."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest

from wakeline.ports import ALIVE, CannotListen

STOP_S = 5.0  # for requests in progress


def metrics_of(registry: CollectorRegistry = REGISTRY, *, before: Callable[[], object] = lambda: None) -> web.RouteDef:
    """GET /metrics. `before` updates metrics that are computed on demand."""

    async def metrics(_: web.Request) -> web.Response:
        before()
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return web.get("/metrics", metrics)


def alive(word: str = "alive") -> web.RouteDef:
    """GET /healthz: the process is alive."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=f"{word}\n")

    return web.get(ALIVE, answer)


async def serve(
    what: Iterable[web.RouteDef] | web.Application, host: str, port: int, *, stop_s: float = STOP_S
) -> web.AppRunner:
    """Answers until the runner is cleaned up, without logging clients. Raises CannotListen.

    Bodies are not inflated: a small one may become so large that nobody else is answered meanwhile.
    """
    if not isinstance(what, web.Application):
        routes, what = what, web.Application()
        what.add_routes(routes)
    runner = web.AppRunner(what, access_log=None, shutdown_timeout=stop_s, auto_decompress=False)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        await runner.cleanup()
        raise CannotListen(host, port, error) from error
    return runner
