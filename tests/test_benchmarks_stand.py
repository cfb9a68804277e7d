"""Benchmarks: the stand of many persons, and the figures that are measured on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import isfinite
from pathlib import Path

import pytest

from benchmarks.figures import Run
from benchmarks.mix import MIX
from benchmarks.progress import progress
from benchmarks.registry import BENCHMARKS
from benchmarks.stand import VISITORS, Stand, stand_for_all
from benchmarks.visitors import SITE, customer_of
from wakeline import keys
from wakeline.keys import Keys
from wakeline.lanes import lane_of
from wakeline.profiles import Profile, Profiles

SAID: list[str] = []


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Stand]]:
    with stand_for_all(tmp_path_factory.mktemp("stand"), quick=True, say=SAID.append) as stand:
        yield stand


@pytest.fixture(scope="module")
def stand(shared: Callable[[], Stand]) -> Stand:
    return shared()


def test_it_is_built_once(shared: Callable[[], Stand], stand: Stand) -> None:
    assert shared() is stand
    assert sum("persons" in line for line in SAID) == 1
    assert 0.98 * VISITORS < stand.persons == len(set(stand.visitors)) < VISITORS


def test_its_persons_are_the_mix(stand: Stand) -> None:
    """Visitors who came once; a fifth of them have a customer who heard all that they did."""
    customers = 0
    with Profiles(stand.path.config.settings.redis) as profiles:
        for visitor in stand.visitors[:500]:
            profile = profiles.read(SITE.key, visitor)
            assert profile is not None
            assert profile.visits == 1
            if profile.customer:
                customers += 1
                customer = profiles.read(SITE.key, profile.customer)
                assert profile.customer == customer_of(visitor)
                assert customer is not None
                assert _counts(customer) == _counts(profile)
    assert customers == pytest.approx(500 * MIX.customers / 100, rel=0.25)


def _counts(profile: Profile) -> tuple[int, int, int]:
    return profile.page_views, profile.visits, profile.events


def test_its_log_goes_on_behind_what_is_folded(stand: Stand) -> None:
    done = progress(stand.client, stand.deployment.lanes)
    assert (done.events, done.is_heard) == (stand.events, True)
    assert done.records > done.events
    for lane in range(stand.deployment.lanes):
        place = int(stand.client.hget(Keys().lane(lane), "offset") or 0)
        assert stand.client.xinfo_stream(keys.log_lane(lane))["last-generated-id"] == f"0-{place}".encode()


def test_its_visits_fall_due_when_it_is_told(stand: Stand) -> None:
    """All of them are open."""
    met: dict[int, list[bytes]] = {}

    def when(lane: int, members: list[bytes]) -> dict[bytes, int]:
        met[lane] = members
        return dict.fromkeys(members, 1_000 + lane)

    stand.fall_due(when)
    assert sum(map(len, met.values())) == stand.persons
    visitor = stand.visitors[0]
    lane = lane_of(SITE.key, visitor, stand.deployment.lanes)
    assert stand.client.zscore(Keys().due(lane), f"{SITE.key}/{visitor}") == 1_000 + lane


LIVE = ("latency", "customer_live", "order_live", "links", "due_live", "imports")


@pytest.mark.parametrize("name", ["profile_size", *LIVE])
def test_every_figure_gets_a_number(name: str, shared: Callable[[], Stand], tmp_path: Path) -> None:
    benchmark = BENCHMARKS[name]
    found = benchmark.measure(Run(tmp_path, quick=True, say=SAID.append, stand=shared))
    assert found.keys() == {figure.name for figure in benchmark.FIGURES}
    assert all(isfinite(value) and value > 0 for value in found.values())
