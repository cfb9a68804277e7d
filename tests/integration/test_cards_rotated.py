"""A new key for the cards while collectors write them, killed again and again, and so is the command."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.children import ROOT, child_environ
from benchmarks.waiting import until
from tests.card_teller import customer, email
from tests.cards import DEPLOYMENT, desk_on, keys_in_use
from tests.integration.kill.at_a_line import killed_at_a_line, places_in
from tests.integration.test_cards_killed import Teller, told_in_the_log
from wakeline import card_keys
from wakeline.cards import CardWriter, read_ring
from wakeline.cards.card import Card
from wakeline.cards.sealing import sealed
from wakeline.redis.connect import connect

KILLS = 10
LINES = 9_000  # of our own that the command may run before it is killed
MORE = 300  # cards besides those that collectors write
AS_IT_IS = "from ops.cli import main\nmain()\n"


@pytest.mark.kill
async def test_a_rotation_that_is_killed_goes_on(own_server: Any, tmp_path: Path, kill_seed: int) -> None:
    rng = random.Random(kill_seed)
    config = tmp_path / "wakeline.toml"
    config.write_text('[[site]]\nkey = "shop"\norigins = ["https://shop.example"]\nsecret = "0123456789abcdef"\n')
    client = connect(own_server.url)
    desk = await desk_on(client, own_server.url, tmp_path)
    former = desk.ring.encrypts.id
    writer = CardWriter(client)
    some = [Card("shop", customer(n), n, {"email": email(n), "name": f"Jo {n}"}) for n in range(10**9, 10**9 + MORE)]
    await writer.write([sealed(one, desk.ring) for one in some], lanes=DEPLOYMENT.lanes)
    await writer.close()
    teller = Teller(own_server.url, tmp_path)
    teller.start()
    await until(lambda: len(teller.answered()) > 20, "it tells")

    def rotate(lines: int) -> tuple[int, str]:
        launcher = killed_at_a_line(lines, "ops.cli.rotate_cards", "wakeline.cards") if lines else AS_IT_IS
        words = ("key", "rotate-cards", "--yes", "--config", str(config), "--redis", own_server.url)
        made = subprocess.run(
            [sys.executable, "-c", launcher, *words],
            cwd=ROOT, env=child_environ(PYTHONPATH=str(ROOT)), capture_output=True, text=True, check=False,
        )  # fmt: skip
        return made.returncode, made.stderr

    killed = []
    for number in range(KILLS):
        code, said = await asyncio.to_thread(rotate, rng.randint(1, LINES if number % 2 else 400))
        killed += places_in(said)
        assert code in (-9, 0), said
        if rng.random() < 0.3:
            teller.kill()
            teller.start()
    code, said = await asyncio.to_thread(rotate, 0)
    assert code == 0, said
    count = len(teller.answered())
    await until(lambda: len(teller.answered()) > count + 20, "it tells with the new key")
    teller.kill()
    print(*killed, sep="\n")
    assert len(killed) >= KILLS - 2, "too late to be killed"
    ring = read_ring(tmp_path / "wakeline.key")
    desk.reader._ring = ring
    assert ring.encrypts.id != former
    assert await keys_in_use(client) == {ring.encrypts.id}
    assert await client.smembers(card_keys.FINGERPRINTS) == {ring.encrypts.id.encode()}  # type: ignore[misc]
    told = await told_in_the_log(own_server.url)
    assert teller.answered() <= told
    everyone = {*told, *range(10**9, 10**9 + MORE)}
    found = await desk.reader.read_many("shop", map(customer, sorted(everyone)))
    assert all(found[customer(n)].values["email"].text == email(n) for n in everyone)
    sample = [*sorted(told)[:: max(1, len(told) // 50)], 10**9, 10**9 + MORE - 1]
    assert [await desk.find(email(n)) for n in sample] == [[customer(n)] for n in sample]
    written = len(await client.keys(card_keys.CARDS))  # also of events that were not answered
    assert len(await desk.index()) == written + 2 * MORE  # "Jo" and the number
    assert (await asyncio.to_thread(rotate, 0))[0] == 0
    assert [name for name in os.listdir(tmp_path) if name.startswith(".wakeline")] == []  # keys that nobody uses
    await desk.reader.close()
    await client.aclose()
