"""Dead letters are deleted with their person: stored and later ones, in every key version."""

from __future__ import annotations

from typing import Any

import pytest

from crm import rules
from crm.dead import NOBODY, about, letter, named_by
from processor.replay import replay
from tests.replay_stand import stand
from tests.timeline import MINUTE, START, Timeline, event
from wakeline import dead_letters, keys
from wakeline.keys import Keys
from wakeline.lanes import lane_of
from wakeline.record import CustomerShare, Delta, Erase, Event, encode_record

V, W, A = "visitor-1", "visitor-3", "@alice"  # the visitors share a lane


def no_event(visitor: str, at: int = 0) -> bytes:
    """One that can never be folded."""
    return encode_record(event(visitor, "page-bad", -1, at))


async def put(made: Timeline, *values: bytes, id: str = V, at: int = 0) -> None:
    """Into the lane of `id`, and fold it."""
    made.now = max(made.now, START + at)
    await made.log.append([(made.lane(id), value) for value in values])
    await made.run()


async def letters(made: Timeline, key_space: Keys | None = None) -> list[str]:
    """Their records, lane by lane. The index must agree with their content."""
    found, spelt = [], key_space or made.store.keys
    for lane in range(4):
        lines = set()
        for id, fields in await made.redis.xrange(spelt.dead(lane)):
            found.append(fields[b"v"].decode())
            lines |= {f"{line} {id.decode()}" for line in fields[b"about"].decode().split("\n")}
        assert lines == {line.decode() for line in await made.redis.zrange(spelt.dead_about(lane), 0, -1)}
    return found


def test_the_visitors_share_a_lane() -> None:
    assert lane_of("shop", V, 4) == lane_of("shop", W, 4) != lane_of("shop", A, 4)


# ---- whom a record is about -------------------------------------------------------------------------------

NAMED: dict[str, tuple[bytes, tuple[str, ...]]] = {
    "an event": (no_event(V, 5), (f"shop/visitor-1 000{START + 5}",)),
    "an identify": (
        encode_record(event(V, "page-one", -1, 5, "identify", customer=A)),
        (f"shop/visitor-1 000{START + 5}", f"shop/@alice 000{START + 5}"),
    ),
    "an erasure": (encode_record(Erase(site="shop", id=V, time=7)), ("shop/visitor-1 0000000000000007",)),
    "one that was cut": (
        b'{"kind":"event","site":"shop","visitor":"visitor-1","type":"pa', ("shop/visitor-1 0000000000000000",),
    ),
    "one that is no text": (
        b'\xff{"visitor": "visitor-1", "time": 12, "site": "shop"', ("shop/visitor-1 0000000000000012",),
    ),
    "one that does not say its site": (b'{"visitor":"visitor-1",', ("/visitor-1 0000000000000000",)),
    "one whose id cannot be looked for": (b'{"visitor":"a b","site":"shop",', (NOBODY,)),
    "a delta": (encode_record(Delta(source=0, after=0, upto=1)), (NOBODY,)),
    "nothing": (b"", (NOBODY,)),
}  # fmt: skip


@pytest.mark.parametrize("name", NAMED)
def test_whom_a_record_is_about(name: str) -> None:
    value, lines = NAMED[name]
    assert about(value) == lines
    assert len(named_by(value).people) == (0 if lines == (NOBODY,) else len(lines))


def test_a_deltas_letter_names_nobody() -> None:
    share = CustomerShare(site="shop", customer=A, visitor=V, counts={"page_views": 1})
    delta = Delta(source=1, after=2, upto=3, shares=[share])
    made = letter(7, "bug", encode_record(delta), f"KeyError: '{V}' of {A}")
    assert not [id for id in (V, A) if id in str(made)]
    assert '"source":1,"after":2,"upto":3' in made.value.decode()


# ---- who is forgotten --------------------------------------------------------------------------------------

AT = 10 * MINUTE


async def erase(made: Timeline, id: str) -> None:
    await made.append(Erase(site="shop", id=id, time=START + AT), at=AT)


FORGOTTEN: dict[str, tuple[Event | Erase, ...]] = {
    "erased": (Erase(site="shop", id=V, time=START + AT),),
    "withdrawn": (event(V, "page-last", 0, AT, "consent", level="off"),),
    "erased with the customer": (Erase(site="shop", id=A, time=START + AT),),
}


@pytest.mark.parametrize("has_profile", [True, False])
@pytest.mark.parametrize("name", FORGOTTEN)
async def test_the_dead_letters_of_who_is_forgotten_go(made: Timeline, name: str, has_profile: bool) -> None:
    """Not those of other people, nor later ones."""
    if has_profile or "customer" in name:
        await made.append(event(V, "page-one", 0, 0), event(V, "page-one", 1, 1, "identify", customer=A))
    await put(made, no_event(V), b'{"site":"shop","visitor":"visitor-1","ty', b'{"visitor":"visitor-1"', no_event(W))
    later = no_event(V, AT + MINUTE)
    if name != "withdrawn":
        await put(made, later)
    await made.append(*FORGOTTEN[name], at=AT)
    for _ in range(3):
        await made.run()
    assert await letters(made) == [no_event(W).decode(), *([later.decode()] if name != "withdrawn" else [])]


async def test_a_record_of_who_is_forgotten_already_leaves_its_reason_alone(made: Timeline) -> None:
    await erase(made, V)
    await made.run()
    await put(made, no_event(V), no_event(V, AT + 1), b'{"site":"shop","visitor":"visitor-1","ty', at=AT)
    assert await letters(made) == ["", no_event(V, AT + 1).decode(), ""]
    (first, *_) = await made.redis.xrange(made.store.keys.dead(made.lane(V)))
    assert (first[1][b"reason"], first[1][b"about"]) == (b"malformed", b"-")


async def test_a_letter_of_the_same_call_goes_too(made: Timeline) -> None:
    records = [no_event(V), encode_record(Erase(site="shop", id=V, time=START + AT)), no_event(V, AT + 1), no_event(V)]
    await put(made, *records, at=AT)
    assert await letters(made) == [no_event(V, AT + 1).decode(), ""]


async def a_rule_raises(made: Timeline, monkeypatch: pytest.MonkeyPatch) -> None:
    """At an event of V, which is set aside in the end."""

    def raises(one: Event, visitor: object, changes: object) -> None:
        raise ZeroDivisionError(one.visitor)

    monkeypatch.setattr(rules, "RULES", (*rules.RULES, ("buggy", raises, rules.ALL)))
    await made.append(event(V, "page-one", 0, 0), at=AT)
    for _ in range(2):
        await made.start()
        with pytest.raises(ZeroDivisionError):
            await made.run()
    await made.start()
    await made.run()


async def test_a_rule_that_raises_at_who_was_forgotten_leaves_nothing_of_it(
    made: Timeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    await erase(made, V)
    await made.run()
    await a_rule_raises(made, monkeypatch)
    assert await letters(made) == [""]


async def test_the_oldest_go_where_there_are_too_many(made: Timeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "DEAD_LETTERS", 3)
    for number in range(5):
        await put(made, no_event(f"visitor-{number}", number), b"no JSON")
    assert len(await letters(made)) == 3


async def test_dead_letters_of_former_code_go_too(made: Timeline) -> None:
    """They do not say whom they are about: that is found out once, at the start."""
    name = made.store.keys.dead(made.lane(V))
    for number, visitor in enumerate((V, W, V)):
        fields: Any = {"offset": number, "reason": "malformed", "v": no_event(visitor), "error": ""}
        await made.redis.xadd(name, fields)
    await made.start()
    await erase(made, V)
    await made.run()
    assert [fields[b"v"] for _, fields in await made.redis.xrange(name)] == [no_event(W)]
    about_them = await made.redis.zrange(made.store.keys.dead_about(made.lane(V)), 0, -1)
    assert [line.partition(b" ")[0] for line in about_them] == [b"shop/visitor-3"]


async def test_noting_whom_they_are_about_goes_on_where_it_was_cut(
    made: Timeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process ends half-way: at the next start the rest is noted too, and after that nothing is done again."""
    monkeypatch.setattr("processor.former_letters.AT_ONCE", 2)
    lane = made.lane(V)
    for number in range(7):
        fields: Any = {"offset": number, "reason": "malformed", "v": no_event(f"visitor-{number}"), "error": ""}
        await made.redis.xadd(made.store.keys.dead(lane), fields)
    calls = 0
    plain = made.redis.zadd

    async def zadd(*args: Any, **more: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise RuntimeError("killed")
        return await plain(*args, **more)

    monkeypatch.setattr(made.redis, "zadd", zadd)
    with pytest.raises(RuntimeError):
        await made.store.name_dead_letters(lane)
    await made.store.name_dead_letters(lane)
    assert await made.redis.zcard(made.store.keys.dead_about(lane)) == 7
    calls = 10
    await made.store.name_dead_letters(lane)
    assert calls == 10


async def test_a_replay_into_a_new_version_keeps_nothing_of_them_either(state: Any) -> None:
    async with stand(state) as live:
        made = live.made
        await put(made, no_event(V), b'{"site":"shop","visitor":"visitor-1","ty', no_event(W))
        await erase(made, V)
        await made.run()
        await live.switch(2)
        assert [text for text in await letters(made, Keys(2)) if text] == [no_event(W).decode()]
        lines = await made.redis.zrange(Keys(2).dead_about(made.lane(V)), 0, -1)
        assert not [line for line in lines if V.encode() in line]


async def test_what_is_appended_again_brings_nobody_back(made: Timeline) -> None:
    """An identify that could not be folded, of a customer whose lane does not know of it."""
    told = encode_record(event(V, "page-one", 1, 1, "identify", customer=A))
    await put(made, told.replace(b'"n":1', b'"n":-1'))
    await erase(made, A)
    await made.run()
    found = await dead_letters.dead_letters(made.redis, made.store.keys, range(4), lambda one: True)
    assert [(V in one.record, A in one.record, one.is_cut) for one in found] == [(True, False, True)]
    (whole,) = await dead_letters.completed(made.redis, made.store.keys, made.log, found)
    assert whole.record == told.replace(b'"n":1', b'"n":-1').decode()
    await put(made, told, at=AT)  # as `wakeline dead-letters retry` does, once the cause is fixed
    for _ in range(3):
        await made.run()
    assert (await made.profile(V), await made.profile(A)) == ({}, {})


# ---- whom a letter of another lane would name ----------------------------------------------------------------

ELSEWHERE: dict[str, bytes] = {
    "an identify": encode_record(event(V, "page-one", -1, 5, "identify", customer=A)),
    "an erasure that the customer's lane sent": encode_record(Erase(site="shop", id=V, time=0, customer=A)),
    "one that was cut": b'{"site":"shop","visitor":"visitor-1","customer":"@alice","type":"ide',
    "one that does not say its site": b'{"visitor":"visitor-1","customer" : "@alice","ty',
}


@pytest.mark.parametrize("name", ELSEWHERE)
async def test_a_letter_names_nobody_of_another_lane(made: Timeline, name: str) -> None:
    """That lane's erasures do not reach it: not here, not while the processor is away, not in a replay."""
    await made.append(Erase(site="shop", id=A, time=START + AT), at=AT)
    await put(made, ELSEWHERE[name], at=AT)
    (text,) = await letters(made)
    assert (V in text, A in text) == (True, False)
    into = Keys(2)
    await replay(made.log, made.redis, sites=made.sites, deployment=made.deployment, key_space=into)
    assert await letters(made, into) == [text]
    await put(made, encode_record(event(V, "page-two", 0, AT, "consent", level="off")), at=AT)
    assert await letters(made) == []


async def test_a_rule_that_raises_at_who_withdrew_with_nothing_leaves_nothing_of_it(
    made: Timeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such a withdrawal leaves no tombstone: the state says it."""
    await made.append(event(V, "page-last", 0, AT, "consent", level="off"))
    await made.run()
    await a_rule_raises(made, monkeypatch)
    assert await letters(made) == [""]
