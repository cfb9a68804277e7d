"""What the configuration defines otherwise than what was applied."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from crm.definitions import KINDS, body_of, difference
from wakeline.applied import Applied, Of
from wakeline.planned import is_told
from wakeline.settings import Config


class Change(NamedTuple):
    """Of one site and name."""

    of: Of
    former: Applied | None
    body: bytes
    version: int  # that it is to have

    def words(self) -> list[str]:
        was = bytes(self.former.body) if self.former else None
        return difference(self.of[1], was, self.body)


def compare(config: Config, said: Mapping[Of, Applied], met: Mapping[Of, int]) -> list[Change]:
    """What is to be applied, by site: what is new, and what lanes have met later versions of than were said."""
    found = []
    for key, site in config.sites.items():
        for name in KINDS:
            former, body = said.get((key, name)), body_of(name, site)
            version, latest = former.version if former else 0, met.get((key, name), 0)
            if former is None or bytes(former.body) != body or latest > version:
                found.append(Change((key, name), former, body, max(version, latest) + 1))
    return found


def called(of: Of) -> str:
    """For people."""
    site, name = of
    return f"site {site}, {'a campaign planned over HTTP' if is_told(name) else name}"
