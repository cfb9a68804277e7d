"""A Redis Cluster: its state and slots according to any node, then each node as in `node`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from redis.exceptions import RedisError

from ops.check.finding import Finding, fail, ok
from ops.check.node import (
    Facts,
    deployment_in,
    gather_node,
    judge_deployment,
    judge_node,
)
from wakeline.lanes import Deployment
from wakeline.redis.connect import connect
from wakeline.redis.failures import FAILURES
from wakeline.redis.url import node_addresses, node_url
from wakeline.settings import Settings

SLOTS = 16_384
PRIMARY = "master"  # the servers' term


@dataclass(frozen=True, kw_only=True)
class ClusterFacts:
    """A cluster's description of itself."""

    state: str  # ok or fail
    slots: int  # served by a node
    replicas: Mapping[str, int]  # by address of their primary
    nodes: Mapping[str, Facts | str]  # by address; an error message for an unreachable node
    deployment: Deployment | None


async def gather_cluster(url: str) -> ClusterFacts:
    """Ask a node named in `url` for the others, then all of them. Raises redis-py's errors if none answers."""
    info, known = await _ask_any(url)
    by_id = {node["node_id"]: address for address, node in known.items()}
    primaries = [address for address, node in known.items() if PRIMARY in node["flags"] and node["slots"]]
    replicas = [by_id.get(node["master_id"]) for node in known.values()]
    facts = await asyncio.gather(*(_ask(url, address) for address in known))
    is_up = info["cluster_state"] == "ok"
    return ClusterFacts(
        state=info["cluster_state"],
        slots=int(info["cluster_slots_ok"]),
        replicas={address: replicas.count(address) for address in primaries},
        nodes=dict(zip(known, facts, strict=True)),
        deployment=await deployment_in(url) if is_up else None,
    )


async def _ask_any(url: str) -> tuple[dict[str, str], dict[str, Any]]:
    """CLUSTER INFO and CLUSTER NODES of the first node that answers."""
    last: Exception = RedisError("it names no node")
    for address in node_addresses(url):
        try:
            async with connect(node_url(url, *address)) as redis:
                return await redis.cluster("INFO"), await redis.cluster("NODES")
        except FAILURES as error:
            last = error
    raise last


async def _ask(url: str, address: str) -> Facts | str:
    host, _, port = address.rpartition(":")
    try:
        return await gather_node(node_url(url, host, int(port)))
    except FAILURES as error:
        return str(error)


async def check_cluster(settings: Settings, shown_url: str) -> list[Finding]:
    try:
        facts = await gather_cluster(settings.redis)
    except FAILURES as error:
        fix = "name nodes that run, in cluster mode: --redis, WAKELINE_REDIS or redis in wakeline.toml"
        return [fail(f"the Redis Cluster at {shown_url} cannot be used: {error}", fix)]
    return [ok(f"the Redis Cluster at {shown_url} answers"), *judge_cluster(facts, settings)]


def judge_cluster(facts: ClusterFacts, settings: Settings) -> Iterator[Finding]:
    """Checks whether a cluster with these facts meets Wakeline's requirements."""
    yield _state(facts)
    for address, node in facts.nodes.items():
        if isinstance(node, str):
            yield fail(f"node {address} cannot be reached: {node}", "start it, or CLUSTER FORGET it on all others")
    judged = {
        address: list(judge_node(node, settings)) for address, node in facts.nodes.items() if isinstance(node, Facts)
    }
    for by_rule in zip(*judged.values(), strict=True):
        yield from _of_all(dict(zip(judged, by_rule, strict=True)))
    if facts.state == "ok":
        yield judge_deployment(facts.deployment, settings)


def _state(facts: ClusterFacts) -> Finding:
    if facts.slots < SLOTS:
        return fail(
            f"{SLOTS - facts.slots} of {SLOTS} slots have no node: their lanes are stopped",
            "start their node, or assign them to another: redis-cli --cluster fix",
        )
    if facts.state != "ok":
        return fail(f"cluster_state is {facts.state}", "see CLUSTER INFO, and the logs of its nodes")
    alone = [address for address, count in facts.replicas.items() if not count]
    said = f"all slots have a node: {len(facts.replicas)} primaries"
    return ok(f"{said}, {len(alone)} without a replica: while one is down its lanes wait" if alone else said)


def _of_all(findings: Mapping[str, Finding]) -> Iterator[Finding]:
    """One rule's findings on all nodes, merged if they are the same."""
    if len(set(findings.values())) == 1:
        level, what, fix = next(iter(findings.values()))
        yield Finding(level, f"each of {len(findings)} nodes: {what}", fix)
        return
    for address, (level, what, fix) in findings.items():
        yield Finding(level, f"node {address}: {what}", fix)
