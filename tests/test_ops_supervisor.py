"""`wakeline up` with stand-ins for its children: real processes that answer, die, hang and leave others behind."""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import redis

from benchmarks.machine import free_port
from benchmarks.waiting import until
from ops.up.child import Patience
from ops.up.guard import CannotStart, refuse_taken_ports, sole_use
from ops.up.output import JsonOutput, Output
from ops.up.plan import Listener, Plan, Service, plan
from ops.up.room import shortage
from ops.up.summary import summary
from ops.up.supervisor import Supervisor
from wakeline.children import PARENT_DEATH, Rests
from wakeline.config import load
from wakeline.memory import COUNT_ONLY, SLACK
from wakeline.settings import Config, Settings, Site

CHILD = """
import http.server, os, signal, subprocess, sys, time
name, port, manner = sys.argv[1], int(sys.argv[2]), sys.argv[3]
if manner == "refuses":
    print("the settings do not suit", flush=True)
    sys.exit(2)
if manner == "dies":
    sys.exit(3)
if manner == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
else:
    signal.signal(signal.SIGTERM, lambda *_: (print(name, "stops", flush=True), os._exit(0)))
if manner == "parent":
    print(f"{name} child", subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]).pid, flush=True)
print(f"{name} pid {os.getpid()}", flush=True)
if manner == "restarts":
    import threading
    def end():
        while not os.path.exists(os.path.join(os.path.dirname(__file__), "go")):
            time.sleep(0.05)
        runs = os.path.join(os.path.dirname(__file__), "runs")
        open(runs, "a").write("x")
        if len(open(runs).read()) < 3:
            os._exit(75)
    threading.Thread(target=end).start()
if manner == "silent":
    time.sleep(600)
class Healthy(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def log_message(self, *_):
        pass
http.server.HTTPServer(("127.0.0.1", port), Healthy).serve_forever()
"""

QUICK = Patience(Rests(first=0.05, longest=0.3), ready=15, stop=5)


@dataclass
class Stage:
    """A supervisor and all that was said."""

    folder: Path
    lines: list[tuple[str, str]] = field(default_factory=list)
    reports: list[tuple[str, str]] = field(default_factory=list)
    ups: int = 0

    def service(self, name: str, manner: str = "good") -> Service:
        script = self.folder / "child.py"
        script.write_text(CHILD)
        port = free_port()
        return Service(
            name, (sys.executable, str(script), name, str(port), manner), (Listener("port", "127.0.0.1", port),)
        )

    def supervisor(self, *stages: tuple[Service, ...], patience: Patience = QUICK) -> Supervisor:
        return Supervisor(
            Plan(stages),
            dict(os.environ),
            say=lambda *line: self.lines.append(line),
            report=lambda *what: self.reports.append(what),
            patience=patience,
        )

    def up(self) -> None:
        self.ups += 1

    def pids(self, name: str) -> list[int]:
        return [int(line.split()[-1]) for who, line in self.lines if who == name and line[-1].isdigit()]

    def reported(self, words: str) -> bool:
        return any(words in f"{name} {what}" for name, what in self.reports)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def is_alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not count."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def stopped(supervisor: Supervisor, running: Awaitable[int]) -> int:
    supervisor.ask_to_stop()
    return await asyncio.wait_for(running, 20)


# ---- starting -------------------------------------------------------------------------------------


async def test_a_stage_starts_once_the_one_before_answers(stage: Stage) -> None:
    supervisor = stage.supervisor((stage.service("server"),), (stage.service("api"), stage.service("collector")))
    running = asyncio.create_task(supervisor.run(stage.up))
    await until(lambda: stage.ups, "all is up")
    assert stage.lines[0][0] == "server"
    assert {name for name, _ in stage.lines} == {"server", "api", "collector"}
    assert await stopped(supervisor, running) == 0
    assert not any(is_alive(pid) for name in ("server", "api", "collector") for pid in stage.pids(name))


async def test_a_child_whose_settings_do_not_suit_ends_everything_at_once(stage: Stage) -> None:
    supervisor = stage.supervisor((stage.service("server"),), (stage.service("collector", "refuses"),))
    assert await asyncio.wait_for(supervisor.run(stage.up), 20) == 1
    assert stage.reported("collector ended with exit code 2")
    assert stage.reported("collector cannot start")
    assert not stage.reported("restarting it")
    assert ("collector", "the settings do not suit") in stage.lines
    assert not stage.ups
    assert not is_alive(stage.pids("server")[0])


async def test_a_child_that_dies_three_times_before_it_answers_ends_everything(stage: Stage) -> None:
    supervisor = stage.supervisor((stage.service("collector", "dies"),))
    assert await asyncio.wait_for(supervisor.run(stage.up), 20) == 1
    assert [what.split(" after")[0] for name, what in stage.reports if name == "collector"] == [
        "ended with exit code 3"
    ] * 3


async def test_a_child_that_never_answers_ends_everything(stage: Stage) -> None:
    patience = Patience(ready=1, stop=5)
    supervisor = stage.supervisor((stage.service("api", "silent"),), patience=patience)
    assert await asyncio.wait_for(supervisor.run(stage.up), 20) == 1
    assert stage.reported("api does not answer after 1 s")
    assert not is_alive(stage.pids("api")[0])


# ---- watching -------------------------------------------------------------------------------------


async def test_a_killed_child_is_started_again_and_the_others_stay(stage: Stage) -> None:
    supervisor = stage.supervisor((stage.service("collector"), stage.service("processor")))
    running = asyncio.create_task(supervisor.run(stage.up))
    await until(lambda: stage.ups, "all is up")
    os.kill(stage.pids("processor")[0], signal.SIGKILL)
    await until(lambda: stage.reported("processor answers again"), "the processor is back")
    assert stage.reported("processor was ended by SIGKILL after")
    assert len(stage.pids("processor")) == 2
    assert len(stage.pids("collector")) == 1
    assert is_alive(stage.pids("collector")[0])
    assert await stopped(supervisor, running) == 0


async def test_each_death_doubles_the_wait_up_to_the_longest(stage: Stage) -> None:
    supervisor = stage.supervisor((stage.service("api"),))
    running = asyncio.create_task(supervisor.run(stage.up))
    await until(lambda: stage.ups, "all is up")
    for death in range(5):
        await until(lambda: len(stage.pids("api")) == death + 1, "it lives again")  # noqa: B023
        os.kill(stage.pids("api")[death], signal.SIGKILL)
    await until(lambda: len(stage.pids("api")) == 6, "it lives after the fifth death")
    waits = [what.rpartition(" in ")[2] for _, what in stage.reports if "restarting it" in what]
    assert waits == ["0.05 s", "0.1 s", "0.2 s", "0.3 s", "0.3 s"]
    assert await stopped(supervisor, running) == 0


async def test_a_child_that_asks_for_its_next_start_gets_it_and_nothing_failed(stage: Stage) -> None:
    """As a processor does after a replay."""
    supervisor = stage.supervisor((stage.service("processor", "restarts"),))
    running = asyncio.create_task(supervisor.run(stage.up))
    await until(lambda: stage.ups, "it is up")
    (stage.folder / "go").touch()
    await until(lambda: len(stage.pids("processor")) == 3, "its third start")
    await until(lambda: stage.reports[-1] == ("processor", "answers again"), "it answers")
    assert stage.reports.count(("processor", "restarts")) == 2
    assert not stage.reported("ended")
    await stopped(supervisor, running)


async def test_a_calm_life_makes_the_next_death_a_first_one(stage: Stage) -> None:
    patience = Patience(Rests(first=0.05, longest=0.3, calm=0.0), stop=5)
    supervisor = stage.supervisor((stage.service("api"),), patience=patience)
    running = asyncio.create_task(supervisor.run(stage.up))
    await until(lambda: stage.ups, "all is up")
    for death in range(2):
        await until(lambda: len(stage.pids("api")) == death + 1, "it lives again")  # noqa: B023
        os.kill(stage.pids("api")[death], signal.SIGKILL)
    await until(lambda: len(stage.pids("api")) == 3, "it lives after the second death")
    assert [what.rpartition(" in ")[2] for _, what in stage.reports if "restarting it" in what] == ["0.05 s"] * 2
    assert await stopped(supervisor, running) == 0


async def test_what_a_dead_child_had_started_goes_with_it(stage: Stage) -> None:
    supervisor = stage.supervisor((stage.service("collector", "parent"),))
    running = asyncio.create_task(supervisor.run(stage.up))
    await until(lambda: stage.ups, "all is up")
    grandchild, child = stage.pids("collector")
    os.kill(child, signal.SIGKILL)
    await until(lambda: not is_alive(grandchild), "the grandchild is gone")
    await until(lambda: stage.reported("answers again"), "it is back")
    assert await stopped(supervisor, running) == 0
    await until(lambda: not any(map(is_alive, stage.pids("collector"))), "nothing of it is left")


# ---- stopping -------------------------------------------------------------------------------------


async def test_children_stop_in_order_the_server_last(stage: Stage) -> None:
    names = ("server", "processor", "api", "collector", "demo", "simulator")
    supervisor = stage.supervisor(tuple(stage.service(name) for name in names))
    running = asyncio.create_task(supervisor.run(stage.up))
    await until(lambda: stage.ups, "all is up")
    assert await stopped(supervisor, running) == 0
    stops = [name for name, line in stage.lines if line.endswith("stops")]
    assert stops == ["simulator", "demo", "collector", "api", "processor", "server"]


async def test_a_child_that_does_not_stop_is_killed(stage: Stage) -> None:
    patience = Patience(stop=0.5)
    supervisor = stage.supervisor((stage.service("api", "stubborn"),), patience=patience)
    running = asyncio.create_task(supervisor.run(stage.up))
    await until(lambda: stage.ups, "all is up")
    assert await stopped(supervisor, running) == 0
    assert stage.reported("api did not stop within 0.5 s; killed")
    assert not is_alive(stage.pids("api")[0])


async def test_asked_twice_it_stops_at_once(stage: Stage) -> None:
    supervisor = stage.supervisor((stage.service("api", "stubborn"),), patience=Patience(stop=60))
    running = asyncio.create_task(supervisor.run(stage.up))
    await until(lambda: stage.ups, "all is up")
    supervisor.ask_to_stop()
    await asyncio.sleep(0)
    assert await stopped(supervisor, running) == 0
    assert not is_alive(stage.pids("api")[0])


async def test_asked_between_two_lives_it_stops_without_waiting(stage: Stage) -> None:
    supervisor = stage.supervisor((stage.service("api"),), patience=Patience(Rests(first=600)))
    running = asyncio.create_task(supervisor.run(stage.up))
    await until(lambda: stage.ups, "all is up")
    os.kill(stage.pids("api")[0], signal.SIGKILL)
    await until(lambda: stage.reported("restarting it in 600 s"), "it waits")
    assert await stopped(supervisor, running) == 0


async def test_asked_while_starting_it_stops(stage: Stage) -> None:
    supervisor = stage.supervisor((stage.service("api", "silent"),))
    running = asyncio.create_task(supervisor.run(stage.up))
    await until(lambda: stage.pids("api"), "it runs")
    assert await stopped(supervisor, running) == 0
    assert not is_alive(stage.pids("api")[0])
    assert not stage.ups


# ---- the supervisor itself dies -------------------------------------------------------------------

OWNER = """
import asyncio, os, sys
from ops.up.plan import Listener, Plan, Service
from ops.up.supervisor import Supervisor
script, ports = sys.argv[1], [int(port) for port in sys.argv[2:]]
stages = tuple(
    (Service(name, (sys.executable, script, name, str(port), manner), (Listener("port", "127.0.0.1", port),)),)
    for (name, manner), port in zip((("server", "stubborn"), ("collector", "good")), ports)
)
say = lambda name, line: print(line, flush=True)
supervisor = Supervisor(Plan(stages), dict(os.environ), say=say, report=say)
sys.exit(asyncio.run(supervisor.run(lambda: print("all up", flush=True))))
"""


@pytest.mark.parametrize(
    ("number", "code"),
    [pytest.param(signal.SIGKILL, -9, id="kill -9"), pytest.param(signal.SIGINT, 0, id="Ctrl-C, twice")],
)
async def test_no_child_outlives_the_supervisor(stage: Stage, number: int, code: int) -> None:
    stage.service("server")  # writes the script
    command = [sys.executable, "-c", OWNER, str(stage.folder / "child.py"), str(free_port()), str(free_port())]
    owner = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)  # noqa: ASYNC220
    assert owner.stdout is not None
    pids = []
    for line in owner.stdout:
        if " pid " in line:
            pids.append(int(line.split()[-1]))
        if line == "all up\n":
            break
    assert len(pids) == 2
    owner.send_signal(number)
    if number == signal.SIGINT:
        assert "stopping" in next(line for line in owner.stdout if line.strip())
        owner.send_signal(number)
    await until(lambda: owner.poll() is not None, "the supervisor ends")
    owner.stdout.close()
    assert owner.returncode == code
    await until(lambda: not any(map(is_alive, pids)), "the children are gone")


async def test_where_the_kernel_does_not_help_the_guard_itself_kills_the_command(tmp_path: Path) -> None:
    script = (
        f"import sys; sys.path.append({str(PARENT_DEATH.parent)!r}); import parent_death; "
        "parent_death.hold([sys.executable, '-c', 'import os, time; print(os.getpid(), flush=True); time.sleep(600)'])"
    )
    holder = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: ASYNC220
    assert holder.stdin is not None
    assert holder.stdout is not None
    pid = int(holder.stdout.readline())
    assert is_alive(pid)
    holder.stdin.close()
    await until(lambda: holder.poll() is not None and not is_alive(pid), "both are gone")
    holder.stdout.close()


async def test_when_nobody_reads_any_more_it_falls_silent_and_says_so_once() -> None:
    reader, writer = os.pipe()
    lost: list[int] = []
    with os.fdopen(writer, "w") as stream:
        output = Output(stream, coloured=False)
        output.lost = lambda: lost.append(1)
        output.say("api", "hello")
        os.close(reader)
        output.say("api", "is anybody there")
        output.report("api", "ended")
        assert lost == [1]


# ---- before anything starts -----------------------------------------------------------------------


def test_every_taken_port_is_named_with_its_setting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        first, second = one.getsockname()[1], two.getsockname()[1]
        with pytest.raises(CannotStart) as refusal:
            refuse_taken_ports(
                [
                    Listener("port", "127.0.0.1", first),
                    Listener("api_port", "127.0.0.1", free_port()),
                    Listener("embedded_port", "127.0.0.1", second),
                ]
            )
    said = str(refusal.value)
    assert f"port {first} is in use" in said
    assert f"embedded_port {second} is in use" in said
    assert "api_port" not in said
    assert "choose others: --port PORT --embedded-port PORT, or by WAKELINE_PORT, WAKELINE_EMBEDDED_PORT" in said


def test_an_address_of_another_machine_is_named() -> None:
    with pytest.raises(CannotStart, match=r"192\.0\.2\.1 is not an address of this machine"):
        refuse_taken_ports([Listener("port", "192.0.2.1", free_port())])


def test_one_data_folder_has_one_owner(tmp_path: Path) -> None:
    with (
        sole_use(tmp_path / "data"),
        pytest.raises(CannotStart, match=rf"already runs .*process {os.getpid()}"),
        sole_use(tmp_path / "data"),
    ):
        pass
    with sole_use(tmp_path / "data"):
        pass


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(CannotStart, match=r"cannot write to the data folder .*file/data: .*--data"),
        sole_use(tmp_path / "file" / "data"),
    ):
        pass


# ---- the plan -------------------------------------------------------------------------------------


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(Settings(data=tmp_path, api_token="t"), {"shop": Site(key="shop")}, path=tmp_path / "wakeline.toml")


def names(made: Plan) -> list[list[str]]:
    return [[service.name for service in stage] for stage in made.stages]


def test_the_plan_is_the_whole_small_path(config: Config) -> None:
    assert names(plan(config)) == [["server"], ["collector", "processor", "api", "archiver"]]
    assert names(plan(config, demo=True, visitors=3))[2:] == [["demo"], ["simulator"]]
    watching = [Service("prometheus", ()), Service("grafana", ())]
    everything = plan(config, demo=True, visitors=3, watching=watching)
    assert names(everything)[4:] == [["prometheus", "grafana"]]  # once there is something to watch
    assert set(plan(config).stopping) == {service.name for service in everything.services()}


def test_where_no_history_is_kept_no_archiver_runs(config: Config) -> None:
    off = replace(config, settings=replace(config.settings, archive="off"))
    assert names(plan(off)) == [["server"], ["collector", "processor", "api"]]
    assert "archiver" in summary(config, demo=False)
    assert "archiver" not in summary(off, demo=False)


def test_a_server_of_ones_own_is_not_doubled() -> None:
    made = plan(load(None, {"redis": "redis://127.0.0.1:6379/0"}, {}))
    assert names(made) == [["collector", "processor", "api", "archiver"]]


def test_the_embedded_server_keeps_every_write_on_disk(config: Config) -> None:
    command = plan(config).stages[0][0].command
    assert command[command.index("--appendonly") + 1] == "yes"
    assert command[command.index("--appendfsync") + 1] == "always"
    assert command[command.index("--bind") + 1] == "127.0.0.1"


def test_the_summary_says_where_everything_is_and_what_to_paste(config: Config) -> None:
    said = summary(config, demo=True)
    for part in (
        "http://localhost:8710",
        "http://127.0.0.1:8700",
        "http://127.0.0.1:8704/metrics",
        str(config.settings.data),
        '<script defer src="http://127.0.0.1:8700/wakeline.js" data-site="shop" data-consent="anonymous"></script>',
        "Ctrl-C",
    ):
        assert part in said


@pytest.mark.parametrize(
    ("redis", "flag"),
    [
        (Settings.redis, ""),
        ("redis://127.0.0.1:7706/0", " --redis redis://127.0.0.1:7706/0"),
        ("redis://:secret@db.example/0", ""),
    ],
)
def test_its_command_finds_the_server(config: Config, redis: str, flag: str) -> None:
    said = summary(replace(config, settings=replace(config.settings, redis=redis)), demo=True)
    assert said.endswith(f" profile show VISITOR_ID{flag}")


def test_lines_are_named_and_coloured_only_where_asked() -> None:
    plain, coloured = io.StringIO(), io.StringIO()
    Output(plain, coloured=False).say("api", "hello")
    Output(coloured, coloured=True).say("api", "hello")
    assert plain.getvalue() == "api       | hello\n"
    assert "\x1b[32m" in coloured.getvalue()


def test_as_json_every_line_is_an_object() -> None:
    stream = io.StringIO()
    output = JsonOutput(stream, coloured=False)
    output.say("api", '{"service":"api","message":"as it is"}')
    output.say("server", "a line of another program")
    output.report("api", "ended")
    output.block("Wakeline\nis up")
    said = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [(line["service"], line["message"]) for line in said] == [
        ("api", "as it is"),
        ("server", "a line of another program"),
        ("wakeline", "api ended"),
        ("wakeline", "Wakeline\nis up"),
    ]
    assert {"time", "level"} <= set(said[1])


def test_a_token_of_ones_own_is_not_printed(config: Config) -> None:
    assert " t (for this run)" in summary(config, demo=False)
    own = replace(config, given=frozenset({"api_token"}), settings=replace(config.settings, api_token="hunter2"))
    assert "hunter2" not in summary(own, demo=False)


SAID = {
    # its data in MB, of the memory that it may use; what is said
    "it has room": (0.7, ""),
    "new visitors are only counted": (
        0.85,
        "new visitors are only counted, without profiles. Set embedded_memory_mb =",
    ),
    "events are refused": (0.96, "events are answered 503. Set embedded_memory_mb ="),
    "its files held more than it may use": (1.5, "events are answered 503. Set embedded_memory_mb ="),
}


@pytest.mark.parametrize("name", SAID)
async def test_a_server_without_room_for_what_it_holds_is_said(own_server: Any, name: str) -> None:
    """A deployment whose data exceed `embedded_memory_mb`, as may be after an upgrade, does not fall silent."""
    share, wanted = SAID[name]
    with redis.Redis(port=own_server.port) as client:
        for number in range(60):
            client.set(f"data:{number}", b"x" * 1_000_000)
    with redis.Redis(port=own_server.port) as client:  # the former one's buffers are gone
        client.config_set("maxmemory", int(client.info("memory")["used_memory"] / share))
    said = await shortage(own_server.port)
    assert wanted in said if wanted else not said
    if wanted:
        holds, most, enough = (float(number) for number in re.findall(r"(\d+)(?: MB| or more)", said))
        assert holds / most == pytest.approx(share, abs=0.03)
        assert holds / enough == pytest.approx(COUNT_ONLY - SLACK, abs=0.03)


async def test_a_server_that_has_gone_again_says_nothing() -> None:
    assert await shortage(free_port()) == ""


async def test_what_must_be_known_of_a_service_is_said_before_the_next_starts(stage: Stage) -> None:
    async def words() -> str:
        assert not stage.pids("second")
        return "holds too much"

    first = replace(stage.service("first"), words=words)
    supervisor = stage.supervisor((first,), (stage.service("second"),))
    running = asyncio.create_task(supervisor.run(stage.up))
    await until(lambda: stage.ups, "all is up")
    assert stage.reported("first holds too much")
    assert await stopped(supervisor, running) == 0


def test_of_the_embedded_server_it_is_asked() -> None:
    [[server], services, *_] = plan(load(None, {}, {})).stages
    assert server.words is not None
    assert not any(service.words for service in services)
