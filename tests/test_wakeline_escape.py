"""Untrusted text cannot affect a terminal, a log or a spreadsheet, and is changed as little as possible."""

from __future__ import annotations

import json
import logging
import sys

import pytest

from wakeline.escape import in_csv, in_json, plain
from wakeline.logs import TextLines

STEERS = ["\x1b]0;title\x07", "\x1b[31m", "\x9b31m", "\r", "\x00", "\x7f", "\u202e", "\u2066", "\u200f", "\u061c"]


@pytest.mark.parametrize("text", STEERS, ids=ascii)
def test_what_steers_a_terminal_is_gone(text: str) -> None:
    for shown in (plain(f"a{text}b"), in_csv(f"a{text}b"), in_json(json.dumps(f"a{text}b", ensure_ascii=False))):
        assert not any(char in shown for char in text if not char.isprintable())
        assert shown.strip('"').startswith("a")
        assert shown.strip('"').endswith("b")


def test_joiners_stay_in_what_is_shown() -> None:
    """Without them a Persian word and a family are other ones."""
    assert plain("می\u200cخواهم 👩\u200d👧\x1b") == "می\u200cخواهم 👩\u200d👧\ufffd"


def test_json_means_the_same() -> None:
    value = {"".join(STEERS): ["👩\u200d👧", "ä", "=1+1"]}
    assert json.loads(in_json(json.dumps(value, ensure_ascii=False))) == value


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("-2+3+cmd|' /C calc'!A0", "'-2+3+cmd|' /C calc'!A0"),
        ("@SUM(1+1)", "'@SUM(1+1)"),
        (" =1+1", "' =1+1"),
        ("\t=1+1", "'\t=1+1"),
        ("\n=1+1", "'\n=1+1"),
        ("\uff1d1+1", "'\uff1d1+1"),
        ("/shoes", "/shoes"),
        ("a=1", "a=1"),
        ("two\nlines", "two\nlines"),
        ("@0123456789abcdef", "@0123456789abcdef"),  # a customer
        ("~0123456789abcdef", "~0123456789abcdef"),  # an anonymous visitor
        ("-k3v9q2m1t7b5", "-k3v9q2m1t7b5"),  # a visitor
        ("👩\u200d👧", "👩\u200d👧"),
        ("", ""),
    ],
)
def test_no_cell_is_a_formula(text: str, cell: str) -> None:
    assert in_csv(text) == cell


def test_a_log_has_no_line_that_somebody_else_wrote() -> None:
    forged = "x\n12:00:00.000 collector INFO    all is well\x1b[2J\r"
    try:
        raise ValueError(forged)
    except ValueError:
        record = logging.LogRecord("wakeline.x", logging.ERROR, "", 1, "sent: %s", (forged,), sys.exc_info())
    first, *others = TextLines("processor", False).format(record).split("\n")
    assert first.endswith("processor ERROR   sent: x")
    assert all(line.startswith(("    ", "Traceback ")) for line in others)
    assert not any(char in "".join((first, *others)) for char in "\x1b\r")
