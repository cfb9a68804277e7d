"""Every benchmark, in running order."""

from __future__ import annotations

from benchmarks import (
    archiver,
    collector,
    customer_live,
    due_live,
    idle,
    imports,
    latency,
    links,
    order_live,
    order_size,
    page,
    person_size,
    processor,
    processor_change,
    profile_size,
    rules,
    scale,
    scrape,
    servers,
    sizing,
    snippet,
)
from benchmarks.figures import Benchmark

BENCHMARKS: dict[str, Benchmark] = {
    "snippet": snippet,
    "page": page,
    "collector": collector,
    "servers": servers,
    "rules": rules,
    "processor": processor,
    "processor_change": processor_change,
    "scale": scale,
    "archiver": archiver,
    "profile_size": profile_size,
    "order_size": order_size,
    "person_size": person_size,
    "sizing": sizing,
    "latency": latency,
    "customer_live": customer_live,
    "order_live": order_live,
    "links": links,
    "due_live": due_live,
    "imports": imports,
    "scrape": scrape,
    "idle": idle,
}
