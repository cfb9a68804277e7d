"""The ledger of every collector that a test starts reads 0, whatever the test did to it."""

from __future__ import annotations

from tests.faults.exposition import scraped

NAME = ("wakeline_collector_ledger_difference", ())


def assert_balanced(*metrics_ports: int) -> None:
    """Ask those that still answer; a test that ended one took its ledger with it."""
    for port in metrics_ports:
        samples = scraped(port)
        assert samples.get(NAME, 0) == 0, f"the ledger of the collector on port {port} differs by {samples[NAME]:g}"
