"""Every row of the table: what is done, and what must hold. The order is that of the table."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.abuse import requests, slow
from tests.faults.outcome import Outcome
from tests.faults.stage import Stage


@dataclass(frozen=True)
class Row:
    """`run` does it to a stage and says in the outcome what it measured; after `seconds` it has failed."""

    name: str
    run: Callable[[Stage, Outcome], Awaitable[None]]
    seconds: float = 60
    is_quick: bool = False  # `make test` runs it too


ROWS: tuple[Row, ...] = (
    Row("gzip bombs", requests.bombs, is_quick=True),
    Row("silent and dripping sockets", slow.closed_in_time),
    Row("500 slow sockets beside normal ones", slow.beside_normal_ones),
    Row("request smuggling", requests.smuggling, is_quick=True),
    Row("a flood from one address", requests.flood),
)
