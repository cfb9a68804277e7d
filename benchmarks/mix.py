"""The mix of visitors and events that all of the processor's figures are measured with."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mix:
    """Percentages. `customers`: visitors who log in at each visit, so that all their activity hops to customers' lanes.
    `orders`: events that are purchases. `servers`: events from the site's servers; 0, as the log has no such records.
    """

    customers: float = 20
    orders: float = 2
    servers: float = 0

    def __post_init__(self) -> None:
        if self.servers:
            raise NotImplementedError("the log has no record of a server's event")

    def __str__(self) -> str:
        return (
            f"{self.customers:g} % of visitors log in as customers; "
            f"{self.orders:g} % of events are orders, {self.servers:g} % come from servers"
        )


MIX = Mix()
