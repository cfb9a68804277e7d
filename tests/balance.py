"""Checks that the ledger of every collector in a test balances."""

from __future__ import annotations

from benchmarks.exposition import scraped

NAME = ("wakeline_collector_ledger_difference", ())


def assert_balanced(*metrics_ports: int) -> None:
    """Check the collectors that still answer."""
    for port in metrics_ports:
        samples = scraped(port)
        assert samples.get(NAME, 0) == 0, f"the ledger of the collector on port {port} differs by {samples[NAME]:g}"
