"""Texts cut inside an emoji are read, and no other part of the JSON changes."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeline.event import MAX_BODY_BYTES
from wakeline.surrogates import without_halves

FIXED = {
    "a first half": (rb"\ud83d", rb"\ufffd"),
    "a second half": (rb"\udc5f", rb"\ufffd"),
    "in capitals": (rb"\uD83D", rb"\ufffd"),
    "before a letter": (rb"\ud83dx", rb"\ufffdx"),
    "before another escape": (rb"\ud83d\n", rb"\ufffd\n"),
    "before an escaped letter": (rb"\ud83d\u0041", rb"\ufffd\u0041"),
    "before a pair": (rb"\ud83d\ud83d\udc5f", rb"\ufffd\ud83d\udc5f"),
    "behind a pair": (rb"\ud83d\udc5f\udc5f", rb"\ud83d\udc5f\ufffd"),
    "halves in the wrong order": (rb"\udc5f\ud83d", rb"\ufffd\ufffd"),
    "behind an escaped backslash": (rb"\\\ud83d", rb"\\\ufffd"),
    "behind what reads like a first half": (rb"\\ud83d\udc5f", rb"\\ud83d\ufffd"),
    "in bytes": (b"a\xed\xa0\xbdb", "a\ufffdb".encode()),
    "a pair in bytes": (b"\xed\xa0\xbd\xed\xb1\x9f", "\ufffd\ufffd".encode()),
    "a half escaped, a half in bytes": (b"\\ud83d\xed\xb1\x9f", rb"\ufffd" + "\ufffd".encode()),
}

KEPT = {
    "a pair": rb"\ud83d\udc5f",
    "a pair in capitals": rb"\uD83D\uDC5F",
    "an emoji": "\U0001f45f".encode(),
    "a letter that begins with the same byte": "\ud7ff".encode(),
    "a text that reads like one": rb"\\ud83d",
    "another escape": rb"\u00e9\ud7ff\ue000",
    "a cut escape": rb"\ud83",
    "a backslash at the end": b"\\",
    "no UTF-8": b"\xff\xed\x20",
}


@pytest.mark.parametrize(("text", "fixed"), FIXED.values(), ids=FIXED)
def test_a_half_becomes_a_replacement_character(text: bytes, fixed: bytes) -> None:
    assert without_halves(text) == fixed


@pytest.mark.parametrize("text", KEPT.values(), ids=KEPT)
def test_all_else_stays(text: bytes) -> None:
    assert without_halves(text) == text


PIECES = st.sampled_from(["\ud83d", "\udc5f", "\U0001f45f", "\\", '"', "u", "d83d", "\n", "é", "\ufffd"])


@given(st.lists(PIECES))
def test_json_of_any_text_is_that_text_with_its_halves_replaced(pieces: list[str]) -> None:
    """Halves that follow each other are a pair, which is how JSON spells the letter."""
    text = "".join(pieces).encode("utf-16-le", errors="surrogatepass").decode("utf-16-le", errors="replace")
    assert json.loads(without_halves(json.dumps("".join(pieces)).encode())) == text


@pytest.mark.parametrize(
    "piece",
    [b"\\ud83d", b"\\ud83d\\udc5f", b"\\n", b"\\", b"\\\\", b"\\u", b"\\ud83d\\n", b"\xed\xa0\xbd", b"\xed", b"a"],
)
def test_a_body_full_of_them_takes_little_time(piece: bytes) -> None:
    body = piece * (MAX_BODY_BYTES // len(piece))
    taken = []
    for _ in range(3):
        began = time.process_time()
        without_halves(body)
        taken.append(time.process_time() - began)
    assert min(taken) < 0.1
