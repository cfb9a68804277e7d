"""docs/privacy.md: its durations are those of the code, the tests that it names exist, all that is counted is there."""

from __future__ import annotations

import re

import pytest

from benchmarks.children import ROOT
from ops import retention
from wakeline import card_keys, keys
from wakeline.definitions import REMEMBERED_DAYS
from wakeline.durations import DAY_MS
from wakeline.settings import Settings, Site
from wakeline.thing_keys import IMPORT_KEPT_MS
from wakeline.vocabulary import things

PAGE = (ROOT / "docs/privacy.md").read_text()
SITE, SETTINGS = Site(), Settings()


def days(ms: int) -> str:
    assert ms % DAY_MS == 0
    return f"{ms // DAY_MS:,} days"


MOST_THINGS = "orders, contacts, service orders, points, products"
LONG = {things.ORDER, things.CONTACT, things.SERVICE_ORDER, things.POINTS, things.PRODUCT}
DURATIONS = {
    "visitor profile": f"{SITE.visitor_months} months after the last event, {SITE.visitor_most_months} months in all "
    "(`visitor_months`, `visitor_most_months`)",
    "anonymous visitor": f"{days(keys.ANONYMOUS_TTL_MS)} after the last event",
    "customer record": f"{SITE.customer_months} months after the last contact (`customer_months`)",
    "aliases: other ids of a customer": "as long as its record; after an erasure "
    f"{SITE.customer_months} months from it (`customer_months`)",
    "tombstones": f"{days(keys.TOMBSTONE_TTL_MS)} from the erasure",
    MOST_THINGS: f"{days(things.ORDER.lives_ms)} after somebody last spoke of it",
    "agreements": f"{days(things.AGREEMENT.lives_ms)} after somebody last spoke of it",
    "mails and letters sent": f"{days(things.SENT.lives_ms)} after somebody last spoke of it",
    "ids of servers' events": f"{REMEMBERED_DAYS} days",
    "lines of imports": f"{days(IMPORT_KEPT_MS)} after the import's last line",
    "log": f"{SETTINGS.log_max_age_days:g} days from its arrival (`log_max_age_days`), {SETTINGS.log_max_records:,} "
    "records per lane (`log_max_records`)",
    "spool": f"until log and Redis are back, {SETTINGS.spool_mb} MB per collector (`spool_mb`)",
    "history": f"{SITE.archive_days} days from its arrival (`archive_days`); "
    "under the pseudonym of an erased person until the next night",
    "dead letters": f"the newest {keys.DEAD_LETTERS:,} per lane; those about a person until it is erased or ends",
    "messages": f"{days(keys.MESSAGES_TTL_MS)}, {keys.MESSAGES_KEPT:,} at most",
    "numbers of the site": f"those of a day {days(keys.DAY_TTL_MS)}, totals for good",
    "backups": f"as long as you keep them; their cards {card_keys.BACKUP_DAYS} days",
    "key of the cards": f"former keys {card_keys.BACKUP_DAYS} days after `wakeline key rotate-cards`",
}
"""Row of the table -> how long."""
UNBOUND = {"daily salts", "card", "card search hashes", "API keys", "process logs", "metrics"}
"""Rows without a duration of a constant: the salts' is in their tests."""


def rows() -> dict[str, list[str]]:
    table = PAGE.partition("## Each kind of data")[2].partition("\n## ")[0]
    found = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines() if line[:1] == "|"]
    return {cells[0].strip(): cells for cells in found[2:]}


def test_each_duration_is_that_of_the_code() -> None:
    found = rows()
    assert found.keys() == DURATIONS.keys() | UNBOUND
    assert {name: found[name][2] for name in DURATIONS} == DURATIONS
    assert {len(cells) for cells in found.values()} == {5}


def test_things_of_one_row_live_equally_long() -> None:
    assert {thing.lives_ms for thing in LONG} == {things.ORDER.lives_ms}
    assert set(things.THINGS) == LONG | {things.AGREEMENT, things.SENT}


def test_each_kind_that_is_counted_is_in_the_table() -> None:
    row_of = {
        retention.VISITORS: "visitor profile",
        retention.CUSTOMERS: "customer record",
        retention.COUNTED: "anonymous visitor",
        retention.CARDS: "card",
        retention.HASHES: "card search hashes",
        **dict.fromkeys((thing.name for thing in LONG), MOST_THINGS),
        things.AGREEMENT.name: "agreements",
        things.SENT.name: "mails and letters sent",
    }
    assert {row_of.get(kind, kind) for kind in retention.KINDS} <= rows().keys()


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(tests/\S+)`", PAGE))))
def test_each_test_that_is_named_exists(name: str) -> None:
    path, _, function = name.partition("::")
    assert re.search(rf"^(?:async )?def {function}\(", (ROOT / path).read_text(), re.MULTILINE), name


def test_it_is_linked_from_the_readme() -> None:
    assert "(docs/privacy.md)" in (ROOT / "README.md").read_text()
