"""Events full of addresses: no process may connect to one."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from pathlib import Path

from benchmarks.machine import free_port
from tests.abuse.stage import SERVICES, Stage
from tests.abuse.wire import ORIGIN, envelope, event, flood, request
from tests.faults.outcome import Outcome
from tests.integration.kill.services import AS_INSTALLED

CALLS = "connect,sendto,sendmsg,sendmmsg"
CONNECT = re.compile(r"connect\(\d+, \{sa_family=(AF_INET6?), sin6?_port=htons\((\d+)\)")
ADDRESSED = re.compile(r"(?:sendto|sendmsg|sendmmsg)\(.*\{sa_family=(AF_INET6?), sin6?_port=htons\((\d+)\)")
TRACED = """
import os, sys
os.execvp("strace", ["strace", "-D", "-f", "-qq", "-e", "trace={calls}", "-o", {out!r},
                     sys.executable, "-c", {launcher!r}, *sys.argv[1:]])
"""


async def none(stage: Stage, outcome: Outcome) -> None:
    """Under strace all services only connect to Redis, never to an address in an event."""
    ours, calls = free_port(), 0

    async def called(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal calls
        calls += 1
        writer.close()

    async with await asyncio.start_server(called, "127.0.0.1", ours):
        await stage.start(*SERVICES, launcher=lambda name: traced(stage.folder / f"{name}.strace"))
        quiet = {name: _connections(stage, name) for name in SERVICES}
        answers = await flood(stage.port, [_full_of(f"127.0.0.1:{ours}"), *map(_full_of, HOSTS)])
        await stage.settle()
        await asyncio.sleep(3)  # the archiver seals each second; what looks up a name does so at once
        told = [stage.told(name) for name in SERVICES]
    assert all(told)
    reached = sum((_connections(stage, name) for name in SERVICES), Counter[int]())
    outcome.is_exactly("requests not answered 202", len(HOSTS) + 1 - answers[202], 0)
    outcome.is_exactly("calls of the address that events name", calls, 0)
    outcome.at_least("connections seen, all to Redis", reached[stage.server.port], len(quiet))
    del reached[stage.server.port]
    outcome.is_exactly("connections elsewhere", reached.total(), 0)
    if reached:
        outcome.note(f"connected to ports {dict(reached)}")


HOSTS = ("attacker.example", "localhost", "[::1]:80", "169.254.169.254", "metadata.internal:80")


def traced(out: Path, launcher: str = AS_INSTALLED) -> str:
    """A launcher that writes a service's connections to `out`; the service keeps the process id."""
    return TRACED.format(calls=CALLS, out=str(out), launcher=launcher)


def _connections(stage: Stage, name: str) -> Counter[int]:
    """Number of connects and sends by port on the Internet."""
    lines = (stage.folder / f"{name}.strace").read_text(errors="replace").splitlines()
    found = (CONNECT.search(line) or ADDRESSED.search(line) for line in lines)
    return Counter(int(match[2]) for match in found if match)


def _full_of(host: str) -> bytes:
    url = f"http://{host}/x"
    shop = f"{ORIGIN}/?utm_source={url}&q={url}&utm_campaign=//{host}#/{url}"
    props = {"url": url, "path": f"//{host}/", "image": url, "items": [{"url": url, "id": url}], url: url}
    events = [
        event(visitor="visitor-full-of-urls", url=shop, referrer=url, title=url, interests=[url]),
        event(visitor="visitor-full-of-urls", type="webhook", url=shop, props=props),
        event(visitor="visitor-full-of-urls", type="purchase", url=shop, props=props),
    ]
    return request(
        envelope(*events, callback=url, endpoint=url),
        Referer=url, X_Forwarded_Host=host, X_Original_URL=url, Forwarded=f"host={host}", Cookie=f"u={url}",
        User_Agent=f"Mozilla/5.0 (compatible; Googlebot/2.1; +{url})",
    )  # fmt: skip
