"""What annoys visitors, as pages say: clicks again and again, clicks without effect, forms that are left, errors.

None of it is activity. A page is counted under its path, a form under its name and that of the field filled in last.
"""

from __future__ import annotations

from crm.out import Out
from crm.sites import typed_name
from crm.state import Visitor
from wakeline.numbers import (
    DEAD_CLICKS,
    FORMS_ABANDONED,
    JS_ERRORS,
    RAGE_CLICKS,
    TOP_DEAD_CLICKS,
    TOP_FORMS_ABANDONED,
    TOP_JS_ERRORS,
    TOP_RAGE_CLICKS,
)
from wakeline.record import Event

LEFT = "form_abandoned"
NUMBERS = {
    "rage_click": (RAGE_CLICKS, TOP_RAGE_CLICKS),
    "dead_click": (DEAD_CLICKS, TOP_DEAD_CLICKS),
    LEFT: (FORMS_ABANDONED, TOP_FORMS_ABANDONED),
    "js_error": (JS_ERRORS, TOP_JS_ERRORS),
}


def count(event: Event, visitor: Visitor, out: Out) -> None:
    """Counts it, and lists its page; of a form that names no field, nothing is listed."""
    found = NUMBERS.get(event.type)
    if found is None:
        return
    number, top = found
    out.count(number)
    if event.type != LEFT:
        out.top(top, event.path)
    elif name := _field(event.props):
        out.top(top, name)


def _field(props: dict[str, object]) -> str:
    form, fields = props.get("form"), props.get("fields")
    last = fields[-1] if isinstance(fields, list) and fields else None
    if not isinstance(last, str):
        return ""
    return typed_name(f"{form}: {last}" if form and isinstance(form, str) else last)
