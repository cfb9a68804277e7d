"""A profile's fields are declared once, for readers, the state of the fold and docs/profiles.md."""

from __future__ import annotations

import re
from operator import attrgetter
from typing import Any, get_args, get_type_hints

import pytest

from benchmarks.children import ROOT
from crm.state import VisitorState
from dashboards import profiles as document
from wakeline import profiles, thing_fields
from wakeline.profile_fields import (
    COUNTS,
    SOURCES,
    TRAITS,
    Cart,
    Consent,
    Interest,
    Preference,
    Profile,
    ProfileCount,
    Record,
    Session,
    Source,
    Trait,
)
from wakeline.vocabulary.fields import CONTACT_STATES, FIELDS, ORDER_STATES, PERSONAL, Item, Told

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
    assert [attrgetter(of)(VisitorState()) for of in SOURCES.values()] == [""] * len(SOURCES)
    assert len(SOURCES) == 2 * len(Source.__struct_fields__)


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
    for name, kind in {"profile": Profile, "customer": Profile, "session": Session, "cart": Cart}.items():
        asked = set(re.findall(rf"(?<![\w.]){name}\.(\w+)", code))
        assert asked, name
        assert asked <= set(kind.__struct_fields__), name


def test_what_is_told_can_be_read() -> None:
    """Every field of a thing, by the name that it is told with, and every state; and what is told of a customer."""
    told_of = {
        thing_fields.Order: ("purchase", ORDER_STATES),
        thing_fields.Product: ("product", ()),
        thing_fields.Contact: ("contact", CONTACT_STATES),
        thing_fields.ServiceOrder: ("service_order", ()),
        thing_fields.Agreement: ("agreement", ()),
    }
    assert told_of.keys() == set(thing_fields.KINDS)
    for kind, (type, states) in told_of.items():
        told = {*FIELDS[type].__struct_fields__, *states} - {*Told.__struct_fields__, kind.kind.id_field}
        assert told - ({"state"} if states else set()) <= set(kind.__struct_fields__), kind.__name__
    assert set(thing_fields.Item.__struct_fields__) == set(Item.__struct_fields__)
    for read, type in ((Record, "customer"), (Preference, "preference"), (Consent, "consent")):
        told = set(FIELDS[type].__struct_fields__) - {*Told.__struct_fields__, *PERSONAL, "returns", "topic", "channel"}
        assert told <= set(read.__struct_fields__), type
