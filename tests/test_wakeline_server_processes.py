"""`wakeline.server` where a process ends or forks: each tells what it queued, once, and says what it could not."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from benchmarks.children import ROOT, child_environ
from benchmarks.machine import free_port
from tests.listeners import Lines

PROGRAM = """
import json, multiprocessing, os, sys, threading, time
from wakeline.server import Server

url, key = sys.argv[1:]

def tell(id, **fields):
    server.event("order_state", id=id, transaction_id="A-1", state="paid", **fields)
"""


def run(code: str, url: str, key: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM + code, url, key]
    return subprocess.run(
        command, cwd=ROOT, env=child_environ(), capture_output=True, text=True, timeout=60, check=False
    )


def test_what_waits_at_the_end_is_sent(lines: Lines) -> None:
    done = run('server = Server(url, key, flush_s=60)\ntell("at the end")\nprint("ended")', lines.url, lines.key)
    assert (done.stdout, done.stderr, done.returncode) == ("ended\n", "", 0)
    assert lines.times_told == {"at the end": 1}


def test_so_it_is_after_an_error(lines: Lines) -> None:
    done = run('server = Server(url, key, flush_s=60)\ntell("before")\nraise KeyError("x")', lines.url, lines.key)
    assert done.returncode == 1
    assert lines.times_told == {"before": 1}


def test_what_is_left_at_the_end_is_given_back() -> None:
    code = """
def left(events):
    print(json.dumps(events))
server = Server(url, key, flush_s=0, exit_s=0.5, on_unsent=left)
tell("left", time=1_796_574_600_000)
"""
    done = run(code, f"http://127.0.0.1:{free_port()}", Lines().key)
    assert json.loads(done.stdout) == [
        {"id": "left", "type": "order_state", "time": 1_796_574_600_000, "transaction_id": "A-1", "state": "paid"}
    ]


def test_or_said_as_a_number() -> None:
    key = Lines().key
    done = run('server = Server(url, key, exit_s=0.5)\ntell("mia")', f"http://127.0.0.1:{free_port()}", key)
    assert "1 events are not confirmed" in done.stderr
    assert "mia" not in done.stderr
    assert key not in done.stderr


FORKED = {
    "a pre-forking server": """
pids = []
for number in range(3):
    pid = os.fork()
    if not pid:
        tell(f"child {number}")
        sys.exit()
    pids.append(pid)
for pid in pids:
    os.waitpid(pid, 0)
""",
    "multiprocessing": """
children = [multiprocessing.get_context("fork").Process(target=tell, args=(f"child {number}",)) for number in range(3)]
for child in children:
    child.start()
for child in children:
    child.join()
""",
}


@pytest.mark.parametrize("how", FORKED)
@pytest.mark.parametrize("before", ["nothing", "an event that waits", "a connection in use"])
def test_a_fork_sends_only_what_is_its_own(lines: Lines, how: str, before: str) -> None:
    code = {
        "nothing": "",
        "an event that waits": 'tell("parent")',
        "a connection in use": 'tell("parent"); server.flush(); threading.Thread(target=hold).start(); time.sleep(0.1)',
    }[before]
    setup = """
server = Server(url, key, flush_s=60)
def hold():
    with server._own.queue._changed:
        time.sleep(1)
"""
    done = run(setup + code + FORKED[how] + 'tell("parent, later")', lines.url, lines.key)
    assert done.stderr == ""
    expected = {f"child {number}": 1 for number in range(3)} | {"parent, later": 1}
    assert lines.times_told == expected | ({} if before == "nothing" else {"parent": 1})


def test_so_it_is_with_asyncio(lines: Lines) -> None:
    code = """
import asyncio
from wakeline.server import AsyncServer
server = AsyncServer(url, key)

async def send(id):
    await server.send([{"type": "order_state", "id": id, "transaction_id": "A-1", "state": "paid"}])

asyncio.run(send("parent"))
time.sleep(0.2)  # its thread is idle by then
pid = os.fork()
if not pid:
    asyncio.run(send("child"))
    sys.exit()
os.waitpid(pid, 0)
"""
    assert run(code, lines.url, lines.key).stderr == ""
    assert lines.times_told == {"parent": 1, "child": 1}
