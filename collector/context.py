"""What the steps know of an event's request."""

from __future__ import annotations

from msgspec import Struct

from collector.agents import Agent
from collector.budget import NewProfiles, Short
from collector.policy import Policy
from collector.props import Dropped
from collector.salts import Salts
from wakeline.event import ConsentLevel


class RequestContext(Struct):
    """The request of an event; shared by all its events."""

    policy: Policy
    salts: Salts
    profiles: NewProfiles
    consent: ConsentLevel  # effective consent: the envelope's, `full` lowered by Sec-GPC
    is_capped: bool  # lowered by Sec-GPC: ids sent under `full` are dropped, not rejected
    origin: str | None  # of the request, one of the site's
    sent: int  # ms, the browser's clock
    received: int  # ms, ours
    address: str
    user_agent: str
    agent: Agent
    country: str
    is_own: bool
    has_gpc: bool = False  # Sec-GPC, under any level
    dropped: list[Dropped] = []  # reasons for dropped properties of accepted events
    short_of: list[Short] = []  # reasons why some of them may not create a profile
    message: str = ""  # why the last event was rejected, where the reason alone does not say it
