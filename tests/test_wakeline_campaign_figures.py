"""The stored figures of campaigns: names that all may see, and lists whose sums stay as they are."""

from __future__ import annotations

import time

import pytest

from wakeline.campaign_figures import MOST_NAME, Campaign, Element, Source, shortened, shown_name
from wakeline.keys import OTHER


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("winter-light", "winter-light"),
        ("Frühling 2026", "Frühling 2026"),
        ("mail to jo@shop.example now", "mail to (redacted) now"),
        ("jo%40shop.example", "(redacted)"),
        ("jo@", "jo@"),
        ("call +49 151 2345678", "call (number)"),
        ("2026-12-01", "(number)"),  # a day is seven digits or more: nobody can tell it from a birthday
        ("sale-2026-12", "sale-2026-12"),
        ("a\x00b\n\u202ec\ud800", "abc"),
        ("", "(none)"),
        ("\u200b", "(none)"),
    ],
)
def test_a_name_says_nothing_of_anybody(name: str, shown: str) -> None:
    assert shown_name(name) == shown


@pytest.mark.parametrize("text", ["x" * 5_000, "@" * 5_000, "a@" * 5_000, "1 " * 5_000, "e\u0301" * 5_000])
def test_a_long_name_is_cut_in_little_time(text: str) -> None:
    begun = time.process_time()
    shown = shown_name(text)
    assert time.process_time() - begun < 1
    assert len(shown) <= 2 * MOST_NAME
    assert len(shown.encode()) <= 4 * MOST_NAME


def test_the_rest_of_a_list_is_summed() -> None:
    rows = [Campaign(name, 7, visits=n, orders=0.5, cost=1.0) for n, name in enumerate("abcde")]
    assert shortened(rows, 3) == [*rows[:3], Campaign(OTHER, 0, visits=7, orders=1.0, cost=2.0)]
    assert shortened(rows, 5) == rows
    assert shortened(shortened(rows, 4), 3) == shortened(rows, 3)


def test_equal_names_are_one_and_nobody_is_called_other() -> None:
    rows = [Campaign("a", 5, visits=1), Campaign(OTHER, 5, visits=2), Campaign("a", 6, visits=4), Campaign("b")]
    assert shortened(rows, 2) == [Campaign("a", 5, visits=5), Campaign("b"), Campaign(OTHER, visits=2)]


def test_elements_have_a_rest_of_each_kind() -> None:
    rows = [Element("c", "content", name, visits=1, revenue=2.0) for name in "ab"]
    rows += [Element("c", "term", name, visits=1) for name in "ab"]
    assert shortened(rows, 1) == [
        rows[0],
        Element(OTHER, "content", OTHER, visits=1, revenue=2.0),
        Element(OTHER, "term", OTHER, visits=2),
    ]


def test_the_same_element_of_two_campaigns_is_two() -> None:
    rows = [Element(campaign, "content", "top", visits=1) for campaign in "ab"]
    assert shortened(rows, 2) == rows


def test_sources_are_summed_as_well() -> None:
    assert shortened([Source("a", 1, 1.0), Source("b", 2, 0.5), Source("c", 3, 0.25)], 1) == [
        Source("a", 1, 1.0),
        Source(OTHER, 5, 0.75),
    ]
