"""`wakeline segment`: who matches a rule, and why, on a real server filled by the processor."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from dashboards import rules as document
from ops.cli import main
from tests.timeline import DAY, MINUTE, START, Timeline, event, fact, timeline
from wakeline import clock, keys
from wakeline.identity import customer_id
from wakeline.profiles import Profiles
from wakeline.settings import Site

SECRET = "a secret of the shop's own server"
SITE = Site(key="shop", currency="EUR", secret=SECRET)
ANNA, BEN = customer_id(SECRET, "1042"), customer_id(SECRET, "1043")
ORDER = "#" + "a" * 32
NOW = START + 2 * DAY

SEGMENTS = {
    "buyers": "orders > 0",
    "abroad": 'country != "" and country != "DE"',
    "new-abroad": 'in_segment("abroad") and not in_segment("buyers")',
}

Run = Callable[..., Result]


@pytest.fixture
async def known(redis_server: Any) -> AsyncIterator[Timeline]:
    """Two visitors whom nobody has identified, somebody without consent, and a customer with an order, whose other id
    is known.
    """
    async with timeline(redis_server, sites=[SITE]) as made:
        await made.append(
            *(event("visitor-a", f"page-a-{n}", 0, n * 1_000, path="/lamps", interests=["lamps"]) for n in range(3)),
            event("visitor-b", "page-b", 0, 3_000, country="IT"),
            event("~nobody", "page-c", 0, 4_000),
            event("visitor-d", "page-d", 0, 5_000),
            event("visitor-d", "page-d", 1, 6_000, "identify", customer=ANNA),
            fact(ORDER, "purchase", MINUTE, {"value": 12_050, "currency": "EUR"}, customer=ANNA),
            fact(ANNA, "customer", 2 * MINUTE, {"traits": {"plan": "gold"}}),
            fact(ANNA, "preference", 2 * MINUTE, {"channel": "phone", "allowed": False}),
            fact(ANNA, "alias", 3 * MINUTE, {"other": BEN}),
        )
        await made.run()
        await made.run()
        deployment = {"lanes": 4, "decay_zero": made.deployment.decay_zero, "half_life": made.deployment.half_life}
        await made.redis.hset(keys.DEPLOYMENT, mapping=deployment)
        yield made


@pytest.fixture
def run(known: Timeline, redis_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    file = tmp_path / "wakeline.toml"
    segments = "".join(f"[[site.segments]]\nname = {name!r}\nrule = {rule!r}\n" for name, rule in SEGMENTS.items())
    file.write_text(
        f'[[site]]\nkey = "shop"\norigins = ["https://shop.example"]\ncurrency = "EUR"\nsecret = "{SECRET}"\n{segments}'
    )
    monkeypatch.setattr(clock, "now_ms", lambda: NOW)

    def run(part: str, *words: str) -> Result:
        options = ("--config", str(file), "--redis", redis_server.url)
        return CliRunner().invoke(main, ["segment", part, *words, *options], prog_name="wakeline")

    return run


def matching(run: Run, rule: str) -> set[str]:
    said = run("try", rule, "--json", "--ids")
    assert said.exit_code == 0, said.output
    found = json.loads(said.stdout)
    assert found["known"] == 3
    assert found["matching"] == len(found["ids"])
    return set(found["ids"])


async def test_each_person_is_looked_at_once(known: Timeline, redis_server: Any) -> None:
    """A customer in place of its browsers and its other ids, and nobody without consent."""
    with Profiles(redis_server.url) as profiles:
        everyone = {profile.id: profile for profile in profiles.everyone("shop", now=NOW)}
        assert set(everyone) == {"visitor-a", "visitor-b", min(ANNA, BEN)}
        assert everyone["visitor-a"] == profiles.read("shop", "visitor-a", now=NOW)
        assert list(profiles.everyone("blog")) == []
        assert profiles.half_life() == known.deployment.half_life


RULES = {
    "page_views == 3": {"visitor-a"},
    "interests['lamps'] > 2": {"visitor-a"},
    "interests['lamps'] > 2.99": set(),
    "country == 'IT'": {"visitor-b"},
    "not is_customer": {"visitor-a", "visitor-b"},
    "revenue > 120 EUR and orders == 1": {"anna"},
    "last_order < 2d and count('purchase', 2d) == 1": {"anna"},
    "last_order > 2d or count('purchase', 1d) > 0": set(),
    "traits['plan'] == 'gold' and not channels['phone'] and channels['email']": {"anna"},
    "last_seen > 3d": set(),
    "last_seen < 3d": {"visitor-a", "visitor-b", "anna"},
}


@pytest.mark.parametrize("rule", RULES)
def test_who_matches(run: Run, rule: str) -> None:
    found = {"anna" if id in (ANNA, BEN) else id for id in matching(run, rule)}
    assert found == RULES[rule]


def test_what_is_said(run: Run) -> None:
    said = run("try", "country == 'IT'")
    assert said.stdout.splitlines() == [
        "1 of 3 persons match, 33.3%",
        "  visitor-b",
        "why: wakeline segment explain visitor-b RULE; all of them: --ids",
    ]
    assert run("try", "visits > 99").stdout == "0 of 3 persons match, 0.0%\n"
    assert run("try", "country == 'IT'", "--ids").stdout == "visitor-b\n"


def test_why(run: Run) -> None:
    said = run("explain", "1042", "revenue > 100 EUR and last_order < 3d", "--customer")
    assert said.exit_code == 0, said.output
    first, *rest = said.stdout.splitlines()
    assert first.startswith('customer "1042" (@')
    assert first.endswith(") matches:")
    assert rest == [
        "  yes  revenue > 100 EUR: 120.50 EUR",
        "  yes  last_order < 3d: 1 d 23 h ago",
        "  if nothing happens, that may change in 1 d 1 min",
    ]
    said = run("explain", "visitor-d", "orders > 0")
    assert said.stdout.splitlines()[0] == "visitor-d does not match:"
    assert said.stdout.splitlines()[-1].startswith("a segment has the customer, @")


def test_the_segments_of_the_site(run: Run) -> None:
    said = json.loads(run("list", "--json").stdout)
    assert {each["name"]: (each["size"], each["known"]) for each in said} == {
        "buyers": (1, 3), "abroad": (1, 3), "new-abroad": (1, 3),
    }  # fmt: skip
    shown = run("list").stdout
    assert "new-abroad" in shown
    assert "33.3%" in shown
    assert run("show", "new-abroad", "--ids").stdout == "visitor-b\n"
    assert run("show", "new-abroad").stdout.startswith("1 of 3 persons are in new-abroad, 33.3%\n")
    said = run("show", "nobody")
    assert (said.exit_code, said.stderr) == (
        2, "wakeline: site shop has no segment nobody: there are buyers, abroad, new-abroad\n",
    )  # fmt: skip


def test_which_segments_a_person_is_in(run: Run) -> None:
    assert run("explain", "visitor-b").stdout.splitlines() == [
        "visitor-b is not in buyers:",
        "  no   orders > 0: 0",
        "visitor-b is in abroad:",
        '  yes  country != "": IT',
        '  yes  country != "DE": IT',
        "visitor-b is in new-abroad:",
        '  yes  in_segment("abroad"): yes',
        '  no   in_segment("buyers"): no',
    ]
    assert matching(run, "in_segment('abroad') and visits == 1") == {"visitor-b"}


def test_what_cannot_be_is_said(run: Run) -> None:
    said = run("try", "visits > 1 and\n  oders == 0")
    assert said.exit_code == 2
    assert "line 2, column 3: there is no field oders: did you mean orders?" in said.stderr
    assert "  ^" in said.stderr
    said = run("explain", "visitor-zzz", "visits > 1")
    assert said.exit_code == 1
    assert "nothing is known of visitor-zzz on site shop" in said.stderr


def test_every_field_is_listed() -> None:
    said = CliRunner().invoke(main, ["segment", "fields"])
    assert said.exit_code == 0
    for name in ("last_seen", 'interests["..."]', "count("):
        assert name in said.stdout


def test_the_page_of_segments_is_up_to_date() -> None:
    text = document.FILE.read_text()
    assert text == document.page(text), "run: make dashboards"
