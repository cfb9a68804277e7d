"""Which settings of the configuration's file differ from the running ones, and wait for the next start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from crm.definitions import KINDS
from wakeline.config import ConfigError, load
from wakeline.settings import Config

PAGE_GROUPS = "page_groups"


def differing(running: Config, environ: Mapping[str, str]) -> list[str] | None:
    """Names of settings, of sites with their key; None for a file that is not valid, which `apply` reports.

    `environ`: the children's, with the flags. Definitions (`crm.definitions.KINDS`) are applied without a start; but
    the read side shows the groups of pages that it has started with.
    """
    try:
        found = load(running.path, {}, environ)
    except ConfigError:
        return None
    names = _changed(running.settings, found.settings)
    if "data" in names and "data" not in found.given:  # the demo's folder, which its file does not name
        names.remove("data")
    for key in dict.fromkeys([*running.sites, *found.sites]):
        if key not in found.sites:
            names.append(f"site {key}, which is gone")
        elif key not in running.sites:
            names.append(f"site {key}, which is new")
        else:
            changed = _changed(running.sites[key], found.sites[key])
            names += [f"{name} of site {key}" for name in changed if name not in KINDS or name == PAGE_GROUPS]
    return names


def _changed(before: Any, after: Any) -> list[str]:
    return [one.name for one in fields(before) if getattr(before, one.name) != getattr(after, one.name)]
