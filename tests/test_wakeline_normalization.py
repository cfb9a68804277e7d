"""Letters and marks are composed, and long runs of marks are not slow."""

from __future__ import annotations

import time
from collections.abc import Callable
from unicodedata import normalize

import pytest

from wakeline.hosts import MAX_AUTHORITY, ascii_host, split
from wakeline.normalization import MARKS_LIE_IN, MAX_MARKS, has_long_run, is_mark, nfc, nfkc

FALLING = "\u0345\u035d\u0301\u0316"  # of falling class: the worst order


@pytest.mark.parametrize(
    "text", ["", "cafe\u0301", "\u1ea5 a\u0302\u0301", "\ud55c", "\u1112\u1161\u11ab", "\ufb01\uff21", "é" * 500]
)
def test_text_that_people_write_is_what_unicode_says(text: str) -> None:
    assert nfc(text) == normalize("NFC", text)
    assert nfkc(text) == normalize("NFKC", text)


def test_of_a_run_of_marks_the_first_are_kept() -> None:
    assert nfc("a" + "\u0301" * MAX_MARKS + "b") == normalize("NFC", "a" + "\u0301" * MAX_MARKS + "b")
    assert nfc("a" + "\u0301" * 5_000 + "b") == normalize("NFC", "a" + "\u0301" * MAX_MARKS + "b")
    assert has_long_run("\u0301" * (MAX_MARKS + 1))
    assert not has_long_run("e\u0301" * 500)


def test_no_mark_lies_elsewhere() -> None:
    """Of this Python's Unicode: a newer one may have more."""
    assert not [code for code in range(0x110000) if code not in MARKS_LIE_IN and is_mark(chr(code))]


@pytest.mark.parametrize("normalized", [nfc, nfkc])
@pytest.mark.parametrize(
    "marks", [FALLING, "\u0301\u0316\u0345\u035d", "\uff9e\u3099\uff9f\u0301", "\u0f73\u0f75\u0f81\u0344"]
)
def test_long_runs_take_linear_time(normalized: Callable[[str], str], marks: str) -> None:
    def least(length: int) -> float:
        text = "".join(mark * (length // len(marks)) for mark in marks)
        found = []
        for _ in range(5):
            began = time.process_time_ns()
            normalized(text)
            found.append(time.process_time_ns() - began)
        return min(found)

    normalized("\u0301" * 100)  # the pattern is made at first need
    assert least(64_000) < 9 * max(least(16_000), 100_000)


@pytest.mark.parametrize(
    "authority",
    [
        pytest.param("é" * (MAX_AUTHORITY + 1), id="long"),
        pytest.param("a" + "\u0301" * 40, id="marks"),
        pytest.param("\u0301@\u0316:" * 20, id="marks with signs between"),
    ],
)
@pytest.mark.parametrize("url", ["https://{}/", "//{}", "https:/\t/{}", "https:\n//{}?a", "https://a\\{}/"])
def test_what_stands_where_the_host_should_is_looked_at_first(url: str, authority: str) -> None:
    with pytest.raises(ValueError, match="the host is invalid"):
        split(url.format(authority))


def test_a_path_may_be_as_long_as_it_likes() -> None:
    assert split("https://ü.example/" + "é" * 5_000).hostname == "ü.example"
    assert split("/a?b=//" + "é" * 500).path == "/a"


def test_no_label_of_a_host_is_longer_than_names_can_be() -> None:
    assert ascii_host("灯" * 64) == ""
    assert ascii_host("灯.example") == "xn--znx.example"
