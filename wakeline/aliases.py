"""All ids of the person that a customer's id belongs to, as the customers' stored states tell them."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from wakeline import keys
from wakeline.lanes import FIELDS, lane_of, stored_deployment
from wakeline.stored_state import Part, part_of

if TYPE_CHECKING:
    from redis.asyncio import Redis


def walk(customer: str) -> Generator[str, Part, list[str]]:
    """Asks for parts of customers' states; returns all ids, that which keeps what is known first."""
    root = customer
    while (into := (yield root).into) and into < root:
        root = into
    found = {root: None}
    for id in (todo := [root]):
        known = yield id
        todo += [one for one in known.aliases if one not in found]
        found |= dict.fromkeys(todo)
    return list(found | {customer: None})


async def ids_of(redis: Redis, site: str, customer: str) -> list[str]:
    """All ids of "@customer", that which keeps what is known first. Raises redis-py's errors, and NoDeployment."""
    asked: Any = redis.hmget(keys.DEPLOYMENT, FIELDS)
    deployment = stored_deployment(await asked)
    names, steps = keys.Keys(deployment.version), walk(customer)
    try:
        id = next(steps)
        while True:
            state: Any = await redis.get(names.state(lane_of(site, id, deployment.lanes), site, id))
            id = steps.send(part_of(state))
    except StopIteration as done:
        found: list[str] = done.value
        return found
