"""`Server` tells Wakeline what happens in a shop's own programs: its back end, its till, its service desk.

    wakeline = Server("https://stats.your-site.example", key)          # one for the whole process
    wakeline.event("contact", id="mail-77", customer=1042, contact_id="77", channel="mail", state="opened")

`event` queues and returns at once: a thread sends what waits, every second or as soon as a request is full, and tries
again until it is answered. What waits lies in memory: it outlives an outage of Wakeline, not the end of the process by
force. For what must not be lost there is `send`, which returns once the events are on Wakeline's disk.
"""

from __future__ import annotations

import atexit
import logging
import os
import ssl
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from math import inf
from typing import TYPE_CHECKING, Any, TypedDict
from uuid import UUID

from wakeline.patience import Outage
from wakeline.server.answers import Result, Unsent
from wakeline.server.events import Prepared, batches, prepare
from wakeline.server.post import Poster
from wakeline.server.queue import Queue, QueueFull
from wakeline.server.retries import LONGEST_PAUSE_S, Sender, Trouble

if TYPE_CHECKING:
    from typing import Self

log = logging.getLogger("wakeline.server")

Rejected = Callable[[Result, dict[str, Any]], object]
Left = Callable[[list[dict[str, Any]]], object]


class Options(TypedDict, total=False):
    """The settings of `Server`, which explains them, by keyword."""

    site: str | None
    on_rejected: Rejected | None
    on_unsent: Left | None
    flush_s: float
    max_queued: int
    full_wait_s: float | None
    timeout_s: float
    exit_s: float
    context: ssl.SSLContext | None


class Server:
    """A connection to Wakeline. Thread-safe; after a fork, parent and child each send what they queued themselves.

    `url` is the collector's address, `key` what `wakeline key make` printed, `site` the key's site (may be left out).
    `on_rejected(result, event)` is called in the sending thread with each queued event that Wakeline rejects for good;
    without it, the reason is logged. At most `max_queued` events wait; if there is no room, `event` waits `full_wait_s`
    seconds for it (0: not at all; None: as long as it takes), then raises QueueFull. At the end of the process, what
    waits is sent within `exit_s` seconds, and what is left then is given to `on_unsent(events)`, or logged as a number.
    One attempt may take `timeout_s` seconds. Raises ValueError for a URL or a key that is none.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        site: str | None = None,
        on_rejected: Rejected | None = None,
        on_unsent: Left | None = None,
        flush_s: float = 1.0,
        max_queued: int = 10_000,
        full_wait_s: float | None = 5.0,
        timeout_s: float = 10.0,
        exit_s: float = 10.0,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self._on_rejected, self._on_unsent = on_rejected, on_unsent
        self.full_wait_s, self._exit_s = full_wait_s, exit_s
        self._is_closed = False

        def made() -> _InProcess:
            return _InProcess(Queue(max_queued, flush_s), Sender(Poster(url, key, context), site, timeout_s))

        self._made = made
        self._own = made()
        _servers.add(self)

    def event(
        self,
        type: str,
        /,
        *,
        id: str | int | UUID | None = None,
        time: datetime | int | str | None = None,
        customer: str | int | None = None,
        visitor: str | None = None,
        **fields: object,
    ) -> str:
        """Queue one event, and return its id. The fields of each type: docs/servers.md.

        `id` is your own name of what happened, so that telling it twice counts once; without it, a new one is made.
        `time` is when it happened: a datetime with a zone, ms since 1970, or ISO 8601 with a zone; else now. Amounts
        are best given as Decimal. Raises BadEvent, QueueFull, and RuntimeError after `close`.
        """
        said = {"type": type, "id": id, "time": time, "customer": customer, "visitor": visitor, **fields}
        return self.queue_prepared(prepare(said), self.full_wait_s)

    def send(self, events: Iterable[Mapping[str, object]], *, timeout_s: float = 30.0) -> list[Result]:
        """Send events, and return what became of each, in their order: accepted ones are on Wakeline's disk.

        Each is what `event` takes, as a dictionary: {"type": "refund", "id": "refund-9", ...}. What is queued is not
        waited for. Raises BadEvent before anything is sent, Unsent if there is no answer within `timeout_s` seconds,
        and Refused if there will be none. Both say which events these are: keep them, and send them again.
        """
        self._check_open()
        left = [prepare(event) for event in events]
        deadline, results, own = time.monotonic() + timeout_s, list[Result](), self._own
        for batch in batches(left):
            try:
                results += own.sender.until_answered(batch, deadline, own.stop)
            except Trouble as trouble:
                raise trouble.raised(left[len(results) :], results) from trouble
        return results

    def flush(self, timeout_s: float | None = 30.0) -> bool:
        """Send now what is queued; whether all of it was answered in time. What was not stays queued."""
        return self._own.queue.flush(timeout_s)

    def close(self, timeout_s: float = 10.0) -> None:
        """Send what is queued and end. Raises Unsent, or Refused, with what was not answered in time."""
        if self._is_closed:
            return
        self._is_closed = True
        atexit.unregister(self._at_exit)
        own, deadline = self._own, time.monotonic() + timeout_s
        own.queue.close()
        own.stop.set()
        worker, trouble = own.worker, Trouble("the last attempt was still going on")
        if worker is not None:
            worker.join(timeout_s)
        if worker is None or not worker.is_alive():
            try:
                while batch := own.queue.next():
                    self._told(own, batch, own.sender.until_answered(batch, deadline, threading.Event()))
            except Trouble as last:
                trouble = last
        own.sender.poster.close()
        if left := own.queue.left():
            raise trouble.raised(left, [])

    @property
    def queued(self) -> int:
        """How many events wait for their answer."""
        return len(self._own.queue)

    @property
    def trouble(self) -> str:
        """Why the queue is not emptied at present; "" if it is."""
        return self._own.trouble

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Server {self._own.sender.poster.address}, {self.queued} queued>"

    def queue_prepared(self, event: Prepared, wait_s: float | None) -> str:
        """What `event` and AsyncServer do with what is prepared."""
        self._check_open()
        own = self._own
        if own.worker is None:
            self._start(own)
        if not own.queue.put(event, wait_s):
            raise QueueFull(f"{len(own.queue):,} events wait already: {own.trouble or 'they come faster than they go'}")
        return event.id

    def _check_open(self) -> None:
        if self._is_closed:
            raise RuntimeError("this Server is closed")

    # ---- the thread --------------------------------------------------------------------------------------

    def _start(self, own: _InProcess) -> None:
        with own.lock:
            if own.worker is not None:
                return
            worker = threading.Thread(target=self._work, args=(own,), name="wakeline-server", daemon=True)
            worker.start()
            own.worker = worker
            atexit.register(self._at_exit)
            forked = sys.modules.get("multiprocessing.util")  # whose children end without atexit
            if forked is not None:
                forked.Finalize(self, _end, args=(weakref.ref(self),), exitpriority=0)

    def _work(self, own: _InProcess) -> None:
        def said(trouble: Trouble) -> None:
            own.trouble = str(trouble)
            level = logging.ERROR if trouble.is_final else logging.WARNING
            own.outage.say(f"events wait, and are tried again: {trouble}", level)

        while batch := own.queue.due():
            try:
                results = own.sender.until_answered(batch, inf, own.stop, outlasts_refusals=True, said=said)
                self._told(own, batch, results)
            except Trouble:
                return  # only once it is to stop: `close` sends the rest
            except Exception:
                log.exception("events wait, and are tried again")
                own.stop.wait(LONGEST_PAUSE_S)

    def _told(self, own: _InProcess, batch: list[Prepared], results: list[Result]) -> None:
        """They leave the queue, and those that were rejected are said."""
        own.queue.done(len(batch))
        own.trouble = ""
        if own.outage.is_over():
            log.info("events are told again")
        for event, result in zip(batch, results, strict=True):
            if result.is_accepted:
                continue
            if self._on_rejected is None:
                where = f"`{result.field}` " if result.field else ""
                log.warning("%r was rejected for good (%s): %s%s", event.type, result.reason, where, result.message)
                continue
            try:
                self._on_rejected(result, event.as_dict())
            except Exception:
                log.exception("on_rejected failed for an event %r", event.type)

    # ---- the end of the process, and forks ---------------------------------------------------------------

    def _at_exit(self) -> None:
        try:
            self.close(self._exit_s)
        except Unsent as left:
            if self._on_unsent is not None:
                self._on_unsent(left.events)
            else:
                log.error("%s", left)

    def _in_child(self) -> None:
        """After a fork: what the parent queued is the parent's, and so are its thread, locks and connections."""
        self._own = self._made()


class _InProcess:
    """What one process has of a Server."""

    def __init__(self, queue: Queue, sender: Sender) -> None:
        self.queue, self.sender = queue, sender
        self.worker: threading.Thread | None = None
        self.lock = threading.Lock()
        self.stop = threading.Event()
        self.trouble = ""
        self.outage = Outage(log)


_servers: weakref.WeakSet[Server] = weakref.WeakSet()


def _end(server: weakref.ref[Server]) -> None:
    found = server()
    if found is not None:
        found._at_exit()


def _after_fork() -> None:
    for server in list(_servers):
        server._in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
