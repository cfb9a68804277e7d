"""Any readable text can name a custom event, except spellings of Wakeline's own types."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.names import clean_name
from wakeline.event import MAX_NAME
from wakeline.vocabulary.types import BUILT_IN

NAMES: dict[str, tuple[str, str | None]] = {
    "French": ("Ajouté au panier", "Ajouté au panier"),
    "French, decomposed": ("Ajoute\u0301 au panier", "Ajouté au panier"),
    "Japanese": ("購入", "購入"),
    "Persian, with its joiner": ("می\u200cخواهم", "می\u200cخواهم"),
    "brackets": ("Click (CTA)", "Click (CTA)"),
    "emoji of several": ("👩\u200d👧 ❤\ufe0f", "👩\u200d👧 ❤\ufe0f"),
    "a digit first": ("2 for 1", "2 for 1"),
    "spaces around and within": ("  a \t b\n", "a b"),
    "invisible parts": ("a\u200bb\u3164c\u202e", "abc"),
    "64 characters": ("é" * 64, "é" * 64),
    "65 characters": ("é" * 65, None),
    "a person": ("by me@mail.example", "by (redacted)"),
    "a short address": ("a@b.de", "(redacted)"),
    "a card": ("4111 1111 1111 1111", "(redacted)"),
    "one of ours": ("page_view", "page_view"),
    "capitals of its own": ("Page_View", "Page_View"),
    "ours, with an invisible space": ("page_view\u200b", None),
    "ours, with a joiner": ("page\u200d_view", None),
    "ours, with a variation": ("consent\ufe0f", None),
    "ours, full width": ("\uff50age_view", None),
    "ours, with a space": (" identify", None),
    "nothing but a space": (" \u3000", None),
    "nothing that is seen": ("\u202e\u3164\u2800", None),
    "nothing but a joiner": ("\u200d\ufe0f", None),
    "controls": ("\x00\x07", None),
}


@pytest.mark.parametrize(("name", "wanted"), NAMES.values(), ids=NAMES)
def test_a_name(name: str, wanted: str | None) -> None:
    assert clean_name(name) == wanted


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=80) | st.text("page_view \u200b\u200d", max_size=12))
def test_a_clean_name_is_one_already(name: str) -> None:
    cleaned = clean_name(name)
    if cleaned is not None:
        assert clean_name(cleaned) == cleaned
        assert 0 < len(cleaned) <= MAX_NAME
        assert cleaned == name or cleaned not in BUILT_IN
