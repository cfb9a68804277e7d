"""What a profile holds: rules count by these, the processor writes them, readers and terminals show them.

To add a count: a line here, a field of that name in `crm.state.VisitorState` and one in `profiles.Profile`; then a rule
says `visitor.count(...)`. It reaches the visitor's customer, the HTTP API and `wakeline profile` by itself.
"""

from __future__ import annotations

from typing import NamedTuple


class ProfileCount(NamedTuple):
    """A number that only adds up; of a customer it is the sum over its visitors."""

    name: str  # in the hash, and in `VisitorState`
    help: str
    noun: str  # of one, or of the time, as a terminal says it
    seconds: str = ""  # what `Profile` calls it where it is a time: in the hash it is in ms

    @property
    def attribute(self) -> str:
        """Of `Profile`."""
        return self.seconds or self.name

    def read(self, text: str) -> float:
        """As `Profile` has it."""
        return int(text) / 1000 if self.seconds else int(text)


class Trait(NamedTuple):
    """A text."""

    name: str  # in the hash
    of: str  # in `VisitorState`, dotted
    help: str


VISITS = ProfileCount("visits", "sessions begun, the open one included", "visit")
PAGE_VIEWS = ProfileCount("page_views", "pages viewed", "page view")
ENGAGED = ProfileCount("engaged_ms", "time that pages were visible and focused", "engaged", seconds="engaged_seconds")
EVENTS = ProfileCount("events", "custom events", "event")

COUNTS = tuple(field for field in list(globals().values()) if isinstance(field, ProfileCount))

TRAITS = (
    Trait("device", "device", "of the latest visit"),
    Trait("browser", "browser", "of the latest visit"),
    Trait("os", "os", "of the latest visit"),
    Trait("country", "country", "of the latest visit"),
    Trait("first_source", "first.source", "where the first visit came from; visitors only"),
    Trait("first_campaign", "first.campaign", "its campaign"),
    Trait("last_source", "latest.source", "where the latest visit came from"),
    Trait("last_campaign", "latest.campaign", "its campaign"),
)
