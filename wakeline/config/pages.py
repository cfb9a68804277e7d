"""Rules for what goes by the paths of pages: interests, and groups of pages whose speed is shown together."""

from __future__ import annotations

from wakeline.config.values import quoted
from wakeline.settings import InterestRule, PageGroupRule

MAX_GROUP = 40  # characters


def interest(rule: InterestRule) -> str:
    """What is wrong with a rule, after the word; "" for nothing."""
    return _path(rule.path) or ("" if 1 <= len(rule.interest) <= 64 else "interest must have 1 to 64 characters")


def page_group(rule: PageGroupRule) -> str:
    """The same of a rule for a group of pages."""
    return _path(rule.path) or _group(rule.group)


def _path(text: str) -> str:
    return "" if text.startswith("/") else f"path {quoted(text)} must start with a slash: write {quoted('/' + text)}"


def _group(name: str) -> str:
    if not 1 <= len(name) <= MAX_GROUP or name != name.strip() or not name.isprintable():
        return f"group must have 1 to {MAX_GROUP} visible characters, and no space around them"
    return f"group {quoted(name)} must not begin with a bracket: (all) and (other) do" if name[0] == "(" else ""
