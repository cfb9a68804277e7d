"""The events that wait to be sent, oldest first: bounded, and none leaves before it has an answer."""

from __future__ import annotations

import threading
import time
from collections import deque
from itertools import islice

from wakeline.server.events import Prepared, first_batch
from wakeline.server_events import MAX_BODY_BYTES, MAX_EVENTS

MAX_BYTES = 64 * MAX_BODY_BYTES  # of all that wait


class QueueFull(Exception):
    """The event is not queued, as too many wait already; the message says why they do."""


class Queue:
    """At most `most` events, which become due `linger_s` after they came, or once they fill a request. Thread-safe."""

    def __init__(self, most: int, linger_s: float) -> None:
        self._most, self._linger_s = most, linger_s
        self._changed = threading.Condition()
        self._waiting: deque[tuple[float, Prepared]] = deque()  # with the time.monotonic() when it becomes due
        self._bytes = 0
        self._put = self._done = 0  # events that ever came, and that left
        self._hurried = 0  # so many of those that came are due at once
        self._is_closed = False

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, event: Prepared, wait_s: float | None) -> bool:
        """Queue the event, waiting for room at most `wait_s` (None: as long as it takes); False if there was none.

        Raises RuntimeError if the queue is closed.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._is_closed or self._has_room(event), wait_s):
                return False
            if self._is_closed:
                raise RuntimeError("this Server is closed")
            self._waiting.append((time.monotonic() + self._linger_s, event))
            self._bytes += len(event.body)
            self._put += 1
            self._changed.notify_all()
            return True

    def due(self) -> list[Prepared]:
        """The next batch, once it is due; it stays in the queue until it is `done`. Empty if the queue is closed."""
        with self._changed:
            while not self._is_closed:
                if self._is_due():
                    return self._batch()
                self._changed.wait(self._waiting[0][0] - time.monotonic() if self._waiting else None)
            return []

    def next(self) -> list[Prepared]:
        """The next batch, due or not."""
        with self._changed:
            return self._batch()

    def done(self, number: int) -> None:
        """The oldest `number` events have their answer."""
        with self._changed:
            for _ in range(number):
                self._bytes -= len(self._waiting.popleft()[1].body)
            self._done += number
            self._changed.notify_all()

    def flush(self, wait_s: float | None) -> bool:
        """Make all that waits due, and wait until it has its answer; False if it had none in time."""
        with self._changed:
            upto = self._hurried = self._put
            self._changed.notify_all()
            return self._changed.wait_for(lambda: self._done >= upto, wait_s)

    def close(self) -> None:
        """No more events come, and nobody waits any longer. `next` still gives what is left."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def left(self) -> list[Prepared]:
        with self._changed:
            return [event for _, event in self._waiting]

    def _has_room(self, event: Prepared) -> bool:
        return len(self._waiting) < self._most and self._bytes + len(event.body) <= MAX_BYTES

    def _is_due(self) -> bool:
        if not self._waiting:
            return False
        is_full = len(self._waiting) >= MAX_EVENTS or self._bytes >= MAX_BODY_BYTES
        return is_full or self._done < self._hurried or self._waiting[0][0] <= time.monotonic()

    def _batch(self) -> list[Prepared]:
        number = first_batch(event for _, event in self._waiting)
        return [event for _, event in islice(self._waiting, number)]
