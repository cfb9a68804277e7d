"""The collector's /metrics: its public names, and no labels that clients can choose."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from contextlib import nullcontext
from pathlib import Path

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from collector.metrics import PREFIX, Histogram, Metrics, registry
from collector.steps import STEPS
from tests.balance import assert_balanced
from tests.collector_stand import Stand, envelope, event, stand
from wakeline.event import Refusal
from wakeline.internal_port import metrics_of, serve

LABELS = {"profiles", "short_of", "full", "reason", "status", "step", "kind", "outcome", "le"}


def text(collector: Stand) -> str:
    return generate_latest(registry(collector.parts.metrics)).decode()


async def exercise(collector: Stand) -> None:
    await collector.post(envelope(event(), event(url="x:")))
    await collector.post(envelope(site="sneaky-site"), headers={"User-Agent": "sneaky-agent"})
    await collector.post(b"{")
    async with collector.http.get(f"{collector.url}/sneaky-path?sneaky=query"):
        pass


async def test_nothing_that_a_sender_writes_becomes_a_label(tmp_path: Path) -> None:
    async with stand(tmp_path) as collector:
        await exercise(collector)
        said = text(collector)
    assert "sneaky" not in said
    assert "127.0.0.1" not in said
    for family in text_string_to_metric_families(said):
        assert family.documentation
        for sample in family.samples:
            assert set(sample.labels) <= LABELS
            assert sample.name.startswith((PREFIX, "process_"))


async def test_every_reason_is_there_before_it_happens(tmp_path: Path) -> None:
    """A rate over a series that appears with its first refusal would miss that one."""
    async with stand(tmp_path) as collector:
        reasons = {name for name in collector.metrics() if name.startswith("rejected_total")}
    expected = set(Refusal) - {Refusal.UNAVAILABLE}
    assert reasons == {f'rejected_total{{reason="{reason.value}"}}' for reason in expected}


async def test_each_step_is_timed_by_its_name(tmp_path: Path) -> None:
    async with stand(tmp_path) as collector:
        for n in range(65):
            await collector.post(envelope(event(n=n)))
        metrics = collector.metrics()
    for step in STEPS:
        assert metrics[f'step_events_total{{step="{step.__name__}"}}'] == 2  # a sample: the first, and the 65th
        assert metrics[f'step_seconds_total{{step="{step.__name__}"}}'] > 0


async def test_the_ledger_counts_a_whole_refusal_by_its_events_or_as_one(tmp_path: Path) -> None:
    async with stand(tmp_path) as collector:
        await collector.post(envelope(event(), event(n=1), site="unknown"))
        await collector.post(b"not JSON")
        metrics = collector.metrics()
    assert metrics["received_total"] == 3
    assert metrics['rejected_total{reason="unknown_site"}'] == 2
    assert metrics['rejected_total{reason="malformed"}'] == 1
    assert metrics["ledger_difference"] == 0


def test_the_ledger_shows_what_is_lost() -> None:
    metrics = Metrics()
    metrics.received = 5
    metrics.accepted = 2
    metrics.waiting = 1
    metrics.reject(Refusal.BAD_URL)
    assert metrics.ledger_difference == 1


def test_a_histogram_counts_upwards() -> None:
    histogram = Histogram((1, 10))
    for value in (0.5, 1, 2, 50):
        histogram.observe(value)
    samples = {(s.name, s.labels.get("le")): s.value for s in histogram.family("x", "help").samples}
    assert samples == {
        ("x_bucket", "1.0"): 2,
        ("x_bucket", "10.0"): 3,
        ("x_bucket", "+Inf"): 4,
        ("x_count", None): 4,
        ("x_sum", None): 53.5,
    }


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
async def test_prometheus_has_nothing_to_say_against_it(tmp_path: Path) -> None:
    async with stand(tmp_path) as collector:
        await exercise(collector)
        said = text(collector)
    checked = await asyncio.to_thread(
        subprocess.run, ["promtool", "check", "metrics"], input=said, capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stderr) == (0, "")


async def test_the_internal_port_serves_metrics_and_the_public_one_does_not(tmp_path: Path) -> None:
    async with stand(tmp_path) as collector:
        runner = await serve([metrics_of(registry(collector.parts.metrics))], "127.0.0.1", 0)
        async with collector.http.get(f"http://127.0.0.1:{runner.addresses[0][1]}/metrics") as answer:
            assert answer.headers["Content-Type"].startswith("text/plain; version=")
            assert f"{PREFIX}ledger_difference 0.0" in await answer.text()
        async with collector.http.get(f"{collector.url}/metrics") as answer:
            assert answer.status == 404  # not on the public port
        await runner.cleanup()


@pytest.mark.parametrize("difference", [0, 2, -1])
async def test_a_test_that_ends_with_books_that_differ_fails(difference: int) -> None:
    """Checked at the end of every test with a collector; one that has stopped cannot be checked."""
    metrics = Metrics()
    metrics.received = 5 + difference
    metrics.accepted = 5
    runner = await serve([metrics_of(registry(metrics))], "127.0.0.1", 0)
    port = runner.addresses[0][1]
    with pytest.raises(AssertionError) if difference else nullcontext():
        await asyncio.to_thread(assert_balanced, port)
    await runner.cleanup()
    await asyncio.to_thread(assert_balanced, port)
