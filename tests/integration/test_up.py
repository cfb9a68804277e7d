"""`wakeline up` with the real services: an event becomes a profile, children are killed, no process is left behind.

Both logs are tested: the one in the embedded server, and Kafka, which is not a child.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
import redis

from benchmarks.waiting import wait_until
from tests.balance import assert_balanced
from tests.integration.up import Up, processes, up_in, without_story
from wakeline.keys import LOG_TIME
from wakeline.settings import METRICS_PORT_STEP


def is_listened_on(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def stopped_up(tmp_path: Path, log: str) -> Iterator[Up]:
    up = up_in(tmp_path, f'log = "{log}"\n')
    yield up
    assert_balanced(up.ports["metrics_port"], up.ports["metrics_port"] + METRICS_PORT_STEP)
    up.kill()


@pytest.fixture
def up(stopped_up: Up) -> Up:
    stopped_up.start()
    return stopped_up


whatever_the_log = pytest.mark.parametrize("log", ["redis"], indirect=True)
"""It plays no part in this."""


def test_an_event_becomes_a_profile_and_ctrl_c_leaves_nothing(up: Up) -> None:
    family = up.family()
    assert up.send_page_view("visitor-1", "page-0001") == 202
    wait_until(lambda: up.page_views("visitor-1") == 1, "the profile shows it")
    for port, path in (
        ("port", "/wakeline.js"),
        ("metrics_port", "/metrics"),
        ("processor_metrics_port", "/metrics"),
        ("api_metrics_port", "/metrics"),
        ("archiver_metrics_port", "/metrics"),
    ):
        with urllib.request.urlopen(up.url(port, path), timeout=10) as answer:
            assert answer.status == 200
    with closing(redis.Redis(port=up.ports["embedded_port"])) as server:
        assert server.config_get("append*")["appendfsync"] == "always"
    checked = up.command("check")
    assert checked.returncode == 0, checked.stdout
    assert up.process is not None
    os.killpg(up.process.pid, signal.SIGINT)
    assert up.process.wait(60) == 0
    assert not {pid for pid, _, _ in processes()} & set(family)
    assert {path.name for path in up.folder.iterdir()} == {"wakeline.toml", "data"}


def test_a_changed_rule_holds_without_a_restart(up: Up) -> None:
    """For what comes behind it; what the file said at the start was applied then."""
    wait_until(lambda: "holds in every lane" in up.command("check").stdout, "what the file said is applied")
    family = up.family()
    assert up.send_page_view("visitor-1", "page-0001") == 202
    wait_until(lambda: up.page_views("visitor-1") == 1, "the profile shows it")
    with (up.folder / "wakeline.toml").open("a") as file:
        file.write('[[site.interests]]\npath = "/a"\ninterest = "Letters"\n')
    up.until_line("site shop, interests: version 2 is now in effect")
    assert up.interests("visitor-1") == []
    assert up.send_page_view("visitor-1", "page-0002") == 202
    wait_until(lambda: up.page_views("visitor-1") == 2, "the profile shows that too")
    assert up.interests("visitor-1") == ["letters"]
    wait_until(lambda: set(up.family()) <= set(family), "what applied it is gone")


KILLED = [
    *(("redis", service) for service in ("processor", "collector", "api", "archiver", "-server")),
    *(("kafka", service) for service in ("processor", "collector", "-server")),  # what else reads the log has tests
]


@pytest.mark.parametrize(("log", "service"), KILLED, indirect=["log"])
def test_a_killed_child_comes_back_and_goes_on(up: Up, service: str) -> None:
    assert up.send_page_view("visitor-1", "page-0001") == 202
    os.kill(up.pid(service), signal.SIGKILL)
    assert re.search(r"was ended by SIGKILL after .* restarting it in 0\.5 s", up.until_line("was ended by SIGKILL"))
    up.until_line("answers again")
    wait_until(lambda: is_answered(up), "a second event is accepted")
    wait_until(lambda: up.page_views("visitor-1") == 2, "both are in the profile")


def is_answered(up: Up) -> bool:
    try:
        return up.send_page_view("visitor-1", "page-0002") == 202
    except OSError:  # 503 while the log is away, and refused connections
        return False


@pytest.mark.parametrize("log", ["kafka"], indirect=True)  # on the other: test_demo_shop.py
def test_the_demo_shop_is_visited(stopped_up: Up, log: str) -> None:
    """What the simulated visitors do there is counted, and the books balance.

    There may be duplicates: some browsers send again what has arrived, and a slow append goes to the spool as well.
    """
    up = stopped_up
    without_story(up.folder / "data-demo")
    ports = [f"--{name.replace('_', '-')}={port}" for name, port in up.ports.items()]
    up.start("--demo", "--simulate=300", "--no-open", f"--log={log}", *ports)
    wait_until(lambda: up.number("wakeline_page_views_total", site="demo") > 10, "page views are counted")
    assert up.number("wakeline_ledger_difference") == 0
    assert up.number("wakeline_ledger_records", state="dead") == 0


@whatever_the_log
def test_live_windows_are_right_while_the_logs_time_is_two_hours_ahead(up: Up) -> None:
    """The server's clock was ahead for a moment; the log's time does not go back."""
    with closing(redis.Redis(port=up.ports["embedded_port"])) as client:
        client.set(LOG_TIME, time.time_ns() // 1_000_000 + 7_200_000)
    for visitor in range(3):
        assert up.send_page_view(f"visitor-{visitor}", f"page-000{visitor}") == 202
    wait_until(lambda: up.number("wakeline_live_visitors", site="shop", window="5m") == 3, "seen in the last 5 minutes")
    assert up.number("wakeline_live_visitors", site="shop", window="now") == 3
    assert up.number("wakeline_page_views_window", page="/a", site="shop", window="5m") == 3
    assert 7_100 < up.number("wakeline_clock_ahead_seconds", clock="log") <= 7_200
    assert "s ahead of this machine's clock" in up.command("check").stdout


@whatever_the_log
def test_kill_9_leaves_no_process_and_loses_nothing(stopped_up: Up) -> None:
    up = stopped_up
    up.start("--workers", "2")
    family = up.family()
    assert len(family) == 5 + 2  # the collector's workers are children of their own
    assert up.send_page_view("visitor-1", "page-0001") == 202
    up.kill()
    wait_until(lambda: not {pid for pid, _, _ in processes()} & set(family), "every child is gone")
    up.start()
    wait_until(lambda: up.page_views("visitor-1") == 1, "the event is in the profile")


@whatever_the_log
def test_nothing_in_the_data_folder_is_readable_by_others(stopped_up: Up) -> None:
    """Neither what is written under a umask that hides nothing, nor what lay there open before."""
    up, data = stopped_up, stopped_up.folder / "data"
    before = os.umask(0o022)
    try:
        (data / "archive" / "date=2026-03-01").mkdir(parents=True)
        (data / "archive" / "date=2026-03-01" / ".left.part").write_text("of an earlier version")
        up.start("--archive-seal-s=1", "--workers=2")
    finally:
        os.umask(before)
    assert up.send_page_view("visitor-1", "page-0001") == 202
    wait_until(lambda: list(data.rglob("*.jsonl.gz")), "the event is in the history")
    shown = {}
    for path in (data, *data.rglob("*")):
        with suppress(FileNotFoundError):  # a part of the history that is whole meanwhile
            shown[str(path.relative_to(data))] = path.stat().st_mode & 0o077
    assert len(shown) > 10
    assert not {name: mode for name, mode in shown.items() if mode}


@whatever_the_log
def test_a_second_up_on_the_same_data_says_so(up: Up) -> None:
    said = up.command("up")
    assert said.returncode == 1
    assert "already runs on the data folder" in said.stderr
    assert up.process is not None
    assert f"process {up.process.pid}" in said.stderr


@whatever_the_log
def test_a_taken_port_is_named_before_anything_is_started(stopped_up: Up) -> None:
    with socket.create_server(("127.0.0.1", stopped_up.ports["api_port"])):
        said = stopped_up.command("up")
    assert said.returncode == 1
    assert f"api_port {stopped_up.ports['api_port']} is in use" in said.stderr
    assert "--api-port" in said.stderr
    assert said.stdout == ""
    assert not is_listened_on(stopped_up.ports["embedded_port"])


@whatever_the_log
def test_settings_that_do_not_suit_the_data_end_it_with_the_mend(up: Up) -> None:
    assert up.process is not None
    up.process.terminate()
    assert up.process.wait(60) == 0
    said = up.command("up", "--lanes", "4")
    assert said.returncode == 1
    assert "set lanes = 16" in said.stdout
    assert "cannot start" in said.stdout


@whatever_the_log
def test_a_prometheus_beside_it_knows_of_every_click(stopped_up: Up) -> None:
    """And it is stopped with the others."""
    up = stopped_up
    up.start("--with-prometheus")
    up.until_line("Prometheus http://127.0.0.1:")
    family = up.family()
    assert up.send_page_view("visitor-1", "page-0001") == 202

    def shown(query: str) -> list[str]:
        url = f"http://127.0.0.1:{up.ports['prometheus_port']}/api/v1/query?query={query}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return [one["value"][1] for one in json.load(answer)["data"]["result"]]

    wait_until(lambda: shown("wakeline_page_views_total") == ["1"], "Prometheus has the page view", within=30)
    assert set(shown("up")) == {"1"}
    assert any("--web.listen-address" in command for command in family.values())
    up.stop(signal.SIGINT)
    assert not {pid for pid, _, _ in processes()} & set(family)
