"""A profile's fields are declared once, for readers, the state of the fold and docs/profiles.md."""

from __future__ import annotations

import re
from operator import attrgetter
from typing import Any, get_args, get_type_hints

import pytest

from benchmarks.children import ROOT
from crm.state import VisitorState
from dashboards import profiles as document
from wakeline import profiles
from wakeline.profile_fields import COUNTS, SOURCES, TRAITS, Interest, Profile, ProfileCount, Session, Source, Trait

DECLARED = {
    name: get_args(hint) for name, hint in get_type_hints(Profile, include_extras=True).items()
}  # name -> its type, and what says more of it
STATE = get_type_hints(VisitorState)


def test_the_page_of_profiles_is_up_to_date() -> None:
    page = document.FILE.read_text()
    assert page == document.page(), "run: make dashboards"
    assert all(f"| {count.help} |" in page for count in (*COUNTS, *TRAITS))


def test_every_count_is_a_field_of_the_profile_and_of_the_state() -> None:
    assert {name: said for name, (_, said) in DECLARED.items() if isinstance(said, ProfileCount)} == {
        count.attribute: count for count in COUNTS
    }
    for count in COUNTS:
        assert DECLARED[count.attribute][0] is (float if count.seconds else int), count.attribute
        assert STATE[count.name] is int, count.name


def test_every_trait_is_a_field_of_the_profile_and_of_the_state() -> None:
    traits = {name: said for name, (_, said) in DECLARED.items() if isinstance(said, Trait)}
    assert traits == {trait.name: trait for trait in TRAITS}
    assert {(DECLARED[trait.name][0], STATE[trait.name]) for trait in TRAITS} == {(str, str)}


def test_every_source_is_in_the_state() -> None:
    assert {name.partition("_")[0] for name in SOURCES} == {"first", "last"}
    assert [attrgetter(of)(VisitorState()) for of in SOURCES.values()] == [""] * 4


@pytest.mark.parametrize("kind", document.PARTS.values())
def test_every_field_says_what_it_is(kind: Any) -> None:
    hints = get_type_hints(kind, include_extras=True)
    assert set(kind.__struct_fields__) == hints.keys() - {"kind"}
    assert all(get_args(hints[name])[1].help for name in kind.__struct_fields__)


def test_developers_import_them_from_the_readers() -> None:
    assert {profiles.Profile, profiles.Session, profiles.Source, profiles.Interest} == {
        Profile,
        Session,
        Source,
        Interest,
    }


def test_the_panel_of_the_demo_asks_for_fields_that_exist() -> None:
    code = (ROOT / "demo/site/panel.js").read_text()
    for name, kind in {"profile": Profile, "customer": Profile, "session": Session}.items():
        asked = set(re.findall(rf"(?<![\w.]){name}\.(\w+)", code))
        assert asked, name
        assert asked <= set(kind.__struct_fields__), name
