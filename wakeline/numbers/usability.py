"""Numbers of what annoys visitors, as the script `wakeline.usability.js` tells it."""

from __future__ import annotations

from wakeline.numbers.kinds import Count, Top

RAGE_CLICKS = Count("rage_clicks", "rage_clicks", "Times that a visitor clicked again and again at one place")
DEAD_CLICKS = Count("dead_clicks", "dead_clicks", "Clicks on something that looks as if it did something, and did not")
FORMS_ABANDONED = Count("forms_abandoned", "forms_abandoned", "Forms that were begun, and left without being sent")
JS_ERRORS = Count("js_errors", "js_errors", "Errors of scripts, as visitors met them")

TOP_RAGE_CLICKS = Top(
    "rage_clicks", "rage_clicks", "page", "Times that a visitor clicked again and again, by page path", has_paths=True
)
TOP_DEAD_CLICKS = Top("dead_clicks", "dead_clicks", "page", "Clicks without any effect, by page path", has_paths=True)
TOP_FORMS_ABANDONED = Top(
    "forms_abandoned", "forms_abandoned", "field", "Forms begun and left, by form and the field filled in last"
)
TOP_JS_ERRORS = Top("js_errors", "js_errors", "page", "Errors of scripts, by page path", has_paths=True)
