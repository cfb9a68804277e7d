"""What campaigns brought and cost, in SQL and by the command."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner

from ops.cli import main
from reports import Query, ask
from tests.sealed import seal
from tests.telling import fact, order
from tests.timeline import DAY, MINUTE, START, event
from wakeline.definitions import CREDIT_MODELS
from wakeline.record import Event, Fact
from wakeline.settings import MOST_CAMPAIGNS, CampaignRule, DayCostRule, Site

FIRST = datetime.fromtimestamp(START / 1000, UTC).date()
SPRING = CampaignRule(
    id="spring", type="newsletter", starts=FIRST, ends=FIRST + timedelta(days=9), cost=100.0, send_cost=0.5,
    costs=(DayCostRule(first=FIRST + timedelta(days=1), last=FIRST + timedelta(days=9), cost=10.0),),
    audience="all", elements=("top", "never used"),
)  # fmt: skip
POSTER = CampaignRule(id="poster", type="display", starts=FIRST, ends=FIRST, cost=70.0)
SHOP = Site(key="shop", currency="EUR", campaigns=(SPRING, POSTER))
A = order("A-1")


def visit(visitor: str, at: int, campaign: str = "spring", content: str = "top", *, path: str = "/lamps") -> Event:
    query = {"utm_campaign": campaign, "utm_source": "mail", "utm_content": content, "utm_term": "lamp"}
    return event(visitor, f"page-{visitor}-{at}", 0, at, path=path, query=query)


def buys(visitor: str, at: int, number: str = "A-1", value: float = 90) -> Event:
    props = {"transaction_id": number, "value": value, "currency": "EUR"}
    return event(visitor, f"page-{visitor}-{at}", 0, at, "purchase", props=props, order=order(number))


def mail(what: str, at: int, of: str = "M-1", **body: Any) -> Fact:
    return fact(f"#sent:{of[-1] * 32}", f"campaign_{what}", at, campaign="spring", customer="@jo", **body)


TOLD: list[Event | Fact] = [
    mail("sent", 0, "M-1", element={"subject": "Hello"}),
    mail("sent", 0, "M-2", element={"subject": "Spring"}, cost=30, currency="EUR"),
    mail("sent", 0, "M-3", element={"subject": "Spring"}, cost=30, currency="USD"),
    mail("opened", 5 * MINUTE, "M-2"),
    mail("clicked", 6 * MINUTE, "M-2"),
    visit("visitor-1", 7 * MINUTE),
    buys("visitor-1", 9 * MINUTE),
    fact(A, "refund", 20 * MINUTE, refund_id="r", value=2_000, currency="EUR"),
    visit("visitor-2", DAY, content="bottom", path="/"),
    visit("visitor-3", 2 * DAY, "unplanned"),
    buys("visitor-3", 2 * DAY + MINUTE, "B-2", 40),
    fact(order("B-2"), "order_state", 2 * DAY + 2 * MINUTE, state="cancelled"),
]


def rows(folder: Path, sql: str, **days: date) -> list[tuple[Any, ...]]:
    history = seal(folder, [(one.received + 20, one) for one in sorted(TOLD, key=lambda one: one.received)])
    query = Query(sql, None, days.get("first"), days.get("last"))
    with ask(history, query, zones={}, sites=[SHOP]) as found:
        return list(found.rows(100))


def test_a_campaign_is_what_was_planned_and_what_happened(tmp_path: Path) -> None:
    names = "campaign, type, visits, bounces, sent, opened, clicked, orders, revenue, cost, is_planned"
    assert rows(tmp_path, f"select {names} from campaigns order by campaign") == [
        ("poster", "display", 0, 0, 0, 0, 0, 0, Decimal(0), Decimal(70), True),
        # once, two days of ten until now, a mail without a cost and one of its own; that in dollars does not count
        ("spring", "newsletter", 2, 1, 3, 1, 1, 1, Decimal(70), Decimal("120.8"), True),
        ("unplanned", None, 1, 0, 0, 0, 0, 0, Decimal(0), Decimal(0), False),
    ]


def test_a_query_of_one_site_has_the_campaigns_of_that_site(tmp_path: Path) -> None:
    history = seal(tmp_path, [(one.received + 20, one) for one in TOLD])
    other = Site(key="other", currency="USD", campaigns=(POSTER,))
    for site, wanted in (("shop", [("shop", "EUR")]), (None, [("other", "USD"), ("shop", "EUR")])):
        query = Query("select site, currency from campaigns where campaign = 'poster' order by site", site)
        with ask(history, query, zones={}, sites=[SHOP, other]) as found:
            assert list(found.rows()) == wanted


@pytest.mark.parametrize(("zone", "days_so_far"), [("Europe/Berlin", 3), ("Pacific/Honolulu", 2)])
def test_a_campaign_that_never_ends_has_its_costs_up_to_the_sites_day(
    tmp_path: Path, zone: str, days_so_far: int
) -> None:
    history = seal(tmp_path, [(one.received + 20, one) for one in TOLD])
    days = (DayCostRule(first=FIRST, last=date.max, cost=1.0),)
    endless = [
        CampaignRule(id=f"c{n}", type="display", starts=FIRST, ends=date.max, costs=days) for n in range(MOST_CAMPAIGNS)
    ]
    query = Query("select campaign, cost from campaigns where cost > 0 order by campaign limit 1")
    shop = Site(key="shop", currency="EUR", campaigns=tuple(endless), time_zone=ZoneInfo(zone))
    with ask(history, query, zones={}, sites=[shop]) as found:
        assert list(found.rows()) == [("c0", Decimal(days_so_far))]


def test_days_and_their_costs_add_up(tmp_path: Path) -> None:
    found = rows(
        tmp_path, "select day, visits, sent, orders, cost from campaign_days where campaign = 'spring' order by day"
    )
    assert found == [
        (FIRST, 1, 3, 1, Decimal("100.8")),
        (FIRST + timedelta(days=1), 1, 0, 0, Decimal(10)),
        (FIRST + timedelta(days=2), 0, 0, 0, Decimal(10)),
    ]


def test_a_query_of_some_days_has_what_happened_then(tmp_path: Path) -> None:
    day = FIRST + timedelta(days=1)
    found = rows(tmp_path, "select campaign, visits, cost from campaigns order by campaign", first=day, last=day)
    assert found == [("poster", 0, Decimal(0)), ("spring", 1, Decimal(10))]


def test_elements_have_what_they_brought(tmp_path: Path) -> None:
    found = rows(
        tmp_path,
        "select kind, element, visits, sent, clicked, orders, revenue from campaign_elements where campaign = 'spring' "
        "and kind <> 'hour' order by kind, element",
    )
    assert found == [
        ("content", "bottom", 1, 0, 0, 0, Decimal(0)),
        ("content", "top", 1, 0, 0, 1, Decimal(70)),
        ("landing_page", "/", 1, 0, 0, 0, Decimal(0)),
        ("landing_page", "/lamps", 1, 0, 0, 1, Decimal(70)),
        ("planned", "never used", 0, 0, 0, 0, Decimal(0)),
        ("subject", "Hello", 0, 1, 0, 0, Decimal(0)),
        ("subject", "Spring", 0, 2, 1, 0, Decimal(0)),
        ("term", "lamp", 2, 0, 0, 1, Decimal(70)),
    ]
    hours = rows(tmp_path, "select sum(visits) from campaign_elements where kind = 'hour'")
    assert hours == [(3,)]


def test_each_kind_of_element_adds_up_to_its_campaign(tmp_path: Path) -> None:
    found = rows(
        tmp_path,
        "select kind, sum(visits), sum(orders), sum(revenue) from campaign_elements where campaign = 'spring' "
        "and kind in ('content', 'term', 'landing_page', 'hour') group by kind",
    )
    assert {row[1:] for row in found} == {(2, 1, Decimal(70))}


def test_an_order_after_a_return_from_paying_counts_for_the_visit_before(tmp_path: Path) -> None:
    back = event("visitor-9", "page-2", 0, 60 * MINUTE, path="/thanks", referrer="www.paypal.com/")
    told = [visit("visitor-9", 0), back, buys("visitor-9", 61 * MINUTE)]
    history = seal(tmp_path, [(one.received + 20, one) for one in told])
    wanted = {
        "select campaign, visits, orders, revenue from campaigns where visits > 0": [("spring", 1, 1, Decimal(90))],
        "select source, campaign from orders": [("mail", "spring")],
        "select kind, element from campaign_elements where orders > 0 and kind <> 'hour' order by all": [
            ("content", "top"), ("landing_page", "/lamps"), ("term", "lamp"),
        ],
        "select source, campaign, continued from sessions order by session": [
            ("mail", "spring", False), ("internal", None, True),
        ],
    }  # fmt: skip
    for sql, rows_of in wanted.items():
        with ask(history, Query(sql), zones={}, sites=[SHOP]) as found:
            assert list(found.rows()) == rows_of


CONFIG = """
redis = "redis://127.0.0.1:1/0"
archive = "{archive}"
[[site]]
key = "shop"
currency = "EUR"
[[site.campaigns]]
id = "spring"
type = "newsletter"
starts = {first}
ends = {last}
cost = 100.0
audience = "all"
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    seal(tmp_path / "archive", [(one.received + 20, one) for one in sorted(TOLD, key=lambda one: one.received)])
    path = tmp_path / "wakeline.toml"
    path.write_text(CONFIG.format(archive=tmp_path / "archive", first=FIRST, last=FIRST + timedelta(days=9)))
    return path


def said(*words: str, config: Path, code: int = 0) -> str:
    result = CliRunner().invoke(main, ["campaigns", *words, "--config", str(config)])
    assert result.exit_code == code, result.output
    return result.output


def test_the_command_lists_campaigns_and_types(config: Path) -> None:
    assert "spring" in said("list", config=config)
    assert "unplanned" in said("list", config=config)
    by_type = said("list", "--by-type", config=config)
    assert "newsletter" in by_type
    assert "(not planned)" in by_type
    assert '"revenue_per_cost":0.7' in said("list", "--json", config=config).replace(" ", "")


def test_the_command_lists_what_each_is_owed(config: Path) -> None:
    for model in CREDIT_MODELS:
        shown = said("list", "--model", model, "--json", config=config)
        assert '"campaign":"spring"' in shown
        assert '"revenue":70' in shown
    assert "only one of" in said("list", "--model", "first", "--by-type", config=config, code=2)


def test_the_command_shows_a_campaign_by_day_and_element(config: Path) -> None:
    shown = said("show", "spring", config=config)
    for word in ("last_non_direct", "newsletter", "audience", "landing_page", "/lamps", "Hello", f"{FIRST}"):
        assert word in shown
    assert "has no campaign o'clock; --" in said("show", "o'clock; --", config=config, code=1)
    assert "has no campaign nothing" in said("show", "nothing", config=config, code=1)
    assert "has no campaign o'clock" in said("show", "o'clock", config=config, code=1)


def test_a_campaign_is_shown_from_one_reading_of_the_history(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its parts would not add up if visits came in between."""
    read: list[object] = []

    def reading(*args: Any, **named: Any) -> Any:
        read.append(args)
        return ask(*args, **named)

    monkeypatch.setattr("reports.ask", reading)
    said("show", "spring", config=config)
    assert len(read) == 1


@pytest.mark.parametrize("options", [[], ["--by-type"]])
def test_the_list_is_a_table_in_a_terminal_of_a_hundred_columns(
    config: Path, monkeypatch: pytest.MonkeyPatch, options: list[str]
) -> None:
    for name, value in {"FORCE_COLOR": "1", "TERM": "xterm", "COLUMNS": "100"}.items():
        monkeypatch.setenv(name, value)
    listed = said("list", *options, config=config)
    assert "row 1" not in listed
    assert "newsletter" in listed
