"""[[site.segments]] in wakeline.toml: what is taken, and what is refused at the start."""

from __future__ import annotations

from pathlib import Path

import pytest

from demo.catalogue import SITE as DEMO_FILE
from tests.test_wakeline_config import SITE, refused
from tests.test_wakeline_config import read as configured
from wakeline.config import load
from wakeline.segments.declared import declared
from wakeline.settings import MOST_SEGMENTS, SegmentRule

ONE = '[[site.segments]]\nname = "ready"\nrule = "orders == 0 and visits > 2"\n'
LONG = '[[site.segments]]\nname = "both"\nrule = """in_segment("ready")  # and\n  and page_views > 9"""\nsays = "Hot"\n'


def test_segments_are_read(tmp_path: Path) -> None:
    assert configured(tmp_path, SITE + ONE + LONG).sites["shop"].segments == (
        SegmentRule(name="ready", rule="orders == 0 and visits > 2"),
        SegmentRule(name="both", rule='in_segment("ready")  # and\n  and page_views > 9', says="Hot"),
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param(ONE.replace("rule =", "role ="), "role", id="no rule"),
        pytest.param(ONE.replace("ready", "Ready"), '"Ready" has no good name', id="a capital"),
        pytest.param(ONE.replace("ready", "r" * 41), "has no good name", id="a long name"),
        pytest.param(ONE + f'says = "{"x" * 201}"\n', "more than 200 visible characters", id="much said"),
        pytest.param(ONE + ONE, 'have "ready" twice', id="twice"),
        pytest.param(
            ONE.replace("orders", "oders"),
            'have "ready" with a rule that cannot be used: line 1, column 1: there is no field oders: did you mean',
            id="no field",
        ),
        pytest.param(ONE.replace("orders == 0", "revenue > 3 EUR"), "set currency", id="no currency"),
        pytest.param(ONE.replace("orders == 0", "in_segment('ready')"), "refers to itself", id="itself"),
        pytest.param(
            "".join(ONE.replace("ready", f"s{n}") for n in range(MOST_SEGMENTS + 1)),
            f"are {MOST_SEGMENTS + 1}, more than {MOST_SEGMENTS}",
            id="too many",
        ),
    ],
)
def test_a_segment_that_cannot_be_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    assert problem in " ".join(refused(tmp_path, SITE + text))


def test_a_wrong_currency_is_said_once(tmp_path: Path) -> None:
    said = refused(tmp_path, SITE + 'currency = "EURO"\n' + ONE.replace("orders == 0", "revenue > 3 EUR"))
    assert len(said) == 1
    assert "currency" in said[0]


def test_the_demo_has_segments() -> None:
    site = load(DEMO_FILE.parent / "wakeline.toml", {}, {}).sites["demo"]
    assert len(declared(site)) >= 5
    assert all(segment.says for segment in site.segments)
