"""Records that cannot be folded, rules that raise, and a fold that sometimes fails."""

from __future__ import annotations

import random
from collections import Counter

from benchmarks.waiting import until
from tests.faults import audit
from tests.faults.outcome import Outcome
from tests.faults.stage import Stage, staged
from tests.integration.kill.books import LANES
from tests.integration.kill.load import Load, more
from tests.integration.kill.services import kept
from tests.integration.kill.traffic import SITE, now_ms
from wakeline.lanes import lane_of

# ---- poison, and a rule that raises ---------------------------------------------------------------

POISON: dict[str, str | bytes] = {
    "no JSON": "}{",
    "not UTF-8": b"\xff\xfe",
    "an unknown kind": '{"kind":"mystery"}',
    "nesting without end": '{"kind":"event","props":' + "[" * 50_000,
}
POISONED = 20
EACH = 100  # one record in so many


async def poison(stage: Stage, seed: int, outcome: Outcome) -> None:
    """One record in a hundred is invalid: set aside with its reason while all others are applied."""
    rng = random.Random(seed)
    stage.collector.start()
    stage.processor.start()
    async with stage.load(seed) as sent:
        await until(stage.books.moved, "it works")
        for number in range(1, POISONED + 1):
            await until(lambda number=number: stage.books.length() >= number * EACH, "the log grows")  # type: ignore[misc]
            stage.books.append_raw(rng.randrange(LANES), list(POISON.values())[number % len(POISON)])
    await stage.settle()
    letters = stage.books.dead_letters()
    outcome.is_exactly("dead letters", len(letters), POISONED)
    named = Counter(letter["reason"].split(":")[0] for letter in letters)
    outcome.is_exactly("with their reason", named["malformed"], POISONED)
    outcome.is_exactly("ends of the processor", stage.ends(stage.processor), 0)
    await stage.audit(outcome, sent, dead=POISONED)


BUGGY = """
from crm import rules

def raises(event, visitor, changes):
    if event.path == "/bug":
        raise ZeroDivisionError("a mistake of ours")

rules.RULES = (*rules.RULES, ("buggy", raises, rules.ALL))
from ops.cli import main
main()
"""
BUG = (
    '{"kind":"event","site":"shop","visitor":"visitor-bug","type":"page_view","page":"page-bug","n":0,'
    '"time":%d,"received":%d,"host":"shop.example","path":"/bug"}'
)
DEATHS = 2  # until a record that ends the process is set aside


async def rule_raises(stage: Stage, seed: int, outcome: Outcome) -> None:
    """A valid event that kills the process twice is set aside the third time; its neighbours count once."""
    stage.collector.start()
    stage.processor.launcher = BUGGY
    async with kept(stage.processor), stage.load(seed) as sent:
        await until(stage.books.moved, "it works")
        stage.books.append_raw(lane_of(SITE, "visitor-bug", LANES), BUG % (now_ms(), now_ms()))
        await until(stage.books.dead_letters, "the record is set aside")
        await more(sent, 50)
    await stage.settle()
    letters = stage.books.dead_letters()
    complete = [
        letter
        for letter in letters
        if letter["reason"] == "bug" and "a mistake of ours" in letter["error"] and '"/bug"' in letter["v"]
    ]
    outcome.is_exactly("dead letters", len(letters), 1)
    outcome.is_exactly("with reason and traceback", len(complete), 1)
    outcome.is_exactly("ends of the processor", stage.ends(stage.processor), DEATHS)
    await stage.audit(outcome, sent, dead=1)


# ---- a fold that fails now and then ---------------------------------------------------------------

ENDS = 5
BATCHES = 100  # one in so many fails
FAILING = """
from processor.fold import Fold

fold, calls = Fold.fold, 0

def fold_or_fail(self, items, memory):
    global calls
    calls += bool(items)
    if items and calls % %d == 0:
        raise RuntimeError("one batch of many")
    return fold(self, items, memory)

Fold.fold = fold_or_fail
""".replace("%d", str(BATCHES))
AS_IT_IS = FAILING + "from ops.cli import main\nmain()\n"
COMMITS_EARLY = (
    FAILING
    + """
from processor.worker import LaneWorker

apply = LaneWorker._apply

async def commit_and_apply(self, batch):
    last, place = batch.items[-1], self.place.offset
    await self._write(self._fold.fold([], self._memory), offset=last.offset + 1, clock=last.time)
    await apply(self, batch)

LaneWorker._apply = commit_and_apply
from ops.cli import main
main()
"""
)
"""A processor that stores its place before its work is done, like consumers that acknowledge on receipt."""


async def batches_fail(stage: Stage, seed: int, outcome: Outcome) -> None:
    """An exception in one batch of a hundred; a mutant that commits too early must lose events."""
    stage.processor.launcher = AS_IT_IS
    sent = await until_it_ended_often(stage, seed)
    outcome.shows("batches failed", stage.ends(stage.processor))
    await stage.settle()
    await stage.audit(outcome, sent)
    stage.processor.kill()
    stage.collector.kill()
    folder = stage.folder / "mutant"
    folder.mkdir()
    async with staged(folder, stage.broker) as mutant:
        mutant.processor.launcher = COMMITS_EARLY
        await until_it_ended_often(mutant, seed)
        await mutant.settle()
        outcome.at_least("lost by the mutant", audit.of_redis(mutant.ledger, mutant.books).lost, 1)


async def until_it_ended_often(stage: Stage, seed: int) -> Load:
    stage.collector.start()
    async with kept(stage.processor), stage.load(seed) as sent:
        await until(lambda: stage.ends(stage.processor) >= ENDS, "batches fail")
    return sent
