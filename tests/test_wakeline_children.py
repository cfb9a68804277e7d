"""Child processes: the back-off before a restart, and the description of how one ended."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from benchmarks.children import child_environ
from wakeline.children import Rests, guarded, how


def test_each_death_doubles_the_rest_up_to_the_longest_and_a_calm_life_begins_anew() -> None:
    rests, rest, found = Rests(first=1, longest=5, calm=60), 0.0, []
    for lived in (0, 1, 1, 59, 60, 1):
        rest = rests.after(rest, lived)
        found.append(rest)
    assert found == [1, 2, 4, 5, 1, 2]


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("import sys; sys.exit(3)", "ended with exit code 3"),
        ("import os; os.kill(os.getpid(), 9)", "was ended by SIGKILL"),
        ("import os; os.kill(os.getpid(), 40)", "was ended by signal 40"),
    ],
)
def test_how_a_process_ended(script: str, words: str) -> None:
    ended = subprocess.run(guarded([sys.executable, "-c", script]), stdin=subprocess.PIPE, timeout=20, check=False)
    assert how(ended.returncode) == words


SERVICE = """
import asyncio, os
from wakeline import children
children.ORPHAN_CHECK_S = 0.01

async def main():
    ending = asyncio.create_task(children.orphaned())
    await asyncio.sleep(0)
    print(os.getpid(), flush=True)
    await ending
    print("in good order", flush=True)

asyncio.run(main())
"""
PARENT = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', sys.argv[1]]); sys.stdin.read()"


async def test_a_child_is_told_that_its_parent_was_killed() -> None:
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PARENT, SERVICE),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=child_environ(),
    )
    assert parent.stdout is not None
    assert int(await asyncio.wait_for(parent.stdout.readline(), 20))
    parent.kill()
    assert await asyncio.wait_for(parent.stdout.read(), 20) == b"in good order\n"
    await parent.wait()
