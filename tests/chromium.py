"""A real Chromium, driven by lines of JSON: see snippet/test/chromium.mjs."""

from __future__ import annotations

import asyncio
import json
import os
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SNIPPET = Path(__file__).parents[1] / "snippet"


class Chromium:
    def __init__(self, process: Process) -> None:
        self._process = process

    async def call(self, tab: int, call: str, *args: str) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"id": 0, "tab": tab, "call": call, "args": args}).encode() + b"\n")
        line = await asyncio.wait_for(self._process.stdout.readline(), 30)
        assert line, "the driver ended: see its standard error"
        answer = json.loads(line)
        assert "error" not in answer, f"{call}{args}: {answer['error']}"
        return answer["value"]

    async def tab(self, *scripts: str) -> Tab:
        """A new tab in front; `scripts` run before those of each of its pages."""
        tab = Tab(self, await self.call(0, "open"))
        for script in scripts:
            await tab.browser.call(tab.number, "prepare", script)
        return tab


@dataclass(frozen=True)
class Tab:
    browser: Chromium
    number: int

    async def goto(self, url: str) -> None:
        await self.browser.call(self.number, "goto", url)

    async def run(self, expression: str) -> Any:
        """The value of a JavaScript expression; a promise is awaited."""
        return await self.browser.call(self.number, "run", expression)

    async def ask(self, expression: str) -> Any:
        """The same for an expression that changes nothing: asked again where a navigation came between."""
        while True:
            try:
                return await self.run(expression)
            except AssertionError as error:
                if "context was destroyed" not in str(error):
                    raise

    async def click(self, selector: str) -> None:
        await self.browser.call(self.number, "click", selector)

    async def front(self) -> None:
        await self.browser.call(self.number, "front")

    async def close(self) -> None:
        await self.browser.call(self.number, "close")

    async def stored(self) -> dict[str, str]:
        return dict(await self.run("{...localStorage}"))


@asynccontextmanager
async def running_chromium(*flags: str) -> AsyncIterator[Chromium]:
    """A browser with a profile of its own that reaches nothing but this machine; `flags` are Chromium's."""
    if not (SNIPPET / "node_modules" / ".package-lock.json").exists():
        install = await asyncio.create_subprocess_exec("npm", "ci", "--no-audit", "--no-fund", cwd=SNIPPET, stdout=PIPE)
        await install.communicate()
        assert install.returncode == 0
    process = await asyncio.create_subprocess_exec(
        "node",
        str(SNIPPET / "test" / "chromium.mjs"),
        stdin=PIPE,
        stdout=PIPE,
        env={**os.environ, "CHROMIUM_FLAGS": json.dumps(flags)},
        limit=1 << 20,
    )
    try:
        yield Chromium(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await asyncio.wait_for(process.wait(), 20)
