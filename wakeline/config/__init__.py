"""Reads the settings: flag, then environment WAKELINE_<NAME>, then wakeline.toml, then default.

file.py      wakeline.toml: its settings and sites
checking.py  validation of a value: type, limits, rule
values.py    conversion of text and TOML to typed values
rules.py     rules for single values, and between settings of a process
pages.py     rules for what goes by paths of pages: interests, groups
campaigns.py rules for campaigns; targets.py for targets, segments.py for segments
misfits.py   rules between settings of a site
lines.py     line numbers of keys in the file
problems.py  error messages: location, problem, fix
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wakeline.config.checking import TYPES, Checked
from wakeline.config.file import read_file
from wakeline.config.problems import ConfigError, Problem
from wakeline.config.rules import misfits
from wakeline.config.values import from_text, nearest
from wakeline.settings import Config, Settings

__all__ = ["FILE", "PREFIX", "ConfigError", "Problem", "load"]

FILE = "wakeline.toml"
PREFIX = "WAKELINE_"


def load(
    path: Path | None, flags: Mapping[str, Any], environ: Mapping[str, str], *, defaults: Mapping[str, str] = {}
) -> Config:
    """The configuration of a process. `flags` has text by setting name, None for flags that were not given.

    `defaults` replaces the defaults of settings. Without a `path` there is no file, and so no site; without `redis` the
    embedded server is used. Raises ConfigError, which lists all problems.
    """
    problems: list[Problem] = []
    checked = Checked(Settings, problems)
    for name, text in defaults.items():
        _put_text(checked, name, "by default", text)
    sites = read_file(path, checked) if path else {}
    _read_environment(environ, checked)
    for name, text in flags.items():
        _put_text(checked, name, flag(name), text)
    if not problems:
        for name, what in misfits(Settings(**checked.values), checked.values):
            problems.append(Problem(checked.sources.get(name, "by default"), f"{name} {what}"))
    if problems:
        raise ConfigError(problems)
    given = frozenset(checked.values)
    if "redis" not in given:
        checked.values["redis"] = f"redis://127.0.0.1:{Settings(**checked.values).embedded_port}/0"
    return Config(Settings(**checked.values), sites, given, path)


def flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _read_environment(environ: Mapping[str, str], checked: Checked) -> None:
    known = {PREFIX + name.upper(): name for name in TYPES[Settings]}
    for variable, text in sorted(environ.items()):
        if variable in known:
            _put_text(checked, known[variable], variable, text)
        elif variable.startswith(PREFIX) and (fix := nearest(variable, known, likeness=SLIP)):
            checked.problems.append(Problem(variable, f"is not a setting{fix}"))


def _put_text(checked: Checked, name: str, where: str, text: str | None) -> None:
    if text:
        checked.put(name, text, from_text, lambda _: where)


SLIP = 0.9
"""A variable this similar to a setting's is considered a typo; others with the prefix may be unrelated."""
