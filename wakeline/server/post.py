"""One request to the collector, over connections that are kept open. Thread-safe."""

from __future__ import annotations

import re
import ssl
import threading
import time
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import NamedTuple
from urllib.parse import urlsplit

from wakeline.server_events import PATH

KEY = re.compile(r"wk_[A-Za-z0-9]{12}_[A-Za-z0-9_-]{43}")
MAX_IDLE = 8  # connections that are kept open
MAX_ANSWER_BYTES = 4_000_000  # 500 results have a tenth of it


class Reply(NamedTuple):
    """An answer over HTTP."""

    status: int
    body: bytes
    retry_after_s: float | None  # how long the server asks to wait


class Poster:
    """Posts bodies to the collector at `url` with the `key`. Raises ValueError for a URL or a key that is none."""

    def __init__(self, url: str, key: str, context: ssl.SSLContext | None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("`url` has to be the collector's address, as https://stats.your-site.example")
        if parts.username is not None:
            raise ValueError("`url` has a user in it: the key alone says who tells")
        if not KEY.fullmatch(key):
            raise ValueError("`key` is not a whole key: `wakeline key make` prints one, wk_..._...")
        self.address = f"{parts.scheme}://{parts.netloc}"
        self._host, self._port = parts.hostname, parts.port
        self._path = parts.path.rstrip("/") + PATH
        self._context = (context or ssl.create_default_context()) if parts.scheme == "https" else None
        self._headers = {
            "Authorization": f"Bearer {key}",
            "Content-Type": "application/json",
            "User-Agent": "wakeline-python",
        }
        self._idle: list[HTTPConnection] = []
        self._lock = threading.Lock()

    def post(self, body: bytes, timeout_s: float) -> Reply:
        """The answer. Raises OSError or HTTPException if there is none within `timeout_s` of silence."""
        with self._lock:
            kept = self._idle.pop() if self._idle else None
        if kept is not None:
            try:
                return self._ask(kept, body, timeout_s)
            except TimeoutError:
                raise
            except (OSError, HTTPException):
                pass  # the server closed it between two requests, as servers do
        return self._ask(self._connection(timeout_s), body, timeout_s)

    def close(self) -> None:
        """Close the connections that are idle."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _connection(self, timeout_s: float) -> HTTPConnection:
        if self._context is None:
            return HTTPConnection(self._host, self._port, timeout=timeout_s)
        return HTTPSConnection(self._host, self._port, timeout=timeout_s, context=self._context)

    def _ask(self, connection: HTTPConnection, body: bytes, timeout_s: float) -> Reply:
        is_reusable = False
        try:
            if connection.sock is not None:
                connection.sock.settimeout(timeout_s)
            try:
                connection.request("POST", self._path, body, self._headers)
            except (BrokenPipeError, ConnectionResetError):
                if connection.sock is None:
                    raise
                # A server that refuses a body without reading it has answered already.
            with connection.getresponse() as response:
                text = response.read(MAX_ANSWER_BYTES)
                is_reusable = response.isclosed() and not response.will_close
                return Reply(response.status, text, _seconds(response.headers.get("Retry-After")))
        finally:
            if is_reusable:
                self._keep(connection)
            else:
                connection.close()

    def _keep(self, connection: HTTPConnection) -> None:
        with self._lock:
            if len(self._idle) < MAX_IDLE:
                self._idle.append(connection)
                return
        connection.close()


def _seconds(retry_after: str | None) -> float | None:
    """Retry-After as seconds from now; None without one, or if it is neither seconds nor a date."""
    if retry_after is None:
        return None
    if retry_after.strip().isdecimal():
        return float(retry_after)
    try:
        return max(0.0, parsedate_to_datetime(retry_after).timestamp() - time.time())
    except ValueError:
        return None
