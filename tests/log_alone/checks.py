"""The four claims, each for one case: a line for each thing that is not as it must be.

cut       the log folded in batches of 1, 7 and 2,000: equal to the digit, and the same is told to other lanes
restored  Redis as it was after any write, the log as it is in the end
killed    one write that fails, in whichever way
replayed  the whole log into another version
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable

from tests.log_alone import runs
from tests.log_alone.cases import Case
from tests.log_alone.holdings import (
    Holdings,
    but_for_its_log,
    differences,
    met_at_once,
)
from tests.log_alone.runs import FAULTS, TORN, Fault, Lived
from wakeline.record import CUSTOMER_PREFIX, Erase, Fact, Record, decode_record
from wakeline.vocabulary.types import ALIAS, FORGET

CUT, RESTORED, KILLED, REPLAYED = "cut", "restored", "killed", "replayed"
CLAIMS = (CUT, RESTORED, KILLED, REPLAYED)
BATCHES = (1, 7, 2_000)
OF_THE_RECORD = re.compile(
    r":(state|profile):@\w+\[(record|first_seen|first_heard|last_seen|heard)\]|:due\[\w+/@"
    r"|:state:@\w+\[account\](\[1\]\[[0-9a-f]+(@[\w-]+)?\]|\[8\]|: )"  # what promotions cost: no thing tells it again
    r"|:profile:@\w+: (None, not )?\{'alias_of'"  # which is there while there is one of these
)


async def broken(url: str, case: Case, claims: Iterable[str] = CLAIMS) -> list[str]:
    """Every line begins with its claim, or with `live`."""
    rng = random.Random(case.draws[0])
    try:
        lived = await runs.live(url, case, keeps=lambda written: RESTORED in claims and rng.random() < 1 / written)
    except Exception as error:
        return [f"live: raised {error!r}"]
    found = []
    for claim in claims:
        try:
            lines = await _check(url, case, lived, claim)
        except Exception as error:  # as much a difference as any other
            lines = [f"raised {error!r}"]
        found += [f"{claim}: {line}" for line in lines]
    return found


async def _check(url: str, case: Case, lived: Lived, claim: str) -> list[str]:
    if claim == CUT:
        return await cut(url, case, lived)
    if claim == RESTORED:
        batch = (1, 3, 2_000)[int(case.draws[1] * 3)]
        return await restored(url, case, lived, len(lived.kept) - 1, batch=batch) if lived.kept else []
    if claim == KILLED:
        kind = FAULTS[int(case.draws[2] * len(FAULTS))]
        return await killed(url, case, lived, Fault(kind, 1 + int(case.draws[3] * lived.writes), case.draws[4]))
    return await replayed(url, case, lived, batch=(1, 3, 2_000)[int(case.draws[5] * 3)])


async def cut(url: str, case: Case, lived: Lived) -> list[str]:
    lines = []
    wanted: Holdings = {}
    for batch in BATCHES:
        held, told = await runs.settled(url, case, lived.lanes, batch=batch)
        if batch == BATCHES[0]:
            wanted = held | told
            found = differences(lived.holdings, held, exactly=True)
            lines += [f"live, not in batches of {batch}: {line}" for line in found]
        else:
            found = differences(held | told, wanted, exactly=True)
            lines += [f"in batches of {batch}, not {BATCHES[0]}: {line}" for line in found]
    return lines


async def restored(url: str, case: Case, lived: Lived, kept: int, *, batch: int) -> list[str]:
    found = await runs.restored(url, case, lived, lived.kept[kept], batch=batch)
    return [f"{kept} in batches of {batch}: {line}" for line in _unlike(found, lived)]


async def killed(url: str, case: Case, lived: Lived, fault: Fault) -> list[str]:
    found = (await runs.live(url, case, fault=fault)).holdings
    lines = _unlike(found, lived, is_replay=fault.kind == TORN)
    if fault.kind == TORN:
        lines = _of_replay(lines, case)
    if case.kind.trimmed:  # after a crash lanes tell a customer in another order, in which other interests may go
        lines = [line for line in lines if f":interests:{CUSTOMER_PREFIX}" not in line]
    if case.bounds.get("crm.identity.forgetting.MAX_VISITORS") == 1:  # and in which another one is the latest
        lines = [line for line in lines if "[visitors]" not in line]
    return [f"{fault}: {line}" for line in lines]


async def replayed(url: str, case: Case, lived: Lived, *, batch: int) -> list[str]:
    found = await runs.replayed(url, case, lived, batch=batch)
    return _of_replay(differences(met_at_once(found), met_at_once(lived.holdings)), case)


def _of_replay(lines: list[str], case: Case) -> list[str]:
    """Without what a replay, also of one torn lane, omits of who is back, as docs/privacy.md says."""
    return [line for line in lines if not OF_THE_RECORD.search(line)] if _is_back(case) else lines


def _is_back(case: Case) -> bool:
    """Whether one of several ids is erased up to a time after which the customer is said to be back.

    Each id hears of both at its own time. What it was told before that, it keeps in the live version only.
    """
    returned, is_joined, ends = 0, False, []
    for step in case.steps:
        record = _decoded(step.value)
        if isinstance(record, Fact) and record.home[0] == CUSTOMER_PREFIX:
            returned = max(returned, record.time if record.body.get("returns") is True else 0)
            is_joined = is_joined or record.type == ALIAS
        if isinstance(record, Erase) or (isinstance(record, Fact) and record.type == FORGET):
            ends.append(record.time)
    return is_joined and min(ends, default=returned) < returned


def _decoded(value: bytes) -> Record | None:
    """None: it is none."""
    try:
        return decode_record(value)
    except ValueError:
        return None


def _unlike(found: Holdings, lived: Lived, *, is_replay: bool = False) -> list[str]:
    one, other = but_for_its_log(found), but_for_its_log(lived.holdings)
    if is_replay:
        one, other = met_at_once(one), met_at_once(other)
    return differences(one, other)
