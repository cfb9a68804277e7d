"""Telephone numbers do not become labels; article numbers and other terms do."""

from __future__ import annotations

import time

import pytest

from wakeline.telephones import NUMBER, redact_telephones

GONE = {
    "0301234567": NUMBER,
    "+49 (0)30 / 123 45-67": NUMBER,
    "call 030 1234567 now": f"call {NUMBER} now",
    "tel0301234567": f"tel{NUMBER}",
    "tel+49301234567x": f"tel{NUMBER}x",
    "call:+1-212-555-0100,2125550101": f"call:{NUMBER}",
    "۰۲۱-۸۸۷۷۶۶۵۵": NUMBER,
    "0049170123456": NUMBER,
    "1990-12-31": NUMBER,
    "4006381333932": NUMBER,  # no GTIN: another check digit
    "400 6381 333931": NUMBER,  # in pieces
    "lamp 4006381333931 or 0170 1234567": f"lamp 4006381333931 or {NUMBER}",
}
STAYS = (
    "",
    "lamp",
    "4711",
    "123456",
    "usb 3.0 64 gb",
    "4006381333931",
    "AB1234567",
    "iphone 15 128",
    "2027-01",
    "1 2 3",
)


@pytest.mark.parametrize("text", GONE)
def test_goes(text: str) -> None:
    assert redact_telephones(text) == GONE[text]


@pytest.mark.parametrize("text", STAYS)
def test_stays(text: str) -> None:
    assert redact_telephones(text) == text


@pytest.mark.parametrize("unit", ["(", "+", "1_", "1 ", "a0", "0", "1(((", "٣ "])
def test_takes_time_in_proportion_to_the_length(unit: str) -> None:
    def cost(length: int) -> float:
        text = unit * length
        started = time.perf_counter()
        redact_telephones(text)
        return time.perf_counter() - started

    assert min(cost(40_000) for _ in range(3)) < 40 * min(cost(4_000) for _ in range(3)) + 0.001
