"""Logs about clients: which failure happened where in the code, never the sender or the content."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import Iterator

import aiohttp
import pytest
from aiohttp import web

from wakeline import logs
from wakeline.settings import LogFormat

WORDS = "secret-of-198.51.100.7"


@pytest.fixture(params=list(LogFormat))
def said(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What goes to stderr from here on, in each format."""
    root = logging.getLogger()
    kept, level = list(root.handlers), root.level
    stderr = io.StringIO()
    monkeypatch.setattr("sys.stderr", stderr)
    logs.configure(request.param, "api")
    yield stderr
    logging.captureWarnings(False)
    root.handlers[:] = kept
    root.setLevel(level)


async def failing(_: web.BaseRequest) -> web.StreamResponse:
    try:
        raise KeyError(WORDS)
    except KeyError as cause:
        raise ValueError(WORDS) from cause


async def test_a_handler_that_raises_is_logged_without_who_asked(said: io.StringIO) -> None:
    """On any server of Wakeline: the filter applies to all logs."""
    app = web.Application()
    app.router.add_get("/{tail:.*}", failing)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    (host, port, *_) = runner.addresses[0]
    async with aiohttp.ClientSession() as http, http.get(f"http://{host}:{port}/{WORDS}") as answer:
        assert answer.status == 500
    await runner.cleanup()
    text = said.getvalue()
    assert "Error handling request" in text
    assert "in failing" in text
    assert all(kind in text for kind in ("ValueError", "KeyError"))
    assert WORDS not in text
    assert host not in text


async def test_what_a_loop_says_of_a_connection_names_nobody(said: io.StringIO) -> None:
    asyncio.get_running_loop().call_exception_handler(
        {"message": "Fatal error on transport", "exception": ValueError(WORDS), "transport": WORDS, "protocol": WORDS}
    )
    text = said.getvalue()
    assert "Fatal error on transport" in text
    assert "ValueError" in text
    assert WORDS not in text


async def test_what_others_log_is_whole(said: io.StringIO) -> None:
    """The words of our own parts are needed: which server is away, which file cannot be read."""
    try:
        raise OSError(WORDS)
    except OSError:
        logging.getLogger("wakeline.api").exception("cannot read %s", "a file")
    text = said.getvalue()
    assert "cannot read a file" in text
    assert WORDS in text
    if text.startswith("{"):
        assert WORDS in json.loads(text)["error"]
