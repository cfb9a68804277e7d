"""The story of the household is of the vocabulary, in order, over by its end, and the same when it is told again."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable

import msgspec
import pytest
from aiohttp.test_utils import TestClient, TestServer

from benchmarks.machine import free_port
from demo import known
from demo.app import create_app
from demo.catalogue import SITE
from demo.departments import Fields
from demo.household import CONSENTS, FIRST, FORMER, LENGTH_MS, NUMBERS, PAST, SECOND, Household
from demo.opening import FILE, Begun, begun_in, tell_once
from demo.visitors import Visit
from wakeline.config import load
from wakeline.event import CONSENT, IDENTIFY, PAGE_VIEW, WireEvent, decode_event
from wakeline.settings import Config
from wakeline.vocabulary.fields import FIELDS

START = 1_790_000_000_000
OURS = {"Host": "127.0.0.1:8710", "Wakeline-Demo": "1", "Sec-Fetch-Site": "same-origin"}
CONFIG = load(SITE.parent / "wakeline.toml", {}, {})
NO_MORE: Fields = {"record": {}, "has_card": False, "bought": []}


def story(start: int = START) -> Household:
    return Household(CONFIG.sites["demo"], start)


def of_pages(told: Household) -> list[list[WireEvent]]:
    """The events of each visit under `full`, in the order in which they are sent."""
    visits = [step for step in told.steps if isinstance(step, Visit)]
    return [
        [decode_event(raw) for one in visit.deliveries for raw in one.envelope.events if one.envelope.consent == "full"]
        for visit in visits
    ]


def of_servers(told: Household) -> list[Fields]:
    return [said.event for step in told.steps if not isinstance(step, Visit) for said in step]


def test_each_event_of_a_server_is_one_that_it_may_tell_of_one_of_the_two() -> None:
    told = of_servers(story())
    for event in told:
        assert msgspec.convert(event, FIELDS[event["type"]]).customer in {FIRST, SECOND, FORMER, None}
        assert event.get("customer") or event["type"] == "refund"
    assert len({event["id"] for event in told}) == len(told)
    (alias,) = [event for event in told if event["type"] == "alias"]
    assert (alias["customer"], alias["other"]) == (FIRST, FORMER)
    contacts = [event for event in told if event["type"] == "contact"]
    assert {event["customer"] for event in contacts} == {FIRST}
    assert not any("cost" in event for event in contacts)  # the shop has `minute_cost`: it would count twice


def test_two_phones_and_a_tablet_on_which_one_signs_in_after_the_other() -> None:
    told = story()
    visits = of_pages(told)
    assert [[event.id for event in visit if event.type == IDENTIFY] for visit in visits] == [
        [FIRST],
        [SECOND],
        [FIRST, SECOND],
    ]
    assert [{event.visitor for event in visit} for visit in visits] == [{id} for id in told.visitors.values()]
    assert len(set(told.visitors.values())) == 3
    for visit in visits:
        assert not {event.type for event in visit} & {"reset", "forget"}
        assert [event.time for event in visit] == sorted(event.time for event in visit)
    pages = [Counter(event.type for event in visit)[PAGE_VIEW] for visit in visits]
    assert pages == [4, 6, 8]


def test_it_is_in_order_and_over_by_its_end() -> None:
    for start in range(START, START + 100):
        told = story(start)
        begins = [step.start if isinstance(step, Visit) else int(step[0].event["time"]) for step in told.steps]
        ends = [step.end if isinstance(step, Visit) else int(step[-1].event["time"]) for step in told.steps]
        assert all(end <= begin for end, begin in zip(ends, begins[1:], strict=False))
        assert max(ends) == told.now < start + LENGTH_MS
        assert len(told.orders) == len(PAST) + 2
        assert all(begin <= start for begin in begins[: len(PAST)])


def test_told_again_it_is_the_same_and_another_one_is_not() -> None:
    assert of_servers(story()) == of_servers(story())
    assert of_pages(story()) == of_pages(story())
    assert story().visitors != story(START + 1).visitors
    assert not {event["id"] for event in of_servers(story())} & {event["id"] for event in of_servers(story(START + 1))}


def test_the_version_and_the_wording_of_the_shops_banner_are_told() -> None:
    layout, script = (SITE / "pages" / "layout.html").read_text(), (SITE / "shop.js").read_text()
    (wording,) = re.findall(r'id="consent-title">([^<]+)<', layout)
    (version,) = re.findall(r"\{ version: (\d+), wording", script)
    assert CONSENTS[FIRST] == (version, wording)
    for visit in of_pages(story()):
        assert [(event.version, event.wording) for event in visit if event.type == CONSENT] == [(version, wording)]


def test_nobody_has_a_name() -> None:
    told = json.dumps(of_servers(story()))
    assert set(re.findall(r"[\w.-]+@[\w.-]+", told)) == {f"{number.lower()}@example.com" for number in NUMBERS}
    assert not {"name", "phone"} & {field for event in of_servers(story()) for field in event}


# ---- at the start of the demo


@pytest.mark.parametrize("is_told", [True, False])
async def test_what_was_told_is_not_told_again(config: Config, caplog: pytest.LogCaptureFixture, is_told: bool) -> None:
    """Nothing hears it: an attempt to tell says so, and is made again at the next start."""
    (config.settings.data / FILE).write_bytes(msgspec.json.encode(Begun(START, is_told=is_told)))
    await tell_once(config, "demo")
    assert [one for one in caplog.messages if "not heard" in one] == caplog.messages
    assert bool(caplog.messages) is not is_told
    assert begun_in(config.settings.data) == Begun(START, is_told=is_told)


async def test_a_folder_that_cannot_be_written_is_said(config: Config, caplog: pytest.LogCaptureFixture) -> None:
    (config.settings.data / FILE).mkdir()
    await tell_once(config, "demo")
    (line,) = caplog.messages
    assert FILE in line


# ---- the panel's view


@pytest.fixture
def config(tmp_path: object) -> Config:
    flags = {"data": str(tmp_path), "host": "127.0.0.1", "port": str(free_port())}
    return load(SITE.parent / "wakeline.toml", flags | {"redis": f"redis://127.0.0.1:{free_port()}"}, {})


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param(OURS, 503, id="a page of the shop, without Redis"),
        pytest.param(OURS | {"Sec-Fetch-Site": "cross-site"}, 403, id="another site"),
        pytest.param({"Host": OURS["Host"]}, 403, id="an address typed"),
    ],
)
async def test_only_pages_of_the_shop_see_the_people(config: Config, headers: dict[str, str], status: int) -> None:
    async with TestClient(TestServer(create_app(config, 8710))) as shop:
        answer = await shop.get("/panel/people", headers=headers)
        assert answer.status == status


def test_of_a_shared_tablet_a_person_sees_the_pages_of_its_own_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    def view(id: str, device: str, pages: int) -> Fields:
        return {"id": id, "device": device, "page_views": pages}

    def person(pages: int, *visitors: Fields) -> Fields:
        profile = {"page_views": pages}
        return {"profile": profile, "visitors": list(visitors), **NO_MORE, "things": {}}

    tablet = view("tablet", "tablet", 8)
    found = {FIRST: person(9, view("a", "mobile", 4), tablet), SECOND: person(9, tablet, view("b", "mobile", 6))}
    _stub(monkeypatch, found)
    first, second = known._household("redis://", CONFIG.sites["demo"])
    assert [(one["id"], one["pages"], one["is_shared"]) for one in first["devices"]] == [
        ("a", 4, False),
        ("tablet", 5, True),
    ]
    assert [one["pages"] for one in second["devices"]] == [6, 3]
    forgotten = person(9, {"id": "tablet"}, view("b", "mobile", 6))
    _stub(monkeypatch, {SECOND: forgotten})
    first, second = known._household("redis://", CONFIG.sites["demo"])
    assert first == {"number": FIRST, "is_known": False}
    assert [(one["id"], one["pages"]) for one in second["devices"]] == [("b", 6), ("tablet", 3)]


@pytest.mark.parametrize(("of_first", "is_joined"), [([], False), (["#1"], True), (["#1", "#2"], True)])
def test_a_former_number_is_joined_once_its_orders_are_the_persons(
    monkeypatch: pytest.MonkeyPatch, of_first: list[str], is_joined: bool
) -> None:
    def orders(*ids: str) -> Fields:
        return {"profile": None, "visitors": [], **NO_MORE, "things": {"order": [{"id": id} for id in ids]}}

    _stub(monkeypatch, {FIRST: orders(*of_first), FORMER: orders("#1")})
    first, _ = known._household("redis://", CONFIG.sites["demo"])
    assert first["former"] == [{"number": FORMER, "is_joined": is_joined}]


def _stub(monkeypatch: pytest.MonkeyPatch, found: dict[str, Fields]) -> None:
    asked: Callable[..., Fields | None] = lambda url, site, number: found.get(number)  # noqa: E731
    monkeypatch.setattr(known, "_known", asked)
