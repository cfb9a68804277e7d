"""All of it: a history is decided, told, folded while the processor is killed, read, replayed, and read again."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ops.cli.progress import progress_bar
from tests.integration.kill.books import Books
from tests.integration.kill.services import kept
from tests.shop_years import campaigns, files, plans, purchases, reading, truth
from tests.shop_years.brought import Brought, brought
from tests.shop_years.comparing import Differences, differences
from tests.shop_years.decided import Years
from tests.shop_years.habits import years
from tests.shop_years.pages import SECRET
from tests.shop_years.purchases import CustomerTruth
from tests.shop_years.reading import Said
from tests.shop_years.stage import WITHIN_S, Stage, staged
from tests.shop_years.telling import Tellings, browsed, tellings
from tests.shop_years.truth import Truth
from wakeline.history import History
from wakeline.vocabulary.things import ORDER, thing_id

Say = Callable[[str], None]
AGAIN = 2  # key version of the replay
REPLAY_KILLED_S = (1.0, 6.0)


@dataclass(frozen=True)
class Options:
    seed: int = 1
    customers: int = 3_000
    kills: bool = True
    replays: bool = True
    later: bool = False  # some is told after the orders are settled of which it tells


@dataclass
class Result:
    """`differences`: after what -> what was compared -> where they differ."""

    figures: dict[str, float] = field(default_factory=dict)
    differences: dict[str, Differences] = field(default_factory=dict)

    @property
    def is_true(self) -> bool:
        return not any(found for kinds in self.differences.values() for found in kinds.values())


async def play(folder: Path, options: Options, say: Say) -> Result:
    """Everything lies in `folder`: truth/ and told/ stay, and what the processes said. Raises AssertionError."""
    one = _Play(folder, options, say)
    one.decide()
    async with staged(folder / "stage", plans.settings(one.made.end)) as stage:
        await one.tell(stage)
        await one.compare(stage, "as it was told", 1)
        if options.replays:
            await one.replay(stage)
            await one.compare(stage, "after a replay", AGAIN)
        one.result.figures["kills of the processor"] = stage.kills
    return one.result


class _Play:
    made: Years
    said: Tellings
    truth: Truth
    people: list[CustomerTruth]
    campaigns: Brought
    visitors: list[str]

    def __init__(self, folder: Path, options: Options, say: Say) -> None:
        self.result = Result()
        self._folder, self._options, self._say = folder, options, say
        self._rng = random.Random(options.seed)

    @contextmanager
    def _step(self, what: str) -> Iterator[None]:
        began = time.monotonic()
        self._say(what)
        yield
        self.result.figures[f"{what}, s"] = round(time.monotonic() - began, 1)

    # ---- decided

    def decide(self) -> None:
        options, figures = self._options, self.result.figures
        with self._step("decide"):
            self.made = years(options.seed, options.customers, time.time_ns() // 1_000_000, later=options.later)
            self.said = tellings(self.made, options.seed, later=options.later)
            self.truth = truth.truth(self.made)
            self.people = purchases.customers(self.made, self.truth)
            self.visitors = sorted({visit.visitor for visit, _ in browsed(self.made) if visit.visitor})
            self.campaigns = brought(self.made, self.truth, self.said)
            truth.write(self._folder / "truth", self.truth, self.people)
        orders = self.truth.orders
        figures |= {
            "customers": len(self.people),
            "orders": len(orders),
            "of them amended": sum(order.first is not None for order in self.made.orders),
            "cancelled": sum("cancelled" in order.states for order in orders),
            "refunded": sum(order.refunds > 0 for order in orders),
            "of unknown margin": sum(order.margin is None for order in orders),
            "of pages alone": sum(order.of_page for order in orders),
            "contacts, letters and others that cost": len(self.made.costs),
            "visits": sum(self.campaigns.visits.values()),
            "of campaigns": sum(row["visits"] for row in self.campaigns.campaigns.values()),
            "mails of campaigns": sum(row["sent"] for row in self.campaigns.campaigns.values()),
            "credits": len(self.campaigns.credits),
        }

    # ---- told

    async def tell(self, stage: Stage) -> None:
        said, figures = self.said, self.result.figures
        with self._step("write the log of the weeks before"), progress_bar("streamed", "messages") as (ahead, done):
            ahead(len(said.streamed))
            figures["records streamed"] = await stage.append(said.streamed, done)
        stage.start_collector()
        stage.processor.start()
        stage.archiver.start()
        with self._step("fold them"):
            await self._while_killed(stage, stage.settle)
        told = self._folder / "told"
        told.mkdir(parents=True, exist_ok=True)
        with self._step("import"):
            tables = files.write(told, self.made, said)
            for kind, path in (*tables, tables[2]):  # the orders twice
                self._say(f"  {path.name}")
                await self._while_killed(stage, lambda kind=kind, path=path: _imported(stage, kind, path))
        with self._step("tell the rest"), progress_bar("told", "messages") as (ahead, done):
            ahead(len(said.live))
            await self._while_killed(stage, lambda: stage.request(said.live, done))
            await stage.settle()
        figures["messages sent"] = len(said.live)
        figures["records in the log"] = stage.books.length()

    async def _while_killed(self, stage: Stage, does: Callable[[], Awaitable[None]]) -> None:
        async with AsyncExitStack() as stack:
            if self._options.kills:
                await stack.enter_async_context(stage.killing(self._rng))
            await does()

    # ---- read

    async def compare(self, stage: Stage, when: str, version: int) -> None:
        with self._step(f"read it, {when}"):
            history = await stage.history() if version == 1 else None  # which a replay does not change
            said = await asyncio.to_thread(self._read, stage, version, history)
            found = differences(said, self.truth, self.people, self.campaigns)
        self.result.differences[when] = found

    def _read(self, stage: Stage, version: int, history: History | None) -> Said:
        url = stage.server.url
        with progress_bar("read", "orders and customers") as (ahead, done):
            ahead(len(self.made.orders) + len(self.made.customers))
            return Said(
                reading.orders(url, [order.number for order in self.made.orders], done),
                reading.customers(url, [one.id for one in self.made.customers], done),
                reading.totals(url, version),
                campaigns.live(url, version, sorted({day for day, *_ in self.campaigns.visits})),
                campaigns.browsers(url, self.visitors),
                None if history is None else reading.in_sql(history, stage.site, self._numbers()),
            )

    def _numbers(self) -> dict[str, str]:
        return {thing_id(SECRET, ORDER, order.number): order.number for order in self.made.orders}

    # ---- replayed

    async def replay(self, stage: Stage) -> None:
        words = ("replay", "--from", "start", "--into", str(AGAIN), "--yes")
        with self._step("replay"):
            async with kept(stage.processor, stage.archiver):
                if self._options.kills:
                    replaying = stage.command.start(*words)
                    await asyncio.sleep(self._rng.uniform(*REPLAY_KILLED_S))
                    replaying.send_signal(signal.SIGKILL)
                    await asyncio.to_thread(replaying.communicate)
                if stage.live_version() != AGAIN:
                    await stage.command(*words, within=WITHIN_S)
            with closing(Books(stage.server.url, stage.tail, AGAIN)) as books:
                await stage.settle(books)


async def _imported(stage: Stage, kind: str, path: Path) -> None:
    """Raises AssertionError with what it says unless all of the file moved."""
    await stage.command("import", kind, str(path), "--zone", "UTC", "--currency", "EUR", within=WITHIN_S)
