"""Rules for segments in wakeline.toml: what of one cannot be, and what of several does not go together."""

from __future__ import annotations

import re
from collections.abc import Iterator

from wakeline.config.values import quoted
from wakeline.settings import MOST_SEGMENTS, SegmentRule, Site

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
MOST_SAID = 200


def segment(rule: SegmentRule) -> str:
    """What is wrong with a segment, after the word; "" for nothing. Its rule is looked at with the others."""
    if not NAME.fullmatch(rule.name):
        return f"{quoted(rule.name)} has no good name: 1 to 40 small letters, digits, _ and -, not - or _ at first"
    if len(rule.says) > MOST_SAID or not rule.says.isprintable():
        return f"{quoted(rule.name)} says more than {MOST_SAID} visible characters: keep it to a sentence"
    return ""


def misfits(site: Site) -> Iterator[str]:
    """What does not go together: names, and rules with the site's currency and with each other."""
    if not site.segments:
        return
    from wakeline.segments.declared import bad_rules

    if (count := len(site.segments)) > MOST_SEGMENTS:
        yield f"are {count:,}, more than {MOST_SEGMENTS}"
        return
    seen = set()
    for rule in site.segments:
        if rule.name in seen:
            yield f"have {quoted(rule.name)} twice: give each a name of its own"
        seen.add(rule.name)
    for name, error in bad_rules(site):
        yield f"have {quoted(name)} with a rule that cannot be used: {error}"
