"""The HTTP edge of the public port, on aiohttp's low-level server.

aiohttp's application would answer 404, 405 and 413 itself, without CORS, and log addresses with errors; a few paths
need no router. Every answer is made here or by the handlers.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, cast

from aiohttp import HttpVersion11, web
from aiohttp.http_exceptions import HttpProcessingError

from collector import responses as answers
from collector import server_answers
from collector.addresses import Addresses, sender
from collector.connections import Connections
from collector.limiter import Limiter
from collector.metrics import Metrics
from wakeline.event import MAX_BODY_BYTES
from wakeline.traces import without_words

logger = logging.getLogger("wakeline.collector")

KEEPALIVE_S = 75.0  # an idle connection
FIRST_REQUEST_S = 10.0  # until a silent connection, or one with unfinished headers, is closed
TIMED_OUT = 408
LINGER_S = 2.0  # lets a sender read its 413 before the connection closes
MAX_UNREAD_BYTES = 65_536  # unread answers of one sender
MAX_HEADER_BYTES = 16_384  # other parts of a site may set many cookies, which must not block its events
MAX_HEADERS = 64  # a browser sends about 20; with the above at most 1 MB per connection

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
Routes = Mapping[str, Mapping[str, Handler]]  # path -> method -> handler; one that ends with "/": whatever is below


class Server(web.Server):
    """Serves `routes`; counts answers by status.

    `limiter` counts all requests of an address, except those of the handlers `count_themselves`, which do so themselves
    to keep their ledger. Answers at the paths `of_servers` have no CORS headers.
    """

    def __init__(
        self,
        routes: Routes,
        metrics: Metrics,
        *,
        connections: Connections,
        addresses: Addresses,
        limiter: Limiter,
        count_themselves: Collection[Handler],
        of_servers: Collection[str] = (),
    ) -> None:
        super().__init__(
            self._answer,
            access_log=None,
            auto_decompress=False,  # aiohttp accepts a truncated gzip body as complete; see `body`
            keepalive_timeout=KEEPALIVE_S,
            lingering_time=LINGER_S,
            max_field_size=MAX_HEADER_BYTES,
            max_headers=MAX_HEADERS,
            read_bufsize=MAX_BODY_BYTES,
        )
        self._routes = routes
        self._addresses = addresses
        self._limiter = limiter
        self._count_themselves = frozenset(count_themselves)
        self._of_servers = frozenset(of_servers)
        self.held = connections
        self.metrics = metrics

    def __call__(self) -> web.RequestHandler:
        return _Connection(self, loop=self._loop, **self._kwargs)

    def counted_as(self, peer: str) -> int | None:
        """The owner of a connection for the limits; None for proxies, with many behind them."""
        return None if self._addresses.is_proxy(peer) else sender(peer)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        self.held.works(cast(_Connection, request.protocol))
        response = await self._handled(request)
        self.metrics.requests[response.status] += 1
        if "Expect" in request.headers and not request.content.is_eof():
            response.force_close()  # only the sender knows whether more of the body follows
        if request.transport is not None and request.transport.get_write_buffer_size() > MAX_UNREAD_BYTES:
            request.transport.abort()  # it keeps sending and never reads an answer
        return response

    def _allows(self, request: web.BaseRequest) -> bool:
        return self._limiter.allows(
            self._addresses.client(request.remote or "", request.headers.getall("X-Forwarded-For", ()))
        )

    async def _handled(self, request: web.BaseRequest) -> web.StreamResponse:
        origin = answers.sent_origin(request)
        path = request.raw_path
        if path not in self._routes:
            path = path.partition("?")[0]
            if path not in self._routes and (above := path[: path.rfind("/") + 1]) in self._routes:
                path = above
        methods = self._routes.get(path)
        handler = methods.get(request.method) if methods is not None else None
        is_of_servers = path in self._of_servers
        if handler not in self._count_themselves and not self._allows(request):
            return server_answers.too_many() if is_of_servers else answers.too_many(origin)
        if not is_expected(request):
            return self._plain(path, origin, 417, "Only 100-continue is supported in Expect.")
        if methods is None:
            return self._plain(path, origin, 404, "Nothing here.")
        if handler is None:
            if request.method == "OPTIONS" and not is_of_servers:
                return answers.preflight(origin, request.headers.get("Access-Control-Request-Headers", ""))
            more = () if is_of_servers else ("OPTIONS",)
            return self._plain(path, origin, 405, "Method not allowed.", Allow=", ".join((*methods, *more)))
        try:
            return await handler(request)
        except ConnectionError:
            raise  # the sender disconnected: no answer possible
        except Exception as error:
            logger.error("a request failed\n%s", without_words(error))
            return self._plain(path, origin, 500, "Internal error; see the log.")

    def _plain(self, path: str, origin: str | None, status: int, text: str, **more: str) -> web.Response:
        if path in self._of_servers:
            return server_answers.plain(status, text, **more)
        return answers.plain(origin, status, text, **more)


def is_expected(request: web.BaseRequest) -> bool:
    """Whether an Expect header is supported; `body` handles it. HTTP/1.0 has none."""
    expected = request.headers.get("Expect")
    return expected is None or request.version < HttpVersion11 or expected.strip().lower() == "100-continue"


class _Connection(web.RequestHandler):
    """Closes connections without requests or to make room, and keeps addresses out of error messages."""

    _first_request: asyncio.TimerHandle | None = None
    turn = 0  # see `connections`
    is_working = False
    counted_as: int | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        peer = transport.get_extra_info("peername")
        server: Any = self._manager
        self._connections: Connections = server.held
        self._connections.opened(self, counted_as=server.counted_as(peer[0] if isinstance(peer, tuple) else ""))
        self._first_request = self._loop.call_later(FIRST_REQUEST_S, self._close_if_silent)

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._first_request is not None:
            self._first_request.cancel()
        self._connections.closed(self)
        super().connection_lost(exc)

    def give_way(self) -> None:
        transport = self.transport
        self.force_close()
        if transport is not None:
            transport.abort()  # a graceful close would wait for the client to read

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        finished = await super().finish_response(request, resp, start_time)
        self._connections.waits(self)
        if resp.status == TIMED_OUT:
            self.force_close()  # do not wait again for a body that did not arrive in time
        return finished

    def _close_if_silent(self) -> None:
        self._first_request = None
        if self._request_count == 0:
            self.force_close()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer invalid HTTP. The origin is unknown, so any may read the answer."""
        if isinstance(exc, ConnectionError):
            raise exc  # the sender disconnected: not an error, no answer possible
        if request.writer.output_size > 0:
            raise ConnectionResetError("the answer had already begun")
        if exc is not None and not isinstance(exc, HttpProcessingError):
            logger.error("a connection failed\n%s", without_words(exc))
        response = web.Response(
            status=status, text="Not HTTP.\n", headers={"Access-Control-Allow-Origin": "*", "Server": "wakeline"}
        )
        response.force_close()
        server: Any = self._manager
        server.metrics.requests[status] += 1
        return response
