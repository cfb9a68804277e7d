"""`wakeline up` in its own folder, as a person starts it, and all processes that it starts."""

from __future__ import annotations

import json
import queue
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest

from benchmarks.children import Child, child_environ
from benchmarks.exposition import scrape, value_or_0
from benchmarks.machine import ports_of_settings
from demo.opening import FILE, Begun

SITE = '[[site]]\nkey = "shop"\nsecret = "0123456789abcdef"\norigins = ["https://shop.example"]\n'
STARTS_S = 90.0
STOPS_S = 30.0


@dataclass
class Up(Child):
    """A folder with a wakeline.toml, and `wakeline up` in it."""

    folder: Path
    ports: dict[str, int]
    environ: dict[str, str] = field(default_factory=dict)  # besides our own
    lines: list[str] = field(default_factory=list)
    _queue: queue.Queue[str] = field(default_factory=queue.Queue)

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Another `wakeline` in the same folder, to its end."""
        return subprocess.run(self.argv(*arguments), cwd=self.folder, env=self.env, capture_output=True, text=True)

    def start(self, *flags: str) -> None:
        self.process = subprocess.Popen(
            self.argv("up", *flags),
            cwd=self.folder,
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        threading.Thread(target=self._read, args=(self.process,), daemon=True).start()
        self.until_line("Wakeline is up")

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout as lines:
            for line in lines:
                self._queue.put(line.rstrip("\n"))

    def until_line(self, words: str) -> str:
        """Reads on until a line holds `words`."""
        deadline = time.monotonic() + STARTS_S
        while True:
            try:
                line = self._queue.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                pytest.fail(f"{words!r} was not said; what was:\n" + "\n".join(self.lines))
            self.lines.append(line)
            if words in line:
                return line

    def argv(self, *arguments: str) -> list[str]:
        return [sys.executable, "-P", "-m", "wakeline", *arguments]

    @property
    def env(self) -> dict[str, str]:
        """The environment of its processes."""
        return child_environ(**self.environ)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """As a supervisor stops it: killed if it does not end in time."""
        if self.is_alive:
            self.signal(number)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(STOPS_S)
        self.kill()

    def family(self) -> dict[int, str]:
        """Every process that `up` has started, by the session that each child leads: pid -> command line."""
        assert self.process is not None
        children = {pid for pid, parent, _ in processes() if parent == self.process.pid}
        return {pid: command_line(pid) for pid, _, session in processes() if session in children}

    def pid(self, service: str) -> int:
        return next(pid for pid, command in self.family().items() if service in command)

    def url(self, port: str, path: str) -> str:
        return f"http://127.0.0.1:{self.ports[port]}{path}"

    def send_page_view(self, visitor: str, page: str) -> int:
        """Status of a page view sent as a browser would, of somebody who agreed to a profile."""
        return self._send("full", {"page": page, "visitor": visitor})

    def send_anonymously(self, page: str) -> int:
        """Status of a page view of somebody without an id: it takes the day's salt."""
        return self._send("anonymous", {"page": page})

    def _send(self, consent: str, fields: dict[str, str]) -> int:
        now = time.time_ns() // 1_000_000
        event = {"type": "page_view", "n": 0, "time": now, "url": "https://shop.example/a", **fields}
        body = {"site": "shop", "consent": consent, "sent": now, "events": [event]}
        request = urllib.request.Request(
            self.url("port", "/v1/events"),
            json.dumps(body).encode(),
            {"Content-Type": "text/plain", "Origin": "https://shop.example", "User-Agent": "Mozilla/5.0 Firefox/140.0"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)

    def number(self, name: str, **labels: str) -> float:
        """One of the business metrics; 0 if it does not exist yet."""
        return value_or_0(scrape(self.ports["api_metrics_port"]), name, **labels)

    def interests(self, visitor: str) -> list[str]:
        said = json.loads(self.command("profile", visitor, "--json").stdout)
        return [one["name"] for one in said["interests"]]

    def page_views(self, visitor: str) -> int:
        said = self.command("profile", visitor, "--json")
        return int(json.loads(said.stdout)["page_views"]) if said.returncode == 0 else 0


def without_story(data: Path) -> None:
    """In this data folder the demo's story counts as told."""
    data.mkdir(exist_ok=True)
    (data / FILE).write_bytes(msgspec.json.encode(Begun(start=1, is_told=True)))


def processes() -> list[tuple[int, int, int]]:
    """(pid, parent, session) of every process that runs."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent, _, session, *_ = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if state != "Z":
            found.append((int(stat.parent.name), int(parent), int(session)))
    return found


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


def up_in(folder: Path, settings: str) -> Up:
    """Not started yet; with these settings, ports of its own and the site "shop" in its wakeline.toml."""
    ports = ports_of_settings()
    lines = "".join(f"{name} = {port}\n" for name, port in ports.items())
    (folder / "wakeline.toml").write_text(lines + settings + SITE)
    return Up(folder, ports)
