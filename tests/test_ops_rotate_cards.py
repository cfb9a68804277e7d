"""`wakeline key rotate-cards` on the command line."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ops.cli import main
from tests.cards import BEN, card, desk_on
from wakeline.cards import Card, open_ring
from wakeline.cards.key import put_new_key
from wakeline.redis.connect import connect

FILE = '[[site]]\nkey = "shop"\norigins = ["https://shop.example"]\nsecret = "0123456789abcdef"\n'


@pytest.fixture
def run(configured: Callable[[str], None], redis_server: Any) -> Callable[..., Result]:
    configured(FILE)
    return lambda *words: CliRunner().invoke(main, ["key", "rotate-cards", *words, "--redis", redis_server.url])


async def _half(url: str, key: Path) -> None:
    """As a command leaves it that was killed after the new key was known."""
    async with connect(url) as client:
        await open_ring(key, client)


def _told(url: str, folder: Path, *cards: Card) -> None:
    async def write() -> None:
        async with connect(url) as client:
            desk = await desk_on(client, url, folder)
            await desk.write(*cards)
            await desk.reader.close()

    asyncio.run(write())


def test_the_command_asks_and_says_what_to_keep(run: Any, redis_server: Any, tmp_path: Path) -> None:
    said = run("--yes")
    assert (said.exit_code, "there are no cards yet" in said.output) == (1, True)
    _told(redis_server.url, tmp_path, card(), card(BEN))
    before = (tmp_path / "wakeline.key").read_text()
    said = run()
    assert (said.exit_code, "add --yes" in said.output) == (2, True)
    assert (tmp_path / "wakeline.key").read_text() == before
    said = run("--yes")
    assert said.exit_code == 0, said.output
    assert "2 cards are encrypted with the new key" in said.output
    assert f"{datetime.now(UTC).date() + timedelta(days=30)}" in (tmp_path / "wakeline.key").read_text()
    put_new_key(tmp_path / "wakeline.key", today=date(2026, 1, 1))
    asyncio.run(_half(redis_server.url, tmp_path / "wakeline.key"))
    assert "encrypted with several keys" in CliRunner().invoke(main, ["check", "--redis", redis_server.url]).output
    said = run()  # it was begun: nothing is asked
    assert (said.exit_code, "it continues" in said.output) == (0, True)
    (tmp_path / "wakeline.key").unlink()
    said = run("--yes")
    assert (said.exit_code, "set card_key to where it lies" in said.output) == (1, True)
