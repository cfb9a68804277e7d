"""Validates a value: converts it to its declared type, and checks its limits and its rule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, get_type_hints

from wakeline.config import rules
from wakeline.config.problems import Problem
from wakeline.config.values import WrongValue, number
from wakeline.settings import Settings, Site

Owner = type[Settings] | type[Site]

# Declared type of each setting, and its rule.
TYPES: dict[Owner, dict[str, Any]] = {Settings: get_type_hints(Settings), Site: get_type_hints(Site)}
RULES: dict[Owner, dict[str, Callable[..., str]]] = {Settings: rules.SETTING, Site: rules.SITE}

SINGULAR = {"campaigns": "campaign"}  # of settings whose rule names the element


@dataclass
class Checked:
    """The valid values of one owner by name, each with its location; invalid ones become problems."""

    owner: Owner
    problems: list[Problem]
    values: dict[str, Any] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)

    def put(
        self, name: str, written: Any, convert: Callable[[Any, Any], Any], where: Callable[[int | None], str]
    ) -> None:
        """Accept `written` as setting `name`; `where` returns its location, or that of its element at an index."""
        try:
            value = convert(TYPES[self.owner][name], written)
        except WrongValue as wrong:
            what = "must be text in quotes" if name in rules.HIDDEN else str(wrong)
            self.problems.append(Problem(where(wrong.index), f"{name} {what}"))
            return
        broken = list(self._broken(name, value))
        self.problems += [
            Problem(where(index), f"{name if index is None else SINGULAR.get(name, name)} {what}")
            for index, what in broken
        ]
        if not broken:
            self.values[name] = value
            self.sources[name] = where(None)

    def _broken(self, name: str, value: Any) -> list[tuple[int | None, str]]:
        if what := _out_of_bounds(self.owner, name, value):
            return [(None, what)]
        rule = RULES[self.owner].get(name)
        if rule is None:
            return []
        items: list[tuple[int | None, Any]] = list(enumerate(value)) if isinstance(value, tuple) else [(None, value)]
        return [(index, what) for index, item in items if (what := rule(item))]


def _out_of_bounds(owner: Owner, name: str, value: Any) -> str:
    metadata = next(item.metadata for item in fields(owner) if item.name == name)
    least, most = metadata["least"], metadata["most"]
    if (least is None or value >= least) and (most is None or value <= most):  # rejects NaN
        return ""
    return f"{number(value)} is out of range: {number(least)} " + ("or more" if most is None else f"to {number(most)}")
