"""A real browser, controlled by lines of JSON: see snippet/test/drivers/drive.mjs."""

from __future__ import annotations

import asyncio
import json
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SNIPPET = Path(__file__).parents[1] / "snippet"
CHROMIUM, FIREFOX, WEBKIT = ENGINES = ("chromium", "firefox", "webkit")
QUIET_S = 0.7  # longer than the snippet gathers events: what has not come by then is not on its way


class Browser:
    def __init__(self, engine: str, process: Process) -> None:
        self.engine = engine
        self._process = process
        self._turn = asyncio.Lock()

    async def call(self, tab: int, call: str, *args: Any) -> Any:
        """Raises AssertionError with the driver's message if it fails."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        async with self._turn:
            self._process.stdin.write(json.dumps({"id": 0, "tab": tab, "call": call, "args": args}).encode() + b"\n")
            async with asyncio.timeout(30):
                line = await self._process.stdout.readline()
        assert line, "the driver ended: see its standard error"
        answer = json.loads(line)
        assert "error" not in answer, f"{call}{args}: {answer['error']}"
        return answer["value"]

    async def version(self) -> str:
        return str(await self.call(0, "version"))

    async def tab(self) -> Tab:
        """A new tab in the foreground."""
        return Tab(self, await self.call(0, "open"))

    async def hidden_tab(self) -> Tab:
        """A new tab in the background."""
        return Tab(self, await self.call(0, "open", "hidden"))

    async def window(self) -> Tab:
        """A new tab in its own window: visible pages stay visible."""
        return Tab(self, await self.call(0, "open", "beside"))


@dataclass(frozen=True)
class Tab:
    browser: Browser
    number: int

    async def goto(self, url: str) -> None:
        await self.browser.call(self.number, "goto", url)

    async def run(self, expression: str) -> Any:
        """The value of a JavaScript expression; a promise is awaited."""
        return await self.browser.call(self.number, "run", expression)

    async def do(self, *statements: str) -> None:
        """The same without a value."""
        for statement in statements:
            await self.run(f"void ({statement})")

    async def ask(self, expression: str) -> Any:
        """The same for an expression without side effects: repeated if a navigation intervened."""
        while True:
            try:
                return await self.run(expression)
            except AssertionError as error:
                if "context was destroyed" not in str(error):
                    raise

    async def click(self, selector: str, *, button: str = "left") -> None:
        await self.browser.call(self.number, "click", selector, button)

    async def press(self, key: str) -> None:
        """A key of the keyboard on what has the focus: "Enter" in all engines."""
        await self.browser.call(self.number, "press", key)

    async def back(self) -> None:
        """By script: the drivers' own method waits for a load event that the back/forward cache does not fire."""
        await self.run("void setTimeout(() => history.back())")

    async def hide(self) -> None:
        """Bring another tab in front of this one."""
        await self.browser.call(self.number, "hide")

    async def show(self) -> None:
        await self.browser.call(self.number, "show")

    async def offline(self, is_offline: bool) -> None:
        """Not in WebKit."""
        await self.browser.call(self.number, "offline", is_offline)

    async def hold(self, words: str) -> None:
        """The next navigation to a URL with `words` waits before anything is sent there. Only in Chromium."""
        await self.browser.call(self.number, "hold", words)

    async def held(self) -> str:
        """The URL of that navigation, once it waits: until its release the tab answers nothing else."""
        return str(await self.browser.call(self.number, "held"))

    async def release(self) -> None:
        """It goes on."""
        await self.browser.call(self.number, "release")

    async def freeze(self) -> None:
        """Only in Chromium."""
        await self.browser.call(self.number, "freeze")

    async def crash(self) -> None:
        """kill -9 of the process that runs this page, and perhaps of others: only a new tab works afterwards."""
        await self.browser.call(self.number, "crash")

    async def close(self) -> None:
        await self.browser.call(self.number, "close")

    async def stored(self) -> dict[str, str]:
        return dict(await self.run("({...localStorage})"))


@asynccontextmanager
async def running_browser(
    engine: str = CHROMIUM, *flags: str, prefs: Mapping[str, Any] | None = None
) -> AsyncIterator[Browser]:
    """A browser with its own profile that can only reach this machine. `prefs` are Firefox's."""
    if not (SNIPPET / "node_modules" / ".package-lock.json").exists():
        install = await asyncio.create_subprocess_exec("npm", "ci", "--no-audit", "--no-fund", cwd=SNIPPET, stdout=PIPE)
        await install.communicate()
        assert install.returncode == 0
    options = {"flags": flags, "prefs": prefs or {}}
    process = await asyncio.create_subprocess_exec(
        "node",
        str(SNIPPET / "test" / "drivers" / "drive.mjs"),
        engine,
        json.dumps(options),
        stdin=PIPE,
        stdout=PIPE,
        limit=1 << 20,
    )
    try:
        yield Browser(engine, process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        async with asyncio.timeout(20):
            await process.wait()
