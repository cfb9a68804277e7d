"""Things of the history in SQL: contacts, service orders, agreements, products, mails, offers, answers."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from reports.reading import needed
from reports.views import NAMES, needs
from tests.sealed import as_they_happened, seal
from tests.telling import as_told, fact, order, thing
from tests.test_reports_query import answer, one
from tests.timeline import DAY, MINUTE, START, event
from wakeline.record import Erase, Fact
from wakeline.vocabulary.things import AGREEMENT, CONTACT, PRODUCT, SENT, SERVICE_ORDER, THINGS, thing_id
from wakeline.vocabulary.types import TYPES, By

BEGIN = datetime(2027, 1, 15, 8)
HOUR = 60 * MINUTE
ANN, BEN = "@ann", "@ben"


def contact(at: int, **fields: Any) -> Fact:
    return thing(CONTACT, "C-1", "contact", at, customer=ANN, **{"channel": "mail", **fields})


def test_a_contact_is_one_row_with_the_latest_word(tmp_path: Path) -> None:
    told = as_told(
        contact(0, state="opened", direction="in", topic="damage", order=order("A-1")),
        contact(2 * HOUR, state="answered", cost=250, currency="EUR"),
        contact(HOUR, state="answered", minutes=7.5, topic="delivery"),
        contact(5 * HOUR, state="solved", satisfaction=9, channel="phone"),
    )
    sql = (
        "select customer, channel, direction, topic, state, opened, answered, solved, closed, is_open, cost, currency, "
        "minutes, satisfaction, order_key from contacts"
    )
    assert answer(seal(tmp_path, told[::-1]), sql) == [
        (
            ANN, "phone", "in", "delivery", "solved", BEGIN, BEGIN + timedelta(hours=1), BEGIN + timedelta(hours=5),
            None, False, Decimal("2.5"), "EUR", 7.5, 9, order("A-1"),
        )
    ]  # fmt: skip


def test_a_contact_is_open_until_it_is_solved_or_closed(tmp_path: Path) -> None:
    said = {
        "1 opened": (["opened"], True),
        "2 not said": ([None], False),
        "3 answered": (["opened", "answered"], True),
        "4 closed": (["opened", "closed"], False),
        "5 opened again": (["closed", "opened"], True),
    }
    told = [
        thing(CONTACT, name, "contact", n, customer=ANN, channel=name, **({"state": state} if state else {}))
        for name, (states, _) in said.items()
        for n, state in enumerate(states)
    ]
    told.append(thing(CONTACT, "out", "contact", customer=ANN, channel="6 out", direction="out"))
    history = seal(tmp_path, as_told(*told))
    assert answer(history, "select channel, is_open from contacts order by channel") == [
        *((name, is_open) for name, (_, is_open) in said.items()),
        ("6 out", False),
    ]


def test_service_and_agreements(tmp_path: Path) -> None:
    parts = [{"item_id": "sole", "quantity": 2, "cost": 130}]
    told = as_told(
        thing(SERVICE_ORDER, "S-1", "service_order", 0, customer=ANN, state="received"),
        thing(SERVICE_ORDER, "S-1", "service_order", DAY, customer=ANN, state="repaired", parts=parts, currency="EUR",
              cost=999, minutes=30),
        thing(AGREEMENT, "G-1", "agreement", 0, customer=ANN, level="basic", start=START, end=START + 90 * DAY),
        thing(AGREEMENT, "G-1", "agreement", DAY, customer=ANN, level="plus", value=4_900, currency="EUR"),
    )  # fmt: skip
    history = seal(tmp_path, told)
    sql = "select customer, state, cost, currency, minutes, parts[1].item_id, parts[1].quantity, parts[1].cost, updated"
    assert answer(history, f"{sql} from service") == [
        (ANN, "repaired", Decimal("9.99"), "EUR", 30, "sole", 2, Decimal("1.3"), BEGIN + timedelta(days=1))
    ]
    assert answer(history, "select customer, level, starts, ends, value, currency from agreements") == [
        (ANN, "plus", BEGIN, BEGIN + timedelta(days=90), Decimal(49), "EUR")
    ]


def test_products(tmp_path: Path) -> None:
    told = as_told(
        thing(PRODUCT, "boot/7 ü", "product", 0, name="Boot", categories=["shoes", "boots"], price=8_000, cost=5_000,
              currency="EUR", stock=4, lead_days=2, attributes={"colour": "red"}),
        thing(PRODUCT, "boot/7 ü", "product", 9, stock=3.5),
        thing(PRODUCT, "sock", "product", 0, price=500, currency="EUR"),
        thing(PRODUCT, "sock", "product", 9, cost=400, currency="USD", item_id="sock"),
    )  # fmt: skip
    sql = (
        "select item_id, name, categories, price, cost, currency, stock, lead_days, attributes->>'colour' from products"
    )
    assert answer(seal(tmp_path, told), f"{sql} order by item_id") == [
        ("boot/7 ü", "Boot", ["shoes", "boots"], Decimal(80), Decimal(50), "EUR", 3.5, 2, "red"),
        ("sock", None, None, None, Decimal(4), "USD", None, None, None),
    ]


def test_a_mail_and_what_became_of_it(tmp_path: Path) -> None:
    def mail(type: str, at: int, **fields: Any) -> Fact:
        return thing(SENT, "M-1", f"campaign_{type}", at, customer=ANN, campaign="may", **fields)

    told = as_told(
        mail("sent", 0, element={"subject": "Sale", "audience": "all"}, medium="email", cost=3, currency="EUR"),
        mail("opened", HOUR), mail("opened", 2 * HOUR), mail("clicked", HOUR + 1, element={"link": "boots"}),
    )  # fmt: skip
    sql = (
        "select customer, campaign, subject, creative, link, audience, medium, cost, sent, opened, clicked, bounced, "
        "unsubscribed, opens, clicks from sends"
    )
    assert answer(seal(tmp_path, told[::-1]), sql) == [
        (
            ANN, "may", "Sale", None, "boots", "all", "email", Decimal("0.03"), BEGIN, BEGIN + timedelta(hours=1),
            BEGIN + timedelta(hours=1, milliseconds=1), None, None, 2, 1,
        )
    ]  # fmt: skip


def test_offers_of_pages_and_servers_meet_by_their_decision(tmp_path: Path) -> None:
    spring = {"decision_id": "D-1", "offer": "spring", "slot": "top"}
    came: list[Any] = [
        *as_they_happened([
            event("visitor-1", "page-1", 0, 0, "offer_seen", props=spring),
            event("visitor-2", "page-2", 0, 0, "offer_seen", props={"offer": "former"}),
            event("visitor-2", "page-2", 1, 5, "offer_dismissed", props={"offer": "former"}),
            event("visitor-2", "page-2", 2, 9, "offer_seen", props={"offer": "other"}),
            event("visitor-3", "page-3", 0, 9, "offer_seen", props=spring, bot="Googlebot"),
        ]),
        *as_told(fact(ANN, "offer_accepted", HOUR, decision_id="D-1")),
    ]  # fmt: skip
    sql = "select offer, slot, visitor, customer, seen, accepted, dismissed is not null from offers order by offer"
    assert answer(seal(tmp_path, came), sql) == [
        ("former", None, "visitor-2", None, BEGIN, None, True),
        ("other", None, "visitor-2", None, BEGIN + timedelta(milliseconds=9), None, False),
        ("spring", "top", "visitor-1", ANN, BEGIN, BEGIN + timedelta(hours=1), False),
    ]


def test_answers_of_surveys(tmp_path: Path) -> None:
    came: list[Any] = [
        *as_they_happened([
            event("visitor-1", "page-1", 0, 0, "survey_answered", props={"survey": "s", "question": "q", "answer": 9}),
            event("visitor-1", "page-1", 1, 1, "survey", props={"survey": "s", "question": "q", "answer": "fast"}),
            event("visitor-1", "page-1", 2, 2, "survey_seen", props={"survey": "s"}),
        ]),
        *as_told(
            fact(ANN, "survey_answered", 3, survey="s", answer="10", id="1" * 16),
            fact(ANN, "survey_answered", 3, survey="s", answer="10", id="1" * 16),
            fact(ANN, "survey_answered", 4, survey="s", answer=11),
        ),
    ]  # fmt: skip
    sql = "select survey, question, answer, grade, visitor, customer, told_by from answers order by time"
    assert answer(seal(tmp_path, came), sql) == [
        ("s", "q", "9", 9, "visitor-1", None, "page"),
        ("s", "q", "fast", None, "visitor-1", None, "page"),
        ("s", None, "10", 10, None, ANN, "server"),
        ("s", None, "11", None, None, ANN, "server"),
    ]


FIELDS = (
    "value", "currency", "items", "parts", "cost", "state", "at", "start", "end", "order", "element", "categories",
    "attributes", "stock", "minutes", "satisfaction", "refund_id", "channel",
)  # fmt: skip


def test_a_field_with_nonsense_breaks_no_query(tmp_path: Path) -> None:
    odd = [None, True, "", "x", "NaN", 1e300, 10**30, -1, [], [1], {}, {"a": 1}, "1,5"]
    told = []
    for type in (type for type in TYPES if type.by & (By.SERVER | By.IMPORT) and type.thing):
        assert type.thing is not None
        for number, value in enumerate(odd):
            told.append(
                thing(type.thing, f"{type.name}-{number}", type.name, customer=ANN, **dict.fromkeys(FIELDS, value))
            )
    history = seal(tmp_path, as_told(*told))
    rows = " union all ".join(f"select '{view}', count(hash(row)) from {view} as row" for view in NAMES)
    assert dict(answer(history, rows))["contacts"] == len(odd)


# ---- who is forgotten ------------------------------------------------------------------------------

TOLD_OF_ANN = (
    fact(order("A"), "purchase", customer=ANN, value=100, currency="EUR", items=[{"item_id": "boot", "price": 100}]),
    fact(order("A"), "refund", customer=ANN, refund_id="1", value=50, currency="EUR"),
    thing(CONTACT, "C", "contact", customer=ANN, channel="mail"),
    thing(SERVICE_ORDER, "S", "service_order", customer=ANN, state="new"),
    thing(AGREEMENT, "G", "agreement", customer=ANN, level="plus"),
    thing(SENT, "M", "campaign_sent", customer=ANN, campaign="may"),
    fact(ANN, "offer_seen", decision_id="D", offer="spring"),
    fact(ANN, "survey_answered", survey="s", answer="10"),
    fact("visitor-1", "survey_answered", survey="s", answer="9"),
)
PERSONAL_VIEWS = (
    "orders", "order_items", "refunds", "contacts", "service", "agreements", "sends", "offers", "answers",
)  # fmt: skip


def erased(id: str, at: int = DAY) -> tuple[int, Erase]:
    return START + at, Erase(site="shop", id=id, time=START + at)


def shown(history: Any, customer: str) -> dict[str, tuple[int, bool]]:
    """By view, how many rows it has, and whether one names the customer."""
    rows = (
        f"select '{view}', count(*), coalesce(bool_or(customer = '{customer}'), false) from {view}"
        for view in PERSONAL_VIEWS
    )
    return {view: (count, is_named) for view, count, is_named in answer(history, " union all ".join(rows))}


SIGNED_IN = event("visitor-1", "page-1", 0, 10, "identify", customer=ANN)
WITHDRAWN = event("visitor-1", "page-1", 1, 20, "consent", level="off")
OF_THINGS = set(PERSONAL_VIEWS) - {"offers", "answers"}  # these are about the person itself
ENDS: dict[str, tuple[list[Any], set[str]]] = {
    # what else was told, and where the customer is still named
    "nobody is erased": ([], set(PERSONAL_VIEWS)),
    "the customer": ([erased(ANN)], set()),
    "somebody else": ([erased(BEN)], set(PERSONAL_VIEWS)),
    "before it was told: things name the customer again": ([erased(ANN, -DAY)], OF_THINGS),
    "a browser of the customer takes it along": ([*as_they_happened([SIGNED_IN]), erased("visitor-1")], set()),
    "a withdrawal leaves what servers told": (as_they_happened([SIGNED_IN, WITHDRAWN]), set(PERSONAL_VIEWS)),
    "the customer is said to return": (
        [erased(ANN, -DAY), *as_told(fact(ANN, "customer", -HOUR, returns=True))], set(PERSONAL_VIEWS),
    ),
    "the customer returned before": ([erased(ANN), *as_told(fact(ANN, "customer", -HOUR, returns=True))], set()),
    "another fact on the customer is no return": (
        [erased(ANN, -DAY), *as_told(fact(ANN, "customer", -HOUR))], OF_THINGS,
    ),
    "the customer signs in again": (
        [erased(ANN, -DAY), *as_they_happened([event("visitor-2", "page-2", 0, -HOUR, "identify", customer=ANN)])],
        set(PERSONAL_VIEWS),
    ),
    "another id of the customer": ([*as_told(fact(BEN, "alias", other=ANN)), erased(BEN)], set()),
    "an id that is another's, whose alias is told later": (
        [
            *as_told(fact(ANN, "alias", other="@cleo")),
            erased(BEN),
            *as_told(fact("@cleo", "alias", 2 * DAY, other=BEN)),
        ],
        set(),
    ),
    "the alias of somebody else": ([*as_told(fact(BEN, "alias", other="@cleo")), erased(BEN)], set(PERSONAL_VIEWS)),
    "the customer is said to return under another id": (
        [erased(ANN, -DAY), *as_told(fact(BEN, "alias", -HOUR, other=ANN), fact(BEN, "customer", -HOUR, returns=True))],
        set(PERSONAL_VIEWS),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ENDS)
def test_an_erased_customers_things_are_nobodys(tmp_path: Path, name: str) -> None:
    also, wanted = ENDS[name]
    came = sorted([*as_told(*TOLD_OF_ANN), *also], key=lambda each: each[0])
    history = seal(tmp_path, came)
    assert shown(history, ANN) == {view: (2 if view == "answers" else 1, view in wanted) for view in PERSONAL_VIEWS}


@pytest.mark.parametrize("end", [erased("visitor-1"), *as_they_happened([WITHDRAWN])])
def test_an_erased_visitors_facts_are_nobodys(tmp_path: Path, end: Any) -> None:
    history = seal(tmp_path, [*as_told(*TOLD_OF_ANN), end])
    assert answer(history, "select visitor, customer from answers order by answer desc") == [(None, None), (None, ANN)]


def test_no_table_shows_an_id_of_the_forgotten(tmp_path: Path) -> None:
    came = [*as_told(*TOLD_OF_ANN), erased(ANN), erased("visitor-1")]
    history = seal(tmp_path, sorted(came, key=lambda each: each[0]))
    sql = "select schema_name || '.' || {0}_name from duckdb_{0}s() where not internal and {0}_name <> 'answer'"
    tables = [name for kind in ("table", "view") for (name,) in answer(history, sql.format(kind))]
    assert "history.fact" in tables
    shown = " union all ".join(f"select list(row)::varchar from {table} as row" for table in tables)
    text = str(answer(history, f"{shown} -- {' '.join(NAMES)}"))
    assert "boot" in text
    assert ANN not in text
    assert "visitor-1" not in text


# ---- only what is needed ---------------------------------------------------------------------------


def test_a_view_names_all_types_that_move_it() -> None:
    """Each thing's events of servers and imports, but for the things that have no view yet."""
    without = {"points"}
    told = {type.name for type in TYPES if type.thing in THINGS and type.by & (By.SERVER | By.IMPORT)}
    assert told - without <= set(needs(" ".join(NAMES)).facts)


def test_a_question_on_things_reads_no_file_whole(tmp_path: Path) -> None:
    came: list[Any] = [
        *as_they_happened(event("visitor-1", f"page-{n}", 0, n) for n in range(9)),
        *as_told(*TOLD_OF_ANN),
    ]
    history = seal(tmp_path, came)
    asked = needs("select count(*) from contacts")
    assert (asked.facts, asked.events, asked.days) == (("contact",), (), False)
    assert needed(history, None, None, reads_days=asked.days).whole == []
    assert one(history, "select count(*) from contacts") == 1
    assert one(history, "select count(*) from history.event -- contacts") == 0
    assert one(history, "select count(*) from history.fact -- events") == 0


def test_one_site_or_all(tmp_path: Path) -> None:
    mine = thing(CONTACT, "C", "contact", customer=ANN, channel="mail")
    blog = fact(thing_id("other", CONTACT, "C"), "contact", customer=ANN, channel="mail")
    blog.site = "blog"
    history = seal(tmp_path, as_told(mine, blog))
    assert answer(history, "select site from contacts order by all") == [("blog",), ("shop",)]
    assert answer(history, "select site from contacts", site="blog") == [("blog",)]
