"""`pip install wakeline` in another application: it reads profiles, tells events, and names missing packages."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from typing import Any

import pytest

from benchmarks.children import ROOT
from tests.listeners import Lines

SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = SETTINGS["project"]
PACKAGES = SETTINGS["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
LIGHT = {"msgspec", "redis", "hiredis", "iso4217"}

WITHOUT_THE_REST = f"""
import sys


class Missing:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in {sorted(LIGHT | {"wakeline", "ops"})} and top not in sys.stdlib_module_names:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)


sys.meta_path.insert(0, Missing())
"""


def run(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WITHOUT_THE_REST + code, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def test_its_dependencies_are_those_of_a_reader() -> None:
    named = {line.partition(">")[0].partition("[")[0] for line in PROJECT["dependencies"]}
    assert named == LIGHT - {"hiredis"}, "hiredis comes as an extra of redis"


@pytest.mark.parametrize("extra", ["history", "s3", "query", "dev"])
def test_what_needs_the_services_brings_them(extra: str) -> None:
    assert "wakeline[server]" in PROJECT["optional-dependencies"][extra]


def test_profiles_are_read_with_these_alone(redis_server: Any) -> None:
    code = """
from wakeline.lanes import NoDeployment
from wakeline.profiles import AsyncProfiles, Order, Profiles
with Profiles(sys.argv[1]) as profiles:
    for read in (lambda: profiles.read("shop", "v1"), lambda: profiles.read_thing("shop", Order, "A1001", "secret")):
        try:
            read()
        except NoDeployment as error:
            print(type(error).__name__)
"""
    found = run(code, redis_server.url)
    assert (found.stdout, found.stderr) == ("NoDeployment\n" * 2, "")


def test_a_server_tells_with_these_alone(lines: Lines) -> None:
    code = """
import asyncio
from wakeline.server import AsyncServer, Server
with Server(*sys.argv[1:]) as server:
    server.event("order_state", id="queued", transaction_id="A-1", state="paid")
    print(server.send([{"type": "order_state", "transaction_id": "A-1", "state": "paid"}])[0].status)
async def main():
    async with AsyncServer(*sys.argv[1:]) as server:
        await server.event("order_state", id="awaited", transaction_id="A-1", state="paid")
asyncio.run(main())
"""
    found = run(code, lines.url, lines.key)
    assert (found.stdout, found.stderr) == ("accepted\n", "")
    assert {"queued", "awaited"} < set(lines.told)


def test_the_command_says_what_to_install() -> None:
    found = run("from wakeline.__main__ import main; main()")
    assert found.returncode == 1
    assert '`pip install -e ".[server]"` in your clone' in found.stderr
    assert "Traceback" not in found.stderr


def test_what_is_to_be_installed_is_an_extra_that_exists() -> None:
    """Said in one place, in words that fit a clone: the package lies on no index."""
    shipped = [file for package in PACKAGES for file in (ROOT / package).rglob("*.py")]
    texts = {file: file.read_text() for file in shipped}
    assert [file.name for file, text in texts.items() if "pip install" in text] == ["extras.py"]
    named = {extra for text in texts.values() for extra in re.findall(r"\binstall\([\"'](\w+)[\"']\)", text)}
    assert named == {"server", "query", "s3", "history", "qr", "demo"}
    assert named <= set(PROJECT["optional-dependencies"])
