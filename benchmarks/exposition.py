"""A process's /metrics as numbers."""

from __future__ import annotations

import urllib.request

from prometheus_client.parser import text_string_to_metric_families

Labels = tuple[tuple[str, str], ...]
Samples = dict[tuple[str, Labels], float]  # (name, labels in order) -> value


def scrape(port: int) -> Samples:
    """All current metrics of a process. Raises OSError while it does not answer."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        return samples_of(answer.read().decode())


def scraped(port: int) -> Samples:
    """The same; {} while it does not answer."""
    try:
        return scrape(port)
    except OSError:
        return {}


def samples_of(text: str) -> Samples:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float:
    """Raises KeyError if there is no such sample."""
    return samples[name, tuple(sorted(labels.items()))]


def value_or_0(samples: Samples, name: str, **labels: str) -> float:
    return samples.get((name, tuple(sorted(labels.items()))), 0.0)


def series_of(text: str, prefix: str = "") -> dict[str, float]:
    """Values of the series that begin with `prefix`, each by what follows it, labels as they are written."""
    rows = (line.rpartition(" ") for line in text.splitlines() if line.startswith(prefix) and line[0] != "#")
    return {series.removeprefix(prefix): float(value) for series, _, value in rows}
