"""The archiver's internal port: metrics, a sign of life, nothing else, and no word of who asked."""

from __future__ import annotations

from collections.abc import Callable
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from archiver import metrics


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_it_shows_metrics_and_that_it_is_alive(
    host: str, free_ports: Callable[[int], list[int]], capfd: pytest.CaptureFixture[str]
) -> None:
    (port,) = free_ports(1)
    metrics.offer(host, port)
    at = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    with urlopen(f"{at}/metrics", timeout=5) as shown:
        assert b"wakeline_archiver_records_total" in shown.read()
    with urlopen(f"{at}/healthz", timeout=5) as alive:
        assert alive.read() == b"alive\n"
    with pytest.raises(HTTPError) as refused:
        urlopen(f"{at}/profiles", timeout=5)
    assert refused.value.code == 404
    refused.value.close()
    with pytest.raises(OSError, match="in use"):
        metrics.offer(host, port)
    assert capfd.readouterr() == ("", "")
