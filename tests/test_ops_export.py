"""`wakeline profile export`: all that is known of a customer, in the words of the vocabulary."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from crm.things.digests import PAGE
from ops import person
from ops.cli import main
from tests.cards import EMAIL, card, desk_on
from tests.timeline import DAY, MINUTE, START, Timeline, event, fact, timeline
from wakeline.cards import Cards, read_ring
from wakeline.identity import customer_id
from wakeline.keys import DEPLOYMENT
from wakeline.profiles import Profiles
from wakeline.record import Fact
from wakeline.vocabulary import things

SECRET = "0123456789abcdef"
JO, BEN = customer_id(SECRET, "jo"), customer_id(SECRET, "ben")
FILE = f'[[site]]\nkey = "shop"\norigins = ["https://shop.example"]\nsecret = "{SECRET}"\n'
ORDER = "#" + "1" * 32
V = "v" * 22

ITEMS = [{"item_id": "runner-7", "price": 8900, "quantity": 1, "item_name": "Runner"}]
MAIL = "#sent:" + "5" * 32
CONTACT = {"channel": "phone", "direction": "in", "state": "opened", "cost": 250, "currency": "JPY"}
AGREED = {"version": "8", "wording": "May we?", "purposes": ["contact"]}
TOLD = (
    fact(JO, "customer", 1, {"traits": {"plan": "gold"}, "orders_before": 3, "value_before": 12345, "currency": "EUR"}),
    fact(JO, "preference", 2, {"channel": "mail", "allowed": False, "frequency": "weekly"}),
    fact(JO, "tag", 3, {"tag": "vip"}),
    fact(JO, "consent", 4, {"level": "full", "version": "7"}),
    fact(
        ORDER, "purchase", 5, {"value": 8900, "currency": "EUR", "items": ITEMS, "channel": "till"}, customer=JO,
    ),
    fact(ORDER, "order_state", 6, {"state": "paid"}),
    fact(ORDER, "refund", 7, {"refund_id": "r1", "value": 900, "currency": "EUR"}),
    fact(ORDER, "refund", 8, {"refund_id": "r2", "value": 400, "currency": "EUR", "items": [{"item_id": "bag"}]}),
    fact("#contact:" + "2" * 32, "contact", 8, CONTACT, customer=JO),
    fact(MAIL, "campaign_sent", 8, {"campaign": "spring", "element": {"subject": "Hello"}}, customer=JO),
    fact(MAIL, "campaign_clicked", 9, {"campaign": "spring", "element": {"link": "top"}}, customer=JO),
    fact(MAIL, "campaign_opened", 10, {"campaign": "spring", "element": {"subject": "Hello!"}}, customer=JO),
    fact("#agreement:" + "3" * 32, "agreement", 9, {"level": "gold", "end": 1_900_000_000_000}, customer=JO),
    fact("#points:" + "4" * 32, "points", 10, {"amount": -5, "reason": "used"}, customer=JO),
    fact("#" + "9" * 32, "purchase", 11, {"value": 1, "currency": "EUR"}, customer=BEN),
)  # fmt: skip


async def played(server: Any, folder: Path, *more: Fact) -> None:
    async with timeline(server) as made:
        desk = await desk_on(made.redis, server.url, folder)
        await desk.write(card(JO, own_id="jo", email=EMAIL, name="\x1b[31mJö"), card(BEN, email="ben@x.example"))
        await made.append(event(V, "p", 0, 1), event(V, "p", 1, 2, "identify", customer=JO), at=MINUTE)
        await made.append(event("other-one", "q", 0, 1), *TOLD, *more, at=MINUTE)
        await made.append(event("other-one", "q", 1, 2, "identify", customer=BEN), at=MINUTE)
        await made.append(event("other-one", "q", 2, 3, "consent", level="full", props=AGREED), at=MINUTE)
        for _ in range(4):
            await made.run()
        await desk.reader.close()


@pytest.fixture
def export(configured: Callable[[str], None], redis_server: Any, tmp_path: Path) -> Callable[..., Result]:
    configured(FILE)
    asyncio.run(played(redis_server, tmp_path))
    return lambda *words: CliRunner().invoke(main, ["profile", "export", *words, "--redis", redis_server.url])


def test_all_browsers_are_in_it_however_few_are_listed(
    configured: Callable[[str], None], redis_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But not one that is another customer's by now, and was never listed."""
    configured(FILE)
    monkeypatch.setattr("crm.identity.forgetting.MAX_VISITORS", 1)
    browsers = {"u": [JO, BEN], "v": [JO], "w": [JO], "x": [JO]}

    async def play() -> None:
        made = Timeline(redis_server.url, lanes=1)
        await made.redis.hset(DEPLOYMENT, mapping={"lanes": 1, "decay_zero": START, "half_life": DAY})
        await made.start()
        for visitor, customers in browsers.items():
            signs_in = [event(visitor, visitor, n, 1, "identify", customer=one) for n, one in enumerate(customers)]
            await made.append(*signs_in)
            await made.run()
        await made.close()

    asyncio.run(play())
    said = CliRunner().invoke(main, ["profile", "export", "jo", "--redis", redis_server.url])
    found = json.loads(said.output)
    assert (found["profile"]["visitors"], [one["id"] for one in found["visitors"]]) == (["x"], ["v", "w", "x"])


def test_everything_is_in_it_and_nothing_of_others(export: Any) -> None:
    said = export("jo")
    assert said.exit_code == 0, said.output
    assert "\x1b" not in said.output
    found = json.loads(said.output)
    assert (found["site"], found["customer"]) == ("shop", JO)
    assert found["personal_values"]["email"] == {"value": EMAIL, "said": "2027-01-15T08:00:00Z"}
    assert found["personal_values"]["name"]["value"] == "\x1b[31mJö"
    assert found["record"]["traits"]["plan"]["value"] == "gold"
    assert found["record"]["channels"]["mail"] == {
        "allowed": False, "frequency": "weekly", "said": "2027-01-15T08:00:00.002Z",
    }  # fmt: skip
    assert found["record"]["tags"]["vip"]["value"] is True
    assert found["record"]["consent"]["level"] == "full"
    assert found["record"]["before"] == {
        "orders_before": 3, "value_before": "123.45", "currency": "EUR", "said": "2027-01-15T08:00:00.001Z",
    }  # fmt: skip
    assert found["profile"]["page_views"] == 1
    assert [one["id"] for one in found["visitors"]] == [V]
    assert found["visitors"][0]["page_views"] == 1
    (order,) = found["things"]["order"]
    assert (order["id"], order["customer"], order["value"], order["channel"]) == (ORDER, JO, "89.00", "till")
    assert order["items"] == [{"item_id": "runner-7", "price": "89.00", "quantity": 1, "item_name": "Runner"}]
    assert order["states"] == {"paid": "2027-01-15T08:00:00.006Z"}
    assert list(order["refunds"].values()) == ["9.00", {"value": "4.00", "items": [{"item_id": "bag"}]}]
    assert order["said"]["value"] < order["last_said"] <= "2027-01-15T08:00:01Z"
    assert order["said"]["refunds"].keys() == order["refunds"].keys()
    (contact,) = found["things"]["contact"]
    assert (contact["channel"], contact["cost"], list(contact["states"])) == ("phone", "250", ["opened"])
    assert contact["came_in"] == contact["states"]["opened"]
    (mail,) = found["things"]["sent"]
    assert mail["element"] == {"subject": "Hello!", "link": "top"}
    assert (list(mail["states"]), mail["last_click"]) == (["sent", "clicked", "opened"], mail["states"]["clicked"])
    assert found["things"]["agreement"][0]["end"] == "2030-03-17T17:46:40.000Z"
    assert found["things"]["points"][0]["amount"] == -5
    assert "ben@x.example" not in said.output
    assert BEN not in said.output
    assert "other-one" not in said.output
    again = json.loads(export(JO).output)
    assert again | {"made": ""} == found | {"made": ""}


def test_of_a_shared_browser_nothing_of_the_others_is_in_it(
    configured: Callable[[str], None], redis_server: Any, tmp_path: Path
) -> None:
    """Neither what was looked at in their turns, nor what they bought there, nor who they are."""
    configured(FILE)
    orders = (
        (V, JO, "jo's"),
        (V, BEN, "ben's"),
        (V, "", "anybody's"),
        ("own-of-jo", "", "also jo's"),
        ("own-of-jo", BEN, "also ben's"),
    )

    async def play() -> None:
        async with timeline(redis_server) as made:
            await (await desk_on(made.redis, redis_server.url, tmp_path)).reader.close()
            for at, (customer, interest) in enumerate(((JO, "lamps"), (BEN, "boots")), 1):
                signs_in = event(V, "p", 2 * at, at, "identify", customer=customer)
                await made.append(signs_in, event(V, "p", 2 * at + 1, at, interests=[interest]), at=MINUTE)
            await made.append(event("own-of-jo", "q", 0, 1, "identify", customer=JO), at=MINUTE)
            for n, (visitor, customer, channel) in enumerate(orders):
                body = {"value": 1, "currency": "EUR", "channel": channel}
                order = fact(f"#{n:032x}", "purchase", 3, body, customer=customer, visitor=visitor, by=PAGE)
                await made.append(order, at=MINUTE)
            for _ in range(4):
                await made.run()

    asyncio.run(play())
    shared = {"id": V, "is_shared": True, "device": "desktop", "browser": "", "os": ""}
    for id, theirs, browsers, interest in (("jo", BEN, {"own-of-jo", V}, "lamps"), ("ben", JO, {V}, "boots")):
        said = CliRunner().invoke(main, ["profile", "export", id, "--redis", redis_server.url])
        found = json.loads(said.output)
        assert shared in found["visitors"]
        assert {one["id"] for one in found["visitors"]} == browsers
        assert [one["name"] for one in found["profile"]["interests"]] == [interest]
        assert {one["channel"] for one in found["things"]["order"]} == {f"{id}'s", f"also {id}'s"}
        assert {one["visitor"] for one in found["things"]["order"] if "visitor" in one} == browsers
        assert all(("visitor" in one) == ("visitor" in one["said"]) for one in found["things"]["order"])
        assert theirs not in said.output
        assert id == "jo" or "own-of-jo" not in said.output


def test_what_a_page_said_was_agreed_to_is_in_it_and_shown(export: Any, redis_server: Any) -> None:
    found = json.loads(export("ben").output)
    assert found["record"]["consent"] == AGREED | {"level": "full", "said": "2027-01-15T08:00:00.003Z"}
    shown = CliRunner().invoke(main, ["profile", "ben", "--customer", "--redis", redis_server.url])
    assert "full, contact, version 8 (2027-01-15): May we?" in shown.output


def test_each_kind_that_names_people_has_its_words() -> None:
    assert {kind.name for kind in things.THINGS} - {things.PRODUCT.name} == set(person.NAMES)


def test_who_is_unknown_is_said(export: Any, tmp_path: Path) -> None:
    said = export("nobody")
    assert (said.exit_code, "nothing is known of" in said.output) == (1, True)
    said = export("")
    assert said.exit_code == 2
    (tmp_path / "wakeline.key").unlink()
    said = export("jo")  # without the card it would not be all
    assert (said.exit_code, "set card_key to where it lies" in said.output) == (1, True)


def test_erase_can_be_said_of_a_profile(export: Any, redis_server: Any) -> None:
    def erase(*words: str) -> Result:
        return CliRunner().invoke(main, ["profile", "erase", *words, "--redis", redis_server.url])

    said = erase("jo", "--customer")
    assert (said.exit_code, "add --yes" in said.output) == (2, True)
    said = erase("nobody", "--customer", "--yes")
    assert (said.exit_code, "is unknown" in said.output) == (1, True)
    said = erase("jo", "--customer", "--yes")
    assert (said.exit_code, "card with personal values deleted" in said.output) == (0, True)


def test_a_customer_may_be_called_like_a_command(export: Any, redis_server: Any) -> None:
    said = CliRunner().invoke(main, ["profile", "--customer", "export", "--redis", redis_server.url])
    assert (said.exit_code, 'there is no profile of customer "export"' in said.output) == (1, True)


def test_both_cards_of_a_person_with_two_ids_are_in_it(export: Any, redis_server: Any, tmp_path: Path) -> None:
    """Whichever id is asked for; and by a value of either card the one profile is found."""
    url = redis_server.url
    asyncio.run(played(redis_server, tmp_path, fact(BEN, "alias", 12, {"other": JO})))
    found = [json.loads(export(id).output) | {"made": ""} for id in ("jo", "ben", JO, BEN)]
    assert found == [found[0]] * 4
    root, other = sorted((JO, BEN))
    (known,) = found[0]["known_as"]
    assert (found[0]["customer"], known["customer"]) == (root, other)
    values = {root: found[0]["personal_values"], other: known["personal_values"]}
    assert (values[JO]["email"]["value"], values[BEN]["email"]["value"]) == (EMAIL, "ben@x.example")
    assert [one["id"] for one in found[0]["visitors"]] == ["other-one", V]
    assert len(found[0]["things"]["order"]) == 2
    with Cards(url, read_ring(tmp_path / "wakeline.key")) as cards, Profiles(url) as profiles:
        for email in (EMAIL, "ben@x.example"):
            (holder,) = cards.find("shop", email)
            profile = profiles.read("shop", holder)
            assert profile is not None
            assert (profile.id, profile.aliases) == (root, (other,))
    for id, another in ((other, root), (root, other)):
        shown = CliRunner().invoke(main, ["profile", id, "--personal", "--redis", url])
        (also,) = [line for line in shown.output.splitlines() if "known as" in line]
        assert (another in also, id in also) == (True, False)
        for words in (EMAIL, "ben@x.example"):
            assert words in shown.output
