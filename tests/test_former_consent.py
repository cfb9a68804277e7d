"""An upgrade keeps every profile, record, card and link, and a replay adds what the version before did not know."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from crm.state import decode_customer, decode_visitor, encode_customer, encode_visitor
from crm.visits.state import UNKNOWN
from tests.former import brought_back, left_in
from tests.former_consent import BEN, CONTACT, ERASED, FILE, GONE, JO, records
from tests.replay_stand import Stand
from tests.test_former_data import as_told
from tests.timeline import DAY, Timeline, event, in_full, in_full_of_customer, with_a_value
from wakeline.record import CUSTOMER_PREFIX
from wakeline.record_fields import read_record
from wakeline.stored_state import part_of
from wakeline.told import RANK_OF_PAGES

OF_PEOPLE = ("state", "profile", "interests", "thing", "naming")
OF_FORMER_SESSION = 16  # fields
OF_NUMBERS = ("totals", "day", "top:pages:d", "top:entries:d", "top:exits:d", "top:sources:d", "top:interests:d")
FORGOTTEN = ("left", ERASED)  # a replay knows of them from their tombstones on


@pytest.fixture
async def former(redis_server: Any) -> AsyncIterator[Timeline]:
    made = await brought_back(redis_server.url, FILE)
    yield made
    await made.close()


async def held(made: Timeline, *kinds: str) -> dict[str, Any]:
    """What is stored under these kinds of keys: key, without the version -> value."""
    prefix = made.store.keys.prefix
    names = [name.decode().removeprefix(prefix) for name in await made.redis.keys(f"{prefix}{{*}}:shop:*")]
    wanted = [name for name in names if name.partition(":shop:")[2].startswith(kinds)]
    return {name: await _value(made, f"{prefix}{name}") for name in wanted}


async def outside(made: Timeline) -> dict[str, Any]:
    """What no version of the data holds: cards and tombstones."""
    names = [name.decode() for name in await made.redis.keys("wl:*")]
    return {name: await _value(made, name) for name in names if ":card" in name or ":tombstone:" in name}


async def _value(made: Timeline, name: str) -> Any:
    kind = (await made.redis.type(name)).decode()
    if kind == "hash":
        return await made.redis.hgetall(name)
    if kind == "zset":
        return await made.redis.zrange(name, 0, -1, withscores=True)
    if kind == "set":
        return await made.redis.smembers(name)
    return await made.redis.get(name)


async def version_of(made: Timeline, customer: str) -> str:
    """Of what was agreed to, as the customer's record says."""
    for _ in range(2):
        await made.run()
    stored = await made.redis.get(made.store.keys.state(made.lane(customer), "shop", customer))
    record = read_record(part_of(stored).record)
    return record.consent.version if record and record.consent else ""


async def record_of(made: Timeline, customer: str) -> Any:
    stored = await made.redis.get(made.store.keys.state(made.lane(customer), "shop", customer))
    return in_full_of_customer(stored).get("record")


async def test_all_is_there_as_it_was(former: Timeline) -> None:
    before, cards = await held(former, ""), await outside(former)
    assert len([name for name in cards if ":card:" in name]) == 2
    assert all(any(f":{kind}:" in name for name in before) for kind in OF_PEOPLE)
    await former.run()
    assert await held(former, "") == before
    assert await outside(former) == cards
    assert (await former.profile("phone"))["customer"] == JO
    assert json.loads((await former.profile(BEN))["visitors"]) == ["laptop", "tablet"]


async def test_what_is_stored_of_people_is_written_as_it_was_read(former: Timeline) -> None:
    for name, stored in (await held(former, "state")).items():
        if f":{CUSTOMER_PREFIX}" in name:
            again = in_full_of_customer(encode_customer(decode_customer(stored)))
        else:
            again = in_full(encode_visitor(decode_visitor(stored)))
        assert like(json.loads(stored), again) == json.loads(stored), name


def like(former: Any, value: Any) -> Any:
    """The value without what is stored behind the former one's, which must say nothing."""
    if isinstance(former, dict):
        return {name: like(former.get(name), one) for name, one in value.items()}
    if not isinstance(former, list) or not isinstance(value, list):
        return value
    more = value[len(former) :]
    assert not any(any(one) if isinstance(one, list) else one for one in more), more
    return [like(was, one) for was, one in zip(former, value, strict=False)]


async def test_people_go_on_where_they_were(former: Timeline) -> None:
    """The event that comes next adds itself and takes nothing away."""
    people = ("phone", "laptop", "tablet", "lone", JO, BEN)
    before = {id: await former.profile(id) for id in people}
    records = {id: await record_of(former, id) for id in (JO, BEN, GONE)}
    cards = await outside(former)
    await former.append(*(event(browser, f"{browser}-9", 0, 2 * DAY) for browser in people[:4]))
    assert [await version_of(former, one) for one in (JO, BEN)] == ["", ""]
    for id, added in zip(people, (1, 1, 1, 1, 2, 1), strict=True):
        after = await former.profile(id)
        assert int(after["page_views"]) == int(before[id]["page_views"]) + added
        kept = ("customer", "visitors", "first_seen", "engaged_ms", "events")
        was = with_a_value(before[id])
        assert [after.get(name) for name in kept] == [was.get(name) for name in kept]
    assert {id: await record_of(former, id) for id in records} == records
    assert await outside(former) == cards
    again = event("laptop", "laptop-9", 1, 2 * DAY + 1, "consent", level="full", props={"version": "9"})
    await former.append(again)
    assert await version_of(former, BEN) == "9"


NEW = ("lately", "noted", "since", "turns")  # fields of states that earlier versions did not store
OTHER = ("earlier", "former_recent", "last_shown")  # those that are stored in another form now


def stored(name: str, value: bytes) -> dict[str, Any]:
    """What a stored state says, by the names of its fields, without what only one of the two versions stores."""
    is_of_customer = name.rpartition(":")[2].startswith(CUSTOMER_PREFIX)
    state = decode_customer(value) if is_of_customer else decode_visitor(value)
    for page in getattr(state, "pages", {}).values():
        if page.left >= page.last_heartbeat:  # only the later is stored now
            page.last_heartbeat = 0
        else:
            page.left = 0
    if not is_of_customer:  # the former version knew no classes of sources
        state.first, state.latest = (replace(touch, detail=UNKNOWN) for touch in (state.first, state.latest))
        for session in state.sessions:
            session.detail = UNKNOWN
    default = type(state)()
    said = {field: getattr(state, field) for field in state.__struct_fields__ if field not in (*NEW, *OTHER)}
    return {field: msgspec.to_builtins(one) for field, one in said.items() if one != getattr(default, field)}


def without_classes(profile: dict[str, str]) -> dict[str, str]:
    """Without the classes of its sources, which the former version did not know."""
    found = {name: text for name, text in profile.items() if not name.endswith("_source_class")}
    session = json.loads(found.get("session") or "{}")
    session.pop("source_class", None)
    return found | ({"session": json.dumps(session, separators=(",", ":"))} if session else {})


def in_text(profile: dict[bytes, bytes]) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in profile.items()}


async def test_a_replay_builds_the_same_and_what_pages_said_was_agreed_to(former: Timeline, redis_server: Any) -> None:
    before, cards = await held(former, *OF_PEOPLE, *OF_NUMBERS), await outside(former)
    replayed = Stand(former, redis_server.url)
    await replayed.switch(2)
    assert [await version_of(former, one) for one in (JO, BEN, GONE, ERASED)] == ["2", "3", "", ""]
    found = await held(former, *OF_PEOPLE, *OF_NUMBERS)
    await replayed.redis.aclose()
    assert await outside(former) == cards
    lists = [f":top:{what}:" for what in ("countries", "viewed")]  # which the former version did not count
    found = {name: value for name, value in found.items() if not any(one in name for one in lists)}
    more = (":naming:", *(f"{{{former.lane(CONTACT)}}}:shop:{of}" for of in ("totals", "day:")))  # of contacts
    assert not [name for name in found.keys() ^ before.keys() if not any(one in name for one in more)]
    agreed, orders, accounts, buyers = set(), 0, {}, set()
    for name, value in found.items():
        if ":naming:" in name:  # each lane notes them, beside the things that name them
            assert set(before.get(name, ())) <= set(value)
        elif ":interests:" in name:
            assert dict(value) == pytest.approx(dict(before[name]), rel=1e-9), name
        elif ":profile:" in name:
            assert with_a_value(in_text(value)) == in_text(value), name
            assert with_a_value(in_text(before[name])) == without_classes(in_text(value)), name
        elif name.endswith(":totals") or ":day:" in name:  # it counts orders, which the former version did not
            assert dict(before.get(name, ())).items() <= dict(value).items(), name
            orders += int(dict(value).get(b"orders", 0)) if name.endswith(":totals") else 0
        elif ":thing:" in name:
            assert as_told(value) == as_told(before[name]), name
        elif ":state:" not in name:
            assert value == before[name], name
        elif not name.endswith(FORGOTTEN):
            now, then = stored(name, value), stored(name, before[name])
            for state in (now, then):  # the former version kept no country and no step of a visit
                if "sessions" in state:
                    state["sessions"] = [session[:OF_FORMER_SESSION] for session in state["sessions"]]
            new = now.pop("agreed", None) or [told for told in now.get("record", ()) if told[1] == RANK_OF_PAGES]
            now |= {"record": [told for told in now["record"] if told[1] != RANK_OF_PAGES]} if "record" in now else {}
            for new_field in ("choices", "first_visit"):  # of which the former version kept nothing
                now.pop(new_field, None)
            assert now.pop("last_purchase", 0) >= then.get("last_purchase", 0)
            if account := now.pop("account", None):
                accounts[name.rpartition(":")[2]] = sorted(account[0])
            buyers |= {name.rpartition(":")[2]} if now.pop("bought", None) else set()
            assert now == then, name
            agreed |= {name.rpartition(":")[2]} if new else set()
    assert agreed == {"phone", "laptop", "lone", "tablet", JO, BEN}
    assert orders == 3
    assert accounts == {JO: [f"#{0:032}", f"#{1:032}"], BEN: [f"#{2:032}"]}  # which the former version did not have
    assert buyers == {"phone"}


def test_the_file_was_made_of_these_records() -> None:
    lanes = left_in(FILE)["lanes"]
    stored = [msgspec.json.decode(b64decode(value)) for lane in lanes for _, value in lane]
    ours = [one for one in stored if one["kind"] not in ("delta", "unlink")]
    assert sorted(map(str, ours)) == sorted(str(msgspec.to_builtins(one)) for one in records())
