"""How a visitor chose the consent level: what was agreed to, as a page tells it."""

from __future__ import annotations

from typing import Any

from collector.lists import interests_of
from collector.policy import Policy
from collector.props import Dropped
from wakeline.event import WireEvent


def choice_of(event: WireEvent, policy: Policy, dropped: list[Dropped]) -> dict[str, Any]:
    """The properties of a consent event: `version` and `wording`, cleaned texts; `purposes` that the site asks for.

    What a page did not say is missing; without any of the three it is {}.
    """
    said: dict[str, Any] = {"version": event.version, "wording": event.wording}
    said = {name: str(value) for name, value in said.items() if value not in (None, "")}
    if policy.purposes and event.purposes is not None:
        agreed = interests_of(event.purposes)
        said["purposes"] = [purpose for purpose in policy.purposes if purpose in agreed]
    return policy.props(said, dropped) if said else {}
