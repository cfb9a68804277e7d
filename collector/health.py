"""Liveness and readiness endpoints of the public port."""

from __future__ import annotations

import asyncio
import time

from aiohttp import web

from collector import responses
from collector.writer import GroupCommit

READY_TIME_S = 1.5
KEPT_S = 1.0  # /readyz is public: it queries the log or the disk at most this often


class Health:
    """Handlers of /healthz and /readyz."""

    def __init__(self, writer: GroupCommit) -> None:
        self._writer = writer
        self._asked_at = float("-inf")
        self._asking: asyncio.Task[bool] | None = None

    async def alive(self, request: web.BaseRequest) -> web.Response:
        return responses.plain(responses.sent_origin(request), 200, "alive")

    async def ready(self, request: web.BaseRequest) -> web.Response:
        """200 while events are accepted, by the log or the spool, otherwise 503.

        Full memory is ignored: it affects all collectors equally, and orchestrators should not wait for it.
        """
        if self._asking is None or (self._asking.done() and time.monotonic() - self._asked_at > KEPT_S):
            self._asked_at = time.monotonic()
            self._asking = asyncio.create_task(self._writer.answers(READY_TIME_S))
        origin = responses.sent_origin(request)
        if await asyncio.shield(self._asking):
            return responses.plain(origin, 200, "ready")
        return responses.plain(origin, 503, "No events are accepted: the log is down.", Retry_After="2")
