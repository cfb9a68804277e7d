"""A collector in the test's process with API keys, and what a server sends it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import msgspec

from tests.collector_stand import LANES, NOON, SITE, Stand, stand
from wakeline.api_keys import ApiKey, new_key
from wakeline.record import Erase, Fact, decode_record
from wakeline.server_events import PATH
from wakeline.settings import Site

CUSTOMER = "customer-1042"
NAME, KEY, STORED = new_key("demo", "till 3", ["events"], now=NOON)
ERASER_NAME, ERASER, ERASER_STORED = new_key("demo", "service desk", ["events", "erase"], now=NOON)
KEYS = {NAME: STORED, ERASER_NAME: ERASER_STORED}


def written(folder: Path, keys: Mapping[str, ApiKey]) -> Path:
    """The file with these keys, as an earlier run left it."""
    path = folder / "api_keys" / "keys.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.encode(keys))
    return path


@asynccontextmanager
async def server_stand(
    folder: Path, *sites: Site, keys: Mapping[str, ApiKey] | None = KEYS, **more: Any
) -> AsyncIterator[Stand]:
    """A running collector that knows `keys`; None: not yet which there are. Its ledger must balance at the end."""
    if keys is not None:
        written(folder, keys)
    async with stand(folder, *(sites or (SITE,)), **more) as made:
        yield made


async def tell(
    collector: Stand,
    *events: Any,
    key: str | None = KEY,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    **fields: Any,
) -> tuple[int, dict[str, Any]]:
    """(status, answer) of a request with these events, or with any body."""
    sent = {
        "Content-Type": "application/json",
        **({"Authorization": f"Bearer {key}"} if key else {}),
        **(headers or {}),
    }
    data = json.dumps({"events": list(events), **fields}).encode() if body is None else body
    async with collector.http.post(collector.url + PATH, data=BytesIO(data), headers=sent) as answer:
        assert answer.headers["Content-Type"] == "application/json"
        assert not any(name.startswith("Access-Control") for name in answer.headers)
        assert ("Retry-After" in answer.headers) == (answer.status in (408, 429, 503))
        return answer.status, await answer.json()


def purchase(**fields: Any) -> dict[str, Any]:
    """An order of a second ago; None omits a field."""
    base = {
        "id": "till-3/17", "type": "purchase", "time": NOON - 1_000, "customer": CUSTOMER, "transaction_id": "A-1001",
        "value": 154.8, "currency": "EUR", "items": [{"item_id": "runner-7", "price": 77.4, "quantity": 2}],
    }  # fmt: skip
    return {name: value for name, value in (base | fields).items() if value is not None}


def said(type: str, **fields: Any) -> dict[str, Any]:
    """An event about CUSTOMER of a second ago; None omits a field."""
    base = {"id": f"{type}-1", "type": type, "time": NOON - 1_000, "customer": CUSTOMER}
    return {name: value for name, value in (base | fields).items() if value is not None}


async def told(collector: Stand) -> list[tuple[int, Fact | Erase]]:
    """(lane, record) of all in the log, lane by lane."""
    found = await collector.log.read(dict.fromkeys(range(LANES), 0), limit=100_000, wait_ms=0)
    records = [(lane, decode_record(entry.value)) for lane in sorted(found) for entry in found[lane]]
    assert all(isinstance(record, (Fact, Erase)) for _, record in records)
    return records  # type: ignore[return-value]


async def fact(collector: Stand, **event: Any) -> Fact:
    """The only record, of this event."""
    status, answer = await tell(collector, event)
    assert status == 202, answer
    ((_, record),) = await told(collector)
    assert isinstance(record, Fact)
    return record


async def refusal(collector: Stand, *, key: str = KEY, **event: Any) -> tuple[str, str, str]:
    """(reason, field, message) for an event that is refused."""
    status, answer = await tell(collector, event, key=key)
    assert (status, answer["accepted"]) == (400, 0), answer
    assert await told(collector) == []
    (result,) = answer["results"]
    assert result["status"] == "rejected"
    return result["reason"], result["field"], result["message"]
