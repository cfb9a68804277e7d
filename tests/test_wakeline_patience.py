"""Unavailable services are waited for, and each reason is logged once."""

from __future__ import annotations

import logging

import pytest

from wakeline.patience import Outage, patiently

LOG = logging.getLogger("wakeline.test")


class Away:
    """Fails so often with these reasons, then answers."""

    def __init__(self, *reasons: str) -> None:
        self.reasons = list(reasons)

    async def ask(self) -> str:
        if self.reasons:
            raise ConnectionError(self.reasons.pop(0))
        return "here"


async def test_it_returns_what_was_waited_for_and_says_each_reason_once(caplog: pytest.LogCaptureFixture) -> None:
    away = Away("refused", "refused", "refused", "no route", "refused")
    assert await patiently(away.ask, (ConnectionError,), LOG, "waiting for it", pause_s=0) == "here"
    said = ["waiting for it: refused", "waiting for it: no route", "waiting for it: refused"]
    assert [record.getMessage() for record in caplog.records] == said


async def test_what_is_there_is_asked_once_and_nothing_is_said(caplog: pytest.LogCaptureFixture) -> None:
    assert await patiently(Away().ask, (ConnectionError,), LOG, "waiting for it") == "here"
    assert not caplog.records


async def test_every_other_error_is_raised_at_once() -> None:
    with pytest.raises(ConnectionError, match="refused"):
        await patiently(Away("refused").ask, (TimeoutError,), LOG, "waiting for it", pause_s=0)


def test_an_outage_is_said_again_once_it_was_over_or_long_ago(caplog: pytest.LogCaptureFixture) -> None:
    once, often = Outage(LOG), Outage(LOG, again_s=0)
    assert not once.is_over()
    for words in ("it is full: 1 byte", "it is full: 2 bytes"):
        once.say(words, kind="full")
    assert [record.getMessage() for record in caplog.records] == ["it is full: 1 byte"]
    assert once.is_over()
    assert not once.is_over()
    once.say("it is full: 3 bytes", kind="full")
    often.say("away")
    often.say("away", logging.ERROR)
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING", "WARNING", "ERROR"]
