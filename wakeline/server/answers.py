"""An answer to `POST /v1/server/events`, and the errors for who could not get one."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct


class Result(Struct, frozen=True):
    """What became of one event: it is on disk, or rejected for good."""

    id: str
    status: Literal["accepted", "rejected"]
    reason: str = ""  # one word, of a rejected one
    field: str = ""  # what is wrong: "items[0].price"; "" if it is the event as a whole
    message: str = ""  # what is wrong with it, in words

    @property
    def is_accepted(self) -> bool:
        return self.status == "accepted"


class Verdict(Struct):
    """What the answer says of one event. Its `id` is left out: results come in the order sent."""

    status: Literal["accepted", "rejected"]
    reason: str | None = None
    field: str | None = None
    message: str | None = None


class Answer(Struct):
    """The body of every answer: `results`, or a `reason` if the whole request is refused."""

    results: list[Verdict] | None = None
    reason: str | None = None
    message: str | None = None


class Unsent(Exception):
    """No answer in time. `events` may have arrived or not: send them again later as they are, and each counts once."""

    def __init__(self, words: str, events: list[dict[str, Any]], results: list[Result]) -> None:
        super().__init__(f"{len(events)} events are not confirmed: {words}")
        self.events = events  # without an answer, with their ids and times: `Server.send` takes them
        self.results = results  # of the events before these, which were answered


class Refused(Unsent):
    """Another attempt would be refused too, until somebody changes something: the key, its scopes, the address."""

    def __init__(
        self, words: str, events: list[dict[str, Any]], results: list[Result], status: int, reason: str
    ) -> None:
        super().__init__(words, events, results)
        self.status = status  # of HTTP
        self.reason = reason  # of the answer; "" if it had none
