"""The claim for one case: however what was said arrives, of each person the same is known."""

from __future__ import annotations

import json
import math
from typing import Any

from tests.identity_cases.amounts import COUNTS, Between, Found
from tests.identity_cases.arrivals import IN_ORDER, arrived
from tests.identity_cases.oracle import EVERYBODY, expected
from tests.identity_cases.said import Story
from tests.log_alone.holdings import LIVES, Holdings
from tests.log_alone.reducing import reduced
from wakeline.record import encode_record

NOTHING: dict[str, Any] = {
    **dict.fromkeys(COUNTS, 0), "interests": {}, "first_seen": 0, "last_seen": 0, "customer": "", "visitors": [],
    "record": {},
}  # fmt: skip


async def broken(url: str, story: Story) -> list[str]:
    """A line for each field that is not as the oracle says."""
    wanted = {in_order: expected(story, in_order=in_order) for in_order in (True, False)}
    lines = []
    async for one in arrived(url, story):
        told = _unlike(known(one.holdings), wanted[one.how.startswith(IN_ORDER)])
        lines += [f"{one.how}: {line}" for line in told]
    return lines


def known(holdings: Holdings) -> Found:
    """Of each person and order in Redis what the oracle speaks of."""
    found: Found = {}
    for key, value in holdings.items():
        if key.endswith(LIVES):
            continue
        _, site, kind, id = (*key.split(":", 3), "", "", "")[:4]
        if site != "shop":
            continue
        if kind == "profile":
            of = found.setdefault(id, {})
            of |= {name: int(value[name]) for name in (*COUNTS, "first_seen", "last_seen") if name in value}
            of |= {"visitors": json.loads(value["visitors"])} if "visitors" in value else {}
        elif kind == "interests":
            found.setdefault(id, {})["interests"] = value
        elif kind == "state":
            of = found.setdefault(id, {})
            if id[0] == "@":
                of["visitors"] = value.get("visitors", [])
                of["record"] = {name: said for kept in value.get("record", []) for name, said in kept[3].items()}
            else:
                of["customer"] = value.get("customer", "")
        elif kind == "thing":
            found[id] = _order(value[0])
    customers = [fields for id, fields in found.items() if id[0] == "@"]
    return found | {EVERYBODY: {name: sum(one.get(name, 0) for one in customers) for name in COUNTS}}


def _order(told: list[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for *_, fields in told:
        for name, value in fields.items():
            if name == "$v":
                found["value"] = value
            elif name.startswith("<"):
                found[name[1:]] = value
            elif name == "@":
                found["customer"] = value
            elif name.startswith("$r"):
                found[name] = value
    return found


def _unlike(found: Found, wanted: Found) -> list[str]:
    lines = []
    for id, fields in sorted(wanted.items()):
        its = found.get(id, {})
        if id[0] == "#":
            its = dict(its)
            refunds = sorted(value for name, value in its.items() if name.startswith("$r"))
            said = sorted(value for name, value in fields.items() if name.startswith("refund "))
            if refunds != said:
                lines.append(f"{id} refunds: {refunds}, not {said}")
        for name, value in fields.items():
            if name.startswith("refund "):
                continue
            one = its.get(name, NOTHING.get(name, ""))
            if not _is_as(one, value):
                lines.append(f"{id} {name}: {one!r}, not {value!r}")
    return lines


def _is_as(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, Between):
        return wanted.holds([found] if isinstance(found, str) else found)
    if isinstance(wanted, dict) and any(isinstance(value, float) for value in wanted.values()):
        return found.keys() == wanted.keys() and all(math.isclose(found[name], wanted[name]) for name in wanted)
    return bool(found == wanted)


async def smallest(url: str, story: Story) -> Story:
    """The least of it that still breaks the claim."""

    async def breaks(less: Story) -> bool:
        return bool(await broken(url, less))

    return await reduced(story, breaks)


def shown(story: Story) -> str:
    lines = [f"{number} after {after}: {encode_record(one).decode()}" for number, (one, after) in enumerate(story.said)]
    return "\n".join(lines)
