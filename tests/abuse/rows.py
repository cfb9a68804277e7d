"""Every row of the table in order: the abuse, its sender, its approximate duration."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.abuse import (
    bodies,
    floods,
    heavy,
    inert,
    joining,
    kept,
    logs,
    masks,
    odd,
    outbound,
    personal,
    smuggling,
    sockets,
    variety,
)
from tests.abuse.stage import Stage
from tests.faults.outcome import Outcome


@dataclass(frozen=True)
class Row:
    """`run` abuses a stage and records its measurements in the outcome."""

    name: str
    run: Callable[[Stage, Outcome], Awaitable[None]]
    seconds: float  # that it takes, about; see `run.PATIENCE`
    is_quick: bool = False  # `make test` runs it too


ROWS: tuple[Row, ...] = (
    Row("bombs: 64 MB in a small body, gzip and deflate", bodies.bombs, 6, is_quick=True),
    Row("sockets: silent, dripping headers, dripping a body", sockets.slow, 18),
    Row("500 slow sockets while others send", sockets.five_hundred, 35),
    Row("2,000 idle connections, also where few files may be open", sockets.idle, 10, is_quick=True),
    Row("request smuggling", smuggling.shapes, 8, is_quick=True),
    Row("flood from one address, from one /64", floods.one_address, 12, is_quick=True),
    Row("flood from 80,000 addresses", floods.many_addresses, 40),
    Row("300 requests of 61 KB, and 10,000 new visitors, from one address", kept.by_one_address, 15, is_quick=True),
    Row("memory filled by made-up visitors", kept.memory, 40),
    Row("X-Forwarded-For made up", floods.made_up_addresses, 8, is_quick=True),
    Row("a forged identify", joining.forged, 10, is_quick=True),
    Row("100,000 pages, campaigns, sources, interests and sites", variety.random_values, 120),
    Row("one visitor with 100,000 events", variety.one_visitor, 40),
    Row("50 visitors made heavy by 14 requests each", heavy.visitors, 25),
    Row("1,000 people behind one address", heavy.office, 8, is_quick=True),
    Row("text that would run, steer or deceive: metrics, logs, terminal, CSV", inert.texts, 25),
    Row("the same in a browser: the demo's pages and its panel", inert.browser, 40),
    Row("e-mail addresses and card numbers", personal.nowhere, 25, is_quick=True),
    Row("paths spelt past a mask, paths slow to match", masks.spelt, 30, is_quick=True),
    Row("events full of addresses", outbound.none, 25),
    Row("bytes that are no text, numbers without end, odd expectations", odd.requests, 10, is_quick=True),
    Row(
        "no HTTP, broken off and unexpected, on every port: nobody is named in a log", logs.nameless, 15, is_quick=True
    ),
)
