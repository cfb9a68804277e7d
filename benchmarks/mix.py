"""The mix of visitors and events that every figure of the processor is measured on; it is declared here alone."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mix:
    """Shares of a hundred. Of the visitors `customers` log in at each visit, so all that they do hops to their
    customers' lanes. Of the events `orders` are purchases, and `servers` come from the site's servers: none, as long as
    the log has no record of such an event.
    """

    customers: float = 20
    orders: float = 2
    servers: float = 0

    def __post_init__(self) -> None:
        if self.servers:
            raise NotImplementedError("the log has no record of a server's event")

    def __str__(self) -> str:
        return (
            f"of 100 visitors {self.customers:g} log in as customers; "
            f"of 100 events {self.orders:g} are orders, {self.servers:g} of servers"
        )


MIX = Mix()
