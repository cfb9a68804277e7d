"""What the demo's till, service desk and newsletter tell of a customer is of the vocabulary, and of nobody else."""

from __future__ import annotations

import json
import random

import msgspec
import pytest

from demo.departments import DEPARTMENTS, DESK, LETTER, TILL, Said
from wakeline.vocabulary.fields import FIELDS

NOW = 1_790_000_000_000
WHO = "C-1042"
SEEDS = range(60)


def stories(name: str) -> list[list[Said]]:
    return [DEPARTMENTS[name](WHO, random.Random(seed), NOW) for seed in SEEDS]


@pytest.mark.parametrize("name", DEPARTMENTS)
def test_each_event_is_one_that_a_server_may_tell(name: str) -> None:
    for story in stories(name):
        for said in story:
            told = msgspec.convert(said.event, FIELDS[said.event["type"]])
            assert told.customer == WHO
            assert said.words
        times = [said.event["time"] for said in story]
        assert times == sorted(times)
        assert times[0] == NOW
        assert times[-1] < NOW + 60_000
    ids = [said.event["id"] for story in stories(name) for said in story]
    assert len(set(ids)) == len(ids)


def test_the_till_sells_what_it_says_and_takes_back_what_was_sold() -> None:
    found = {len(story) for story in stories(TILL)}
    assert found == {2, 3}
    for customer, purchase, *refunds in stories(TILL):
        assert customer.event["email"] == "c-1042@example.com"
        sold = purchase.event
        assert sold["value"] == sum(item["price"] * item["quantity"] for item in sold["items"])
        assert all(0 < item["cost"] < item["price"] for item in sold["items"])
        assert sold["channel"] == "till"
        for refund in refunds:
            assert refund.event["transaction_id"] == sold["transaction_id"]
            assert refund.event["value"] <= sold["value"]


def test_a_request_is_opened_answered_and_mostly_solved() -> None:
    states = [[said.event["state"] for said in story] for story in stories(DESK)]
    assert {tuple(one) for one in states} == {("opened", "answered"), ("opened", "answered", "solved")}
    for story in stories(DESK):
        assert len({said.event["contact_id"] for said in story}) == 1
        assert [said.event.get("minutes", 0) > 0 for said in story][:2] == [False, True]
        assert not any("cost" in said.event for said in story)  # the shop has `minute_cost`: it would count twice


def test_a_letter_is_sent_then_opened_then_clicked() -> None:
    types = {tuple(said.event["type"] for said in story) for story in stories(LETTER)}
    whole = ("campaign_sent", "campaign_opened", "campaign_clicked")
    assert types == {whole[:1], whole[:2], whole}
    for story in stories(LETTER):
        assert len({said.event["sent_id"] for said in story}) == 1


def test_nobody_else_is_named() -> None:
    for name in DEPARTMENTS:
        for text in (json.dumps([said.event for said in story]) for story in stories(name)):
            assert text.count("@") == text.count("c-1042@example.com")
