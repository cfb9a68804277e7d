"""A scrape of /metrics with twenty sites whose lists are full, as after scans of different paths, beside a million
profiles, while visitors come.

Every list has as many values as it may in each lane and bucket: a few pages that are really read, and many values of
one visit each that are in no other lane. The server is filled straight by the keys' contract, and visitors are what
the processor would write of them. After the last scrape all sums and the pages' counts are compared with what was
written.
"""

from __future__ import annotations

import random
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from statistics import quantiles
from typing import Any

import redis

from api import metrics
from api.lists import LISTS
from benchmarks.exposition import Samples, samples_of, value
from benchmarks.figures import Figure, Run, at_most, below
from benchmarks.machine import cpu_seconds
from benchmarks.scrape_filling import FULL, PAGES, PROFILE, SUM
from benchmarks.services import LANES, SmallPath, deploy, deployment_at
from benchmarks.visitors import SITE
from benchmarks.waiting import wait_until
from wakeline import keys
from wakeline.definitions import LIVE_WINDOWS_MS
from wakeline.durations import DAY_MS, MINUTE_MS
from wakeline.keys import Keys
from wakeline.numbers import COUNTS, LONG_TOPS, LONG_VALUES, MONEYS, TODAY, TOPS

SITES = (SITE.key, *(f"site-{number}" for number in range(2, 21)))
CURRENCIES = ("EUR", "USD", "GBP", "CHF", "PLN", "CZK")
ASKED_VALUES = 100  # of each list: more than the budget of series has room for
AHEAD_MS = 3 * MINUTE_MS  # until when live lists are full
PROFILES = 1_000_000
PER_SECOND = 250  # page views
VIEWED = ("pages", "interests", "engaged_ms")  # the lists that a page view changes, in each of their windows
VISITED = ("entries", "exits", "sources", "source_classes", "campaigns", "countries")  # and one view in VIEWS_OF_VISIT
DONE = ("events", "viewed", "carted", "products", "categories", "coupons", "searches", "searches_empty", "not_found")
VIEWS_OF_VISIT = 4
EVERY_S = 0.5
LOOK_S = 3.0
WHOLE_S = 150.0
ACCEPT = "application/openmetrics-text;version=1.0.0;q=0.9,text/plain;version=0.0.4;q=0.5"

FIGURES = (
    Figure(
        "series_1_site",
        "series of /metrics with one site, all lists full, top_values as large as can be, without targets",
        at_most(1_500),
    ),
    Figure("series_20_sites", "the same with twenty sites", at_most(20_000)),
    Figure("scrape_p50_ms", f"time of a scrape of these twenty sites, among {PROFILES:,} profiles"),
    Figure("scrape_p95_ms", "the same, 95 of 100", below(200)),
    Figure("scrape_age_s", "age of the oldest numbers that were shown"),
    Figure("scrape_read_s", f"time to read the numbers, at {PER_SECOND} events/s"),
    Figure("scrape_cpu_percent_api", "of one core, the read side while it is scraped"),
    Figure("scrape_cpu_percent_server", "of one core, Redis, for the read side and for these events"),
    Figure("scrape_ready_p99_ms", "time in which the read side asks Redis for something else meanwhile"),
)


def measure(run: Run) -> dict[str, float]:
    scrapes, profiles, sites = (8, 10_000, SITES[:3]) if run.quick else (80, PROFILES, SITES)
    with SmallPath(run.folder, sites=sites, top_values=ASKED_VALUES) as path:
        path.start("server")
        client = path.client()
        client.config_set("appendonly", "no")
        began = time.monotonic()
        deploy(client, deployment_at(time.time_ns() // 1_000_000))
        _fill_profiles(client, profiles)
        written = Written(client, sites)
        written.fill()
        run.say(f"{written.parts:,} full lists and {profiles:,} profiles after {time.monotonic() - began:.0f} s")
        found = {"series_1_site": float(_series_of_one(run.folder / "one", path.config.settings.redis))}
        path.start("api")
        metrics_port, port = path.config.settings.api_metrics_port, path.config.settings.api_port
        wait_until(lambda: _is_whole(metrics_port, sites), "all numbers are read", within=WHOLE_S)
        before = {name: cpu_seconds(pid) for name, pid in path.pids.items()}
        took: list[float] = []
        waits: list[float] = []
        texts: list[str] = []
        since = time.monotonic()
        with written.growing(), _asking(port, waits):
            for number in range(scrapes):
                time.sleep(max(0.0, since + number * EVERY_S - time.monotonic()))
                started = time.perf_counter()
                texts.append(_scrape(metrics_port))
                took.append(time.perf_counter() - started)
        during = time.monotonic() - since
        percent = {name: 100 * (cpu_seconds(pid) - before[name]) / during for name, pid in path.pids.items()}
        shown = [samples_of(text) for text in texts[:: max(1, scrapes // 8)]]
        written.check(metrics_port)
    at, ready = quantiles(took, n=100, method="inclusive"), quantiles(waits, n=100, method="inclusive")
    return {
        **found,
        "series_20_sites": max(map(_series, texts)),
        "scrape_p50_ms": 1000 * at[49],
        "scrape_p95_ms": 1000 * at[94],
        "scrape_age_s": max(value(each, metrics.AGE.name) for each in shown),
        "scrape_read_s": max(value(each, metrics.READ_SECONDS.name) for each in shown),
        "scrape_cpu_percent_api": percent["api"],
        "scrape_cpu_percent_server": percent["server"],
        "scrape_ready_p99_ms": 1000 * ready[98],
    }


class Written:
    """What lies in the lists of all sites."""

    def __init__(self, client: redis.Redis, sites: Sequence[str]) -> None:
        self._client = client
        self._sites = sites
        self._ended = 0.0  # when the last visitor came
        self._sums: Counter[tuple[str, str, str]] = Counter()  # of site, list and bucket
        self.parts = 0

    def fill(self) -> None:
        """Fill every list of every window."""
        now = self._now()
        days = [*{keys.date(_day(now + ahead)) for ahead in (0, AHEAD_MS)}]
        live = {
            bucket
            for reach in LIVE_WINDOWS_MS.values()
            for ahead in range(0, AHEAD_MS + 1, MINUTE_MS)
            for bucket in keys.buckets(now + ahead, reach)
        }
        full = self._client.register_script(FULL)
        for site in self._sites:
            for lane in range(LANES):
                with self._client.pipeline(transaction=False) as pipe:
                    self._fill_numbers(pipe, site, lane, now)
                    for top in TOPS:
                        for bucket in [*days, *(live if top.is_live else ())]:
                            scanned = f"/scan/{lane}/{bucket}/"
                            args: list[str | int] = [scanned, keys.TOP_MEMBERS, PAGES, keys.bucket_ttl(bucket)]
                            full(keys=[Keys().top(lane, site, top.name, bucket)], args=args, client=pipe)
                            self._sums[site, top.name, bucket] += SUM
                            self.parts += 1
                    pipe.execute()
        yesterday = keys.date(_day(now - DAY_MS))
        for site, top in product(self._sites, LONG_TOPS):
            values = {f"/page-{number}": number for number in range(1, LONG_VALUES + 2)}
            self._client.zadd(Keys().top(0, site, top.name, yesterday), values)

    def _fill_numbers(self, pipe: Any, site: str, lane: int, now: int) -> None:
        amounts = {money.field(currency): 1_000 for money, currency in product(MONEYS, CURRENCIES)}
        fields = amounts | {count.name: 7 for count in COUNTS}
        pipe.hset(Keys().totals(lane, site), mapping=fields)
        pipe.hset(Keys().day(lane, site, _day(now)), mapping=fields)
        pipe.zadd(Keys().seen(lane, site), {f"visitor-{number}": now for number in range(100)})

    @contextmanager
    def growing(self) -> Iterator[None]:
        """Have visitors come."""
        stop = threading.Event()
        thread = threading.Thread(target=self._grow, args=(stop,))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
            self._ended = time.monotonic()

    def _grow(self, stop: threading.Event) -> None:
        chance, at_once = random.Random(1), 10
        began, done = time.monotonic(), 0
        while not stop.wait(max(0.0, began + done / PER_SECOND - time.monotonic())):
            now = self._now()
            buckets = {window: keys.buckets(now, reach)[0] for window, reach in LIVE_WINDOWS_MS.items()}
            buckets[TODAY] = keys.date(_day(now))
            with self._client.pipeline(transaction=False) as pipe:
                for _ in range(at_once):
                    site, lane = chance.choice(self._sites), chance.randrange(LANES)
                    is_first = not chance.randrange(VIEWS_OF_VISIT)
                    names = [*VIEWED, *((*VISITED, chance.choice(DONE)) if is_first else ())]
                    for what, window in (each for each in LISTS if each[0] in names):
                        key = Keys().top(lane, site, what, buckets[window])
                        pipe.zincrby(key, 1, keys.OTHER)
                        pipe.pexpire(key, keys.bucket_ttl(buckets[window]))
                        self._sums[site, what, buckets[window]] += 1
                pipe.execute()
            done += at_once

    def check(self, port: int) -> None:
        """Raises AssertionError if what is shown is not what was written."""
        while True:
            before = self._windows()
            began = time.monotonic()
            shown = samples_of(_scrape(port))
            age = value(shown, metrics.AGE.name)
            if age < began - self._ended and before == self._windows() == self._windows(ago=round(1000 * age)):
                break
            time.sleep(1)
        sums, pages = _lists(shown)
        for site, (what, window) in product(self._sites, LISTS):
            family = metrics.TOPS[what]
            written = sum(self._sums[site, what, bucket] for bucket in before[window]) * family.unit
            assert abs(sums[site, family.name, window] - written) < 1e-6 * written, (site, what, window)
            if window == TODAY:
                largest = (100 + PAGES) * LANES * family.unit
                assert pages[site, family.name, window] == largest, (site, what)

    def _windows(self, *, ago: int = 0) -> dict[str, list[str]]:
        now = self._now() - ago
        live = {window: keys.buckets(now, reach) for window, reach in LIVE_WINDOWS_MS.items()}
        return live | {TODAY: [keys.date(_day(now))]}

    def _now(self) -> int:
        seconds, micros = self._client.time()
        return int(seconds) * 1000 + int(micros) // 1000


def _lists(shown: Samples) -> tuple[Counter[tuple[str, str, str]], dict[tuple[str, str, str], float]]:
    """Of site, metric and window: the sum of all values, and the count of the page that is read most."""
    sums: Counter[tuple[str, str, str]] = Counter()
    pages = {}
    for (name, labels), count in shown.items():
        of = dict(labels)
        if "window" in of and len(of) == 3:
            sums[of["site"], name, of["window"]] += count  # type: ignore[assignment]
            if f"/page-{PAGES}" in of.values():
                pages[of["site"], name, of["window"]] = count
    return sums, pages


def _fill_profiles(client: redis.Redis, count: int) -> None:
    make = client.register_script(PROFILE)
    for number, start in enumerate(range(0, count, AT_ONCE)):
        make(keys=[Keys().profile(number % LANES, SITE.key, "")], args=[start, start + AT_ONCE - 1])


AT_ONCE = 5_000


def _series_of_one(folder: Path, url: str) -> int:
    folder.mkdir()
    with SmallPath(folder, redis=url, top_values=ASKED_VALUES) as path:
        path.start("api")
        port = path.config.settings.api_metrics_port
        wait_until(lambda: _is_whole(port, SITES[:1]), "the numbers of one site are read", within=WHOLE_S)
        return _series(_scrape(port))


def _series(text: str) -> int:
    return sum(not line.startswith("#") for line in text.splitlines())


def _scrape(port: int) -> str:
    asked = urllib.request.Request(f"http://127.0.0.1:{port}/metrics", headers={"Accept": ACCEPT})
    with urllib.request.urlopen(asked, timeout=10) as answer:
        text: str = answer.read().decode()
        return text


def _is_whole(port: int, sites: Sequence[str]) -> bool:
    """Whether it shows these sites, and what is read in the background: the lists of long spans come last.

    Asked rarely, so that asking does not slow down what it waits for.
    """
    time.sleep(LOOK_S)
    try:
        text = _scrape(port)
    except OSError:
        return False
    spans = [line for line in text.splitlines() if line.startswith(f"wakeline_{LONG_TOPS[-1].metric}_span")]
    return all(any(f'site="{site}"' in line for line in spans) for site in sites)


@contextmanager
def _asking(port: int, waits: list[float]) -> Iterator[None]:
    """Ask whether the read side is ready, and note how long each answer takes, s."""
    stop = threading.Event()

    def ask() -> None:
        while not stop.wait(0.02):
            began = time.perf_counter()
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=10) as answer:
                answer.read()
            waits.append(time.perf_counter() - began)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _day(ms: int) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(ms / 1000))
