"""A page instance as text: its two parts make the whole, whatever its interests are called."""

from __future__ import annotations

import msgspec
import pytest

from crm.intake.state import Page
from crm.page_text import ABOUT_NOTHING, joined, split, without_interests, written

INTERESTS = (None, [], ["shoes"], ["a],b", "[c", '"],0,7]', "null,0]"])


@pytest.mark.parametrize("scroll", [0, 70, -1])
@pytest.mark.parametrize("measured", [0, 5, 4_321])
@pytest.mark.parametrize("pending", [0, 1.5, 1e300])
@pytest.mark.parametrize("interests", INTERESTS, ids=str)
def test_the_parts_make_the_whole(interests: list[str] | None, pending: float, measured: int, scroll: int) -> None:
    page = Page(3, "4f", 1_800_000_000_000, 0, interests, pending, scroll, measured)
    text = written(msgspec.json.encode(page).decode())
    counted, about = split(text)
    assert msgspec.json.decode(text, type=Page) == page
    assert msgspec.json.decode(counted, type=Page) == Page(
        *msgspec.structs.astuple(page)[:4], scroll=scroll, measured=measured
    )
    assert (about == "") is (interests is None and not pending)
    again = joined(counted, about or ABOUT_NOTHING)
    assert msgspec.json.decode(again, type=Page) == page
    assert split(again) == (counted, about)
    assert split(counted) == (counted, "")
    assert without_interests(text) == counted


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("[1]", ("[1]", "")),
        ('[3,"",9,0]', ('[3,"",9,0]', "")),
        ('[3,"",9,0,null,0.0]', ('[3,"",9,0]', "")),
        ('[3,"",9,0,null,0,70]', ('[3,"",9,0,null,0,70]', "")),
        ('[3,"",9,0,["a"],0.5]', ('[3,"",9,0]', '[["a"],0.5]')),
    ],
)
def test_what_earlier_versions_wrote_is_read(text: str, parts: tuple[str, str]) -> None:
    assert split(text) == parts
    assert msgspec.json.decode(parts[0], type=Page).measured == 0


def test_a_page_that_told_nothing_of_its_speed_takes_no_more_than_before() -> None:
    assert written(msgspec.json.encode(Page(3, "", 9, 0)).decode()) == '[3,"",9,0,null,0,0]'
