"""Sends a batch until it is answered: the same ids each time, so that it counts once however often it arrives."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from http.client import HTTPException

import msgspec

from wakeline.server.answers import Answer, Refused, Result, Unsent, Verdict
from wakeline.server.events import Prepared
from wakeline.server.post import Poster, Reply

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
LONGEST_ASKED_S = 3_600.0  # a Retry-After beyond it is a mistake
LATER = frozenset((408, 425, 429))  # and everything from 500 on
ONE_IS_WRONG = ("malformed", "internal")  # reasons why a request is refused because of one of its events

_decode = msgspec.json.Decoder(Answer).decode
_encode = msgspec.json.Encoder().encode


class Trouble(Exception):
    """A batch has no answer. The message says why and holds nothing of the events."""

    def __init__(
        self,
        words: str,
        *,
        retry_after_s: float | None = None,
        status: int = 0,
        reason: str = "",
        is_final: bool = False,
    ) -> None:
        super().__init__(words)
        self.retry_after_s, self.status, self.reason = retry_after_s, status, reason
        self.is_final = is_final  # another attempt gets the same answer, until somebody changes something

    def raised(self, rest: list[Prepared], results: list[Result]) -> Unsent:
        """As the caller sees it, with the events that are left."""
        events = [event.as_dict() for event in rest]
        if self.is_final:
            return Refused(str(self), events, results, self.status, self.reason)
        return Unsent(str(self), events, results)


class Pauses:
    """Each pause is twice as long as the one before, by chance a little more or less, and never below what is asked."""

    def __init__(self) -> None:
        self._next_s = FIRST_PAUSE_S

    def next(self, trouble: Trouble) -> float:
        """Seconds until the next attempt."""
        longest, self._next_s = self._next_s, min(2 * self._next_s, LONGEST_PAUSE_S)
        asked = min(trouble.retry_after_s or 0.0, LONGEST_ASKED_S)
        return max(random.uniform(longest / 2, longest), asked * random.uniform(1, 1.25))


class Sender:
    """Sends batches for one site. Thread-safe."""

    def __init__(self, poster: Poster, site: str | None, timeout_s: float) -> None:
        self.poster = poster
        self._head = b'{"events":[' if site is None else b'{"site":' + _encode(site) + b',"events":['
        self._timeout_s = timeout_s  # of one request

    def until_answered(
        self,
        batch: list[Prepared],
        deadline: float,
        stop: threading.Event,
        *,
        outlasts_refusals: bool = False,
        said: Callable[[Trouble], None] = lambda trouble: None,
    ) -> list[Result]:
        """The results in the order of `batch`, retried until `deadline` (of time.monotonic()) or `stop`.

        Raises the last Trouble, and one that is final at once unless it `outlasts_refusals`. `said` hears of each.
        """
        pauses = Pauses()
        while True:
            try:
                return self._answered(batch, min(self._timeout_s, max(deadline - time.monotonic(), 0.1)))
            except Trouble as trouble:
                said(trouble)
                if trouble.is_final and not outlasts_refusals:
                    raise
                pause = pauses.next(trouble)
                if time.monotonic() + pause > deadline or stop.wait(pause):
                    raise

    def _answered(self, batch: list[Prepared], timeout_s: float) -> list[Result]:
        """One attempt. What is refused because of one event is divided until that one is found. Raises Trouble."""
        body = self._head + b",".join(event.body for event in batch) + b"]}"
        try:
            reply = self.poster.post(body, timeout_s)
        except (OSError, HTTPException) as error:
            words = str(error) or type(error).__name__
            raise Trouble(f"{self.poster.address} does not answer: {words}") from error
        answer = _answer(reply)
        results = answer.results
        if reply.status in (202, 400) and results is not None and len(results) == len(batch):
            return [_result(event, verdict) for event, verdict in zip(batch, results, strict=True)]
        if reply.status == 413 or (reply.status == 400 and answer.reason in ONE_IS_WRONG):
            if len(batch) == 1:
                message = answer.message or "a request with it alone is refused"
                return [Result(batch[0].id, "rejected", answer.reason or "too_large", message=message)]
            middle = len(batch) // 2
            return self._answered(batch[:middle], timeout_s) + self._answered(batch[middle:], timeout_s)
        raise self._trouble(reply, answer)

    def _trouble(self, reply: Reply, answer: Answer) -> Trouble:
        status, reason = reply.status, answer.reason or ""
        words = f"{self.poster.address} answers {status} {reason}".rstrip()
        if status == 202:
            return Trouble(f"{words}, but not for each event", status=status)
        if status in LATER or status >= 500:
            return Trouble(words, retry_after_s=reply.retry_after_s, status=status, reason=reason)
        if answer.message:
            words += f": {answer.message}"
        elif status in (401, 403):
            words += ": the key is wrong, revoked, of another site, or may not tell events"
        elif not reason:
            words += ": is that the collector's address?"
        return Trouble(words, status=status, reason=reason, is_final=True)


def _result(event: Prepared, verdict: Verdict) -> Result:
    return Result(event.id, verdict.status, verdict.reason or "", verdict.field or "", verdict.message or "")


def _answer(reply: Reply) -> Answer:
    """The body of the answer; an empty one if it is not Wakeline's, as that of a proxy."""
    try:
        return _decode(reply.body)
    except msgspec.DecodeError:
        return Answer()
