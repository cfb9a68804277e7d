"""docs/vocabulary.md lists every event with a predefined meaning, as the code and the npm package's types have it."""

from __future__ import annotations

import re

import msgspec

from benchmarks.children import ROOT
from wakeline.commerce import EVENTS, IDS, OWN_FIELDS
from wakeline.event import CONSENT, ENGAGEMENT, IDENTIFY, PAGE_VIEW, PING, WireEvent
from wakeline.vocabulary import pages
from wakeline.vocabulary.fields import FIELDS, ORDER_STATES, PERSONAL, Item, Told
from wakeline.vocabulary.types import BUILT_IN, BY_NAME, FORGET, ORDER_STATE, PURCHASE, REFUND, TYPES, By, EventType

PAGE = ROOT / "docs" / "vocabulary.md"
TYPES_OF_PACKAGE = (ROOT / "snippet" / "types" / "index.d.ts").read_text()

SAYERS = {By.PAGE: "page", By.SERVER: "server", By.IMPORT: "import", By.CONSOLE: "console", By.API: "Wakeline"}
ABOUT = {"sent": "sent message", "points": "entry of points"}
OF_BUILT_IN = {  # beside those of every event of a page
    PAGE_VIEW: ("title", "referrer", "interests", "continued"),
    ENGAGEMENT: ("engaged_ms", "scroll", "leave"),
    PING: (),
    CONSENT: ("level*", "purposes", "version", "wording"),
    IDENTIFY: ("id*", "signature*", "expires"),
    FORGET: ("id*", "signature*", "expires*"),
}
SENT_BY_THE_SCRIPT = {  # the others are calls of a page
    *("web_vitals", "not_found", "js_error", "outbound_link", "download", "form_submit", "interest"),
    *("rage_click", "dead_click", "form_abandoned"),
}
Fields = dict[str, bool]
"""Name -> whether it is required."""


def by_pages(type: EventType) -> Fields:
    if By.PAGE not in type.by:
        return {}
    return starred(OF_BUILT_IN[type.name] if type.is_built_in else pages.FIELDS[type.name])


def starred(names: tuple[str, ...]) -> Fields:
    return {name.rstrip("*"): name.endswith("*") for name in names}


def by_servers(type: EventType) -> Fields:
    struct = FIELDS.get(type.name)
    if struct is None or not type.by & (By.SERVER | By.IMPORT | By.CONSOLE):
        return {}
    return of_struct(struct)


def of_struct(struct: type[msgspec.Struct]) -> Fields:
    """Without what every event has, unless it is required of this type alone."""
    every = {field.name: field.required for field in msgspec.structs.fields(Told)} if issubclass(struct, Told) else {}
    found = {field.name: field.required for field in msgspec.structs.fields(struct)}
    return {name: required for name, required in found.items() if every.get(name) != required}


def shown(of_pages: Fields, of_servers: Fields, *, both: bool, personal: frozenset[str] = frozenset()) -> str:
    """A cell of fields. `both`: pages and others say this event, so that a field of one of them says whose it is."""
    return ", ".join(_field(name, of_pages, of_servers, both, name in personal) for name in of_servers | of_pages)


def _field(name: str, of_pages: Fields, of_servers: Fields, both: bool, is_personal: bool) -> str:
    required = [fields[name] for fields in (of_pages, of_servers) if name in fields]
    text = f"`{name}`" + (r"\*" if all(required) else "")
    if not both:
        notes = []
    elif len(required) == 1:
        notes = ["pages" if name in of_pages else "not pages"]
    else:
        notes = [r"pages\*" if of_pages[name] else r"not pages\*"] if any(required) and not all(required) else []
    notes += ["personal"] if is_personal else []
    return text + (f" ({', '.join(notes)})" if notes else "")


def begins(type: EventType) -> str:
    """The row of a type without its last cell, which says in words what it means."""
    who = ", ".join(word for by, word in SAYERS.items() if by in type.by)
    about = ABOUT.get(type.thing.name, type.thing.name.replace("_", " ")) if type.thing else "person"
    both = By.PAGE in type.by and bool(type.by & (By.SERVER | By.IMPORT))
    personal = frozenset() if type.thing else PERSONAL  # a product's name is nobody's
    fields = shown(by_pages(type), by_servers(type), both=both, personal=personal)
    return f"| `{type.name}` | {who} | {about} | {'yes' if type.is_activity else 'no'} | {fields} |"


ITEM = f"| each of `items` | | | | {shown(starred(pages.ITEM), of_struct(Item), both=True)} |"
ROWS = [*map(begins, TYPES), ITEM]


def test_the_table_is_the_vocabulary() -> None:
    """One row for each type, in the order of wakeline/vocabulary/types.py; each says what it means."""
    lines = [line for line in PAGE.read_text().splitlines() if re.match(r"\| (`|each of)", line)]
    assert len(lines) == len(ROWS)
    for line, row in zip(lines, ROWS, strict=True):
        assert line.startswith(row), f"in docs/vocabulary.md, before its meaning:\n{row}"
        assert len(line.removeprefix(row).strip(" |")) > 10, line


def test_pages_say_of_each_type_what_is_listed_for_them() -> None:
    of_pages = {type.name for type in TYPES if By.PAGE in type.by}
    assert set(pages.FIELDS) == of_pages - BUILT_IN
    assert OF_BUILT_IN.keys() == BUILT_IN
    for names in OF_BUILT_IN.values():
        assert starred(names).keys() <= set(WireEvent.__struct_fields__)


def test_what_servers_say_of_an_event_too_has_the_same_fields_there() -> None:
    """A page's fields are those of servers, except for what only a page needs."""
    for name, fields in pages.FIELDS.items():
        if name in FIELDS and name != CONSENT:
            beyond = starred(fields).keys() - of_struct(FIELDS[name]).keys()
            assert beyond <= {"signature"}, name
    assert starred(pages.ITEM).keys() == of_struct(Item).keys() - {"cost"}


def test_the_package_types_each_event_that_pages_call_with_its_fields() -> None:
    (body,) = re.findall(r"interface Events \{\n(.*?)\n\}", TYPES_OF_PACKAGE, re.DOTALL)
    typed = dict(re.findall(r"^  (\w+): (.+);$", body, re.MULTILINE))
    assert set(typed) == set(pages.FIELDS) - SENT_BY_THE_SCRIPT
    for name, what in typed.items():
        (inner,) = re.findall(r"\{(.*)\}", what) or re.findall(
            rf"^export type {what} = Props & \{{(.*?)\}};", TYPES_OF_PACKAGE, re.DOTALL | re.MULTILINE
        )
        assert typed_fields(inner) == starred(pages.FIELDS[name]), name
    (item,) = re.findall(r"^export type Item = \{(.*?)\};", TYPES_OF_PACKAGE, re.DOTALL | re.MULTILINE)
    assert typed_fields(item) == starred(pages.ITEM)


def typed_fields(body: str) -> Fields:
    return {name: not mark for name, mark in re.findall(r"(?:^|;)\s*(?://.*\n\s*)?(\w+)(\??):", body)}


def test_the_shops_events_are_of_the_vocabulary() -> None:
    assert BY_NAME.keys() >= EVENTS
    assert IDS <= pages.OF_PAGES <= OWN_FIELDS
    assert {"product", "product_id", "sku", "order", "order_id", "view_product"}.isdisjoint(OWN_FIELDS | EVENTS)


def rows(page: str, type: str) -> list[str]:
    return [
        line for line in (ROOT / "docs" / page).read_text().splitlines() if line[0:1] == "|" and f"`{type}`" in line
    ]


def test_the_page_of_the_script_names_the_fields_of_an_order() -> None:
    for type in (PURCHASE, REFUND):
        [row] = [row for row in rows("snippet.md", type) if row.startswith(f"| `{type}`")]
        assert [name for name in starred(pages.FIELDS[type]) if f"`{name}`" not in row] == [], type


def test_the_docs_name_every_state_of_an_order() -> None:
    for page in ("vocabulary.md", "servers.md"):
        assert any(all(state in row for state in ORDER_STATES) for row in rows(page, ORDER_STATE)), page
    [states] = [line for line in (ROOT / "docs/imports.md").read_text().splitlines() if "**States.**" in line]
    assert all(state in states for state in ORDER_STATES if state != "placed"), "which shops call open"
