"""What the boards show of campaigns: as `wakeline campaigns show` says it, bounded, and without what is personal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from reports import Query, ask
from reports.asking import InvalidQuery
from reports.figures import MOST, figures
from reports.sandbox import Limits
from tests.sealed import seal
from tests.shop_history import END, SITE, shop_history
from tests.telling import order
from tests.test_reports_campaigns import FIRST, SHOP, TOLD, buys, mail, visit
from tests.timeline import DAY, MINUTE, START, event
from wakeline.campaign_figures import STORED, Campaign, Element, SiteFigures, decode, encode
from wakeline.definitions import BOARD_MODEL, CREDIT_MODELS
from wakeline.history import History
from wakeline.record import Event, Fact
from wakeline.settings import CampaignRule, Site

NOW = START + 3 * DAY


def found(folder: Path, told: Sequence[Event | Fact] = TOLD, site: Site = SHOP, now: int = NOW) -> SiteFigures:
    history = seal(folder, [(one.received + 20, one) for one in sorted(told, key=lambda one: one.received)])
    return figures(history, [site], now=now).sites[site.key]


def named(rows: list[Campaign]) -> dict[str, Campaign]:
    return {row.name: row for row in rows}


# ---- the same as the command ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[History, SiteFigures]:
    history = shop_history(tmp_path_factory.mktemp("shop"))
    return history, figures(history, [SITE], now=END).sites["demo"]


def asked(history: History, sql: str) -> list[tuple[Any, ...]]:
    with ask(history, Query(sql, SITE.key), zones={SITE.key: SITE.time_zone}, sites=[SITE]) as answer:
        return list(answer.rows())


def test_campaigns_are_as_the_command_shows_them(shop: tuple[History, SiteFigures]) -> None:
    history, of_shop = shop
    counted = asked(history, "select campaign, visits, sent, opened, clicked from campaigns order by campaign")
    owed = asked(
        history,
        "select campaign, orders, revenue, margin, cost, revenue_of_unknown_margin, profit, return_on_cost "
        f"from campaign_credit where model = '{BOARD_MODEL}' order by campaign",
    )
    assert len(counted) == len(owed) == 3
    assert sum(row[1] for row in counted) > 200
    rows = sorted(of_shop.campaigns, key=lambda one: one.name)
    assert [(one.name, one.visits, one.sent, one.opened, one.clicked) for one in rows] == counted
    for one, (name, orders, revenue, margin, cost, unknown, profit, on_cost) in zip(rows, owed, strict=True):
        assert (one.name, one.orders) == (name, orders)
        amounts = (one.revenue, one.margin, one.cost, one.unknown)
        assert amounts == pytest.approx([float(each) for each in (revenue, margin, cost, unknown)])
        assert one.margin - one.cost == pytest.approx(float(profit))
        if on_cost is not None:
            assert (one.margin - one.cost) / one.cost == pytest.approx(on_cost, abs=0.0051)
    assert any(row[7] for row in owed)


def test_elements_are_as_the_command_shows_them(shop: tuple[History, SiteFigures]) -> None:
    history, of_shop = shop
    sql = "select campaign, kind, element, visits, sent, clicked, orders, revenue from campaign_elements where kind "
    told = asked(history, sql + "not in ('hour', 'landing_page', 'planned')")
    assert {row[1] for row in told} == {"subject", "link"}
    assert {(one.campaign, one.kind, one.name): one.sent for one in of_shop.elements} == {
        row[:3]: row[4] for row in told
    }


def test_sources_have_the_visits_and_what_is_owed_to_them(shop: tuple[History, SiteFigures]) -> None:
    history, of_shop = shop
    visits = dict(asked(history, "select source, count(*) from sessions where not continued group by all"))
    owed = asked(
        history,
        f"select source, sum(revenue), sum(margin) from credits where model = '{BOARD_MODEL}' and source is not null "
        "group by all",
    )
    assert {one.name: one.visits for one in of_shop.sources} == visits
    assert {one.name: one.revenue for one in of_shop.sources if one.revenue} == {
        row[0]: pytest.approx(float(row[1])) for row in owed
    }
    assert sum(one.margin for one in of_shop.sources) == pytest.approx(float(sum(row[2] for row in owed)))
    revenues = [one.revenue for one in of_shop.sources]
    assert revenues == sorted(revenues, reverse=True)


def test_all_sites_at_once_are_as_each_alone(tmp_path: Path) -> None:
    history = seal(tmp_path, [(one.received + 20, one) for one in TOLD])
    other = Site(key="other", currency="USD", campaigns=(CampaignRule(id="x", type="y", starts=FIRST, ends=FIRST),))
    both = figures(history, [SHOP, other], now=NOW).sites
    assert both["shop"] == figures(history, [SHOP], now=NOW).sites["shop"]
    assert both["other"] == SiteFigures("USD", [Campaign("x", started=both["other"].campaigns[0].started)])


# ---- what is in them -----------------------------------------------------------------------------


def test_a_campaign_has_all_that_it_brought_and_cost(tmp_path: Path) -> None:
    rows = named(found(tmp_path).campaigns)
    # 90 less a refund of 20, owed by the last visit whose source is known; two mails, and days, and once
    assert rows["spring"] == Campaign(
        "spring", START // DAY * 86_400, visits=2, sent=3, opened=1, clicked=1, orders=1.0, revenue=70.0, margin=0.0,
        cost=120.8, unknown=70.0,
    )  # fmt: skip
    assert rows["poster"].cost == 70.0
    assert rows["unplanned"] == Campaign("unplanned", visits=1)  # its order was cancelled


def test_elements_of_visits_and_of_mails(tmp_path: Path) -> None:
    rows = found(tmp_path).elements
    of_spring = {(one.kind, one.name): one for one in rows if one.campaign == "spring"}
    assert of_spring["content", "top"] == Element("spring", "content", "top", visits=1, orders=1, revenue=70.0)
    assert of_spring["term", "lamp"].visits == 2
    assert of_spring["subject", "Spring"] == Element("spring", "subject", "Spring", sent=2, clicked=1)
    assert {kind for kind, _ in of_spring} == {"content", "term", "subject"}


def test_a_campaign_began_at_the_sites_midnight_and_not_before_its_first_day(tmp_path: Path) -> None:
    later = CampaignRule(id="later", type="x", starts=FIRST + timedelta(days=30), ends=FIRST + timedelta(days=40))
    site = replace(SHOP, campaigns=(*SHOP.campaigns, later), time_zone=ZoneInfo("Asia/Tokyo"))
    rows = named(found(tmp_path, site=site).campaigns)
    assert rows["spring"].started == START // DAY * 86_400 - 9 * 3_600
    assert rows["later"].started == 0


def test_those_that_run_come_first_and_what_only_links_name_last(tmp_path: Path) -> None:
    flood = [visit(f"v{n}", 10 * MINUTE + n, "made up") for n in range(40)]
    rows = [one.name for one in found(tmp_path, [*TOLD, *flood]).campaigns]
    assert rows == ["spring", "poster", "made up", "unplanned"]


def test_a_site_without_a_currency_has_counts(tmp_path: Path) -> None:
    site = Site(key="shop")
    of_site = found(tmp_path, site=site)
    assert (of_site.currency, named(of_site.campaigns)["spring"].visits) == ("", 2)


def test_amounts_of_other_currencies_are_not_added(tmp_path: Path) -> None:
    dollars = {"transaction_id": "D-1", "value": 50, "currency": "USD"}
    told = [visit("v", 0), event("v", "page-2", 0, MINUTE, "purchase", props=dollars, order=order("D-1"))]
    of_site = found(tmp_path, told)
    assert (of_site.sources[0].visits, of_site.sources[0].revenue, of_site.sources[0].orders) == (1, 0.0, 0.0)
    assert [one.revenue for one in of_site.campaigns] == [0.0, 0.0]


def test_an_empty_history_has_what_is_planned(tmp_path: Path) -> None:
    of_site = found(tmp_path, [])
    assert [one.name for one in of_site.campaigns] == ["spring", "poster"]
    assert [one.cost for one in of_site.campaigns] == [0.0, 0.0]  # costs are known up to the newest record
    assert (of_site.elements, of_site.sources) == ([], [])


# ---- hostile names -------------------------------------------------------------------------------


def test_names_are_bounded_and_name_nobody(tmp_path: Path) -> None:
    hostile = [
        *("jo@shop.example", "call +49 151 2345678", "jo%40shop.example", "\x00\x1b[31m", "(other)", "x" * 90),
        "\u202eabc",
    ]
    told: list[Event | Fact] = [visit(f"h{n}", MINUTE + n, name, name) for n, name in enumerate(hostile)]
    told += [visit(f"f{n}", 9 * MINUTE + n, f"flood-{n}", f"content-{n}") for n in range(STORED * 3)]
    told += [mail("sent", n, f"M-{n % 10}", element={"subject": f"jo{n}@shop.example"}) for n in range(3)]
    of_site = found(tmp_path, told)
    assert len(of_site.campaigns) == STORED + 1
    assert len(of_site.elements) <= 2 * (STORED + 5)
    assert sum(one.visits for one in of_site.campaigns) == len(hostile) + STORED * 3
    said = encode(figures(History(str(tmp_path)), [SHOP], now=NOW)).decode()
    for personal in ("jo@", "jo%40", "2345678", "\\u001b", "\u202e", "jo1@"):
        assert personal not in said
    assert "(redacted)" in said
    assert len(said) < 40_000


def test_the_model_of_the_boards_is_one_of_the_models() -> None:
    assert BOARD_MODEL in CREDIT_MODELS


def test_they_are_stored_as_they_are(tmp_path: Path) -> None:
    history = seal(tmp_path, [(one.received + 20, one) for one in TOLD])
    made = figures(history, [SHOP], now=NOW)
    assert decode(encode(made)) == made


# ---- limits --------------------------------------------------------------------------------------


def test_a_query_keeps_to_its_limits(tmp_path: Path) -> None:
    history = seal(tmp_path, [(one.received + 20, one) for one in [*TOLD, buys("visitor-1", 10 * MINUTE)]])
    sql = "select current_setting('threads'), current_setting('memory_limit') from events limit 1"
    with ask(history, Query(sql, limits=Limits("500MB", 1)), zones={}) as answer:
        assert list(answer.rows()) == [(1, "476.8 MiB")]
    with pytest.raises(InvalidQuery, match="locked"), ask(history, Query("set threads = 8; select 1"), zones={}):
        pass


def test_a_flood_of_names_is_summed_before_it_takes_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In SQL already; planned campaigns keep their names."""
    monkeypatch.setattr("reports.figures.STORED", 10**6)
    told: list[Event | Fact] = [
        *TOLD,
        *(visit(f"f{n}", 9 * MINUTE + n, f"flood-{n}", f"c-{n}") for n in range(MOST + 500)),
    ]
    quiet = CampaignRule(id="zzz", type="x", starts=FIRST, ends=FIRST)
    of_site = found(tmp_path, told, site=replace(SHOP, campaigns=(*SHOP.campaigns, quiet)))
    assert len(of_site.campaigns) == MOST + 1
    assert {"spring", "poster", "zzz"} < set(named(of_site.campaigns))
    assert sum(one.visits for one in of_site.campaigns) == MOST + 500 + 3
    assert len([one for one in of_site.elements if one.kind == "content"]) == MOST + 1
    assert sum(one.visits for one in of_site.elements if one.kind == "content") == MOST + 500 + 3
