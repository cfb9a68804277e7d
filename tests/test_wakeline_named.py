from __future__ import annotations

from typing import Any, get_type_hints

import msgspec
import pytest

from wakeline.named import ID_FIELDS, Part, ids, parts, replace_ids
from wakeline.record import CustomerShare, Delta, Erase, Fact, ToldFact, Unlink
from wakeline.vocabulary.types import ALIAS

NO_IDS = {
    *(
        "site",
        "type",
        "page",
        "host",
        "path",
        "title",
        "referrer",
        "click",
        "device",
        "browser",
        "os",
        "country",
        "bot",
    ),
    *("level", "source", "by", "batch", "order"),
}  # `order` is a thing, whose number the customer's erasure takes with it
JOINED = Fact(
    site="shop", home="@one", type=ALIAS, id="0" * 16, time=1, received=1, customer="@one",
    body={"other": "@two"},
)  # fmt: skip


@pytest.mark.parametrize("kind", ID_FIELDS, ids=lambda kind: kind.__name__)
def test_every_text_of_a_record_is_declared_to_be_an_id_or_none(kind: type[Part]) -> None:
    texts = {name for name, hint in get_type_hints(kind).items() if hint is str}
    of_event = {"id"} if kind is Fact else set()  # a hash of the event's id
    assert texts == set(ID_FIELDS[kind]) | (texts & NO_IDS) | of_event


def test_ids_are_found_in_what_a_delta_carries_and_in_an_alias() -> None:
    share = CustomerShare(site="shop", customer="@one", visitor="@three", via="@three", alias="@four")
    delta = Delta(source=1, after=1, upto=2, shares=[share], facts=[ToldFact(JOINED, at=1)])
    assert [ids(part) for part in parts(delta)] == [("@one", "@three", "@four"), ("@one", "@two")]


@pytest.mark.parametrize(
    "part",
    [
        JOINED,
        CustomerShare(site="shop", customer="@one", visitor="@two", via="@two", alias="@three"),
        Erase(site="shop", id="visitor-1", time=1, customer="@one"),
        Unlink(site="shop", id="@one", time=1),
    ],
    ids=lambda part: type(part).__name__,
)
def test_no_id_is_left_after_all_are_replaced(part: Any) -> None:
    before, was = ids(part), msgspec.structs.asdict(part)
    replace_ids(part, lambda id: f"new-{id}")
    assert ids(part) == tuple(f"new-{id}" for id in before)
    assert not set(before) & set(str(msgspec.to_builtins(part)).split("'"))
    assert {name for name in was if getattr(part, name) != was[name]} <= {*ID_FIELDS[type(part)], "body"}
