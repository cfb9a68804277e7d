"""Labels that many see say nothing of anybody, whichever list they are in."""

from __future__ import annotations

import time

import pytest

from crm.sites import typed_name
from wakeline.campaign_figures import shown_name
from wakeline.personal import impersonal

GONE = {
    "mail jo@shop.example now": "mail (redacted) now",
    "jo@localhost": "(redacted)",
    "jo%40shop.example": "(redacted)",
    "a@b@c@d": "(redacted)@(redacted)",
    "call +49 151 2345678": "call (number)",
    "@home": "@home",
    "jo@": "jo@",
}


@pytest.mark.parametrize("text", GONE)
def test_every_list_leaves_out_the_same(text: str) -> None:
    assert impersonal(text) == shown_name(text) == typed_name(text) == GONE[text]


@pytest.mark.parametrize("text", ["x" * 50_000, "@" + "x" * 50_000, "%40" * 20_000, "a@" * 50_000])
def test_long_texts_take_little_time(text: str) -> None:
    begun = time.process_time()
    impersonal(text)
    assert time.process_time() - begun < 1
