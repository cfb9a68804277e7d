"""What is not there yet is waited for, and the log says so once for each reason."""

from __future__ import annotations

import logging

import pytest

from wakeline.patience import patiently

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
