"""The `wakeline` command: its output and exit codes, and no tracebacks for users' mistakes."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from benchmarks.machine import free_port
from ops.cli import main
from ops.cli.errors import shown_url
from ops.cli.options import demo_file, read
from ops.cli.profile_view import duration, profile_view
from ops.cli.up import former_data, moved_shop
from wakeline import keys, logs
from wakeline.config import load
from wakeline.config.values import quoted
from wakeline.identity import customer_id, is_signed, signature
from wakeline.lanes import lane_of, open_deployment
from wakeline.log.redis_streams import RedisStreamsLog
from wakeline.profiles import Interest, Profile, Session, Source
from wakeline.record import Erase, decode_record
from wakeline.redis.connect import connect
from wakeline.settings import Settings, Site, described

SECRET = "0123456789abcdef"
FILE = f'[[site]]\nkey = "shop"\nsecret = "{SECRET}"\norigins = ["https://shop.example"]\nconsent = "off"\n'

Run = Callable[..., Result]


@pytest.fixture
def run(configured: Callable[[str], None]) -> Run:
    """Runs the command in an empty folder with one wakeline.toml."""
    configured(FILE)

    def run(*arguments: str, input: str | None = None) -> Result:
        return CliRunner().invoke(main, arguments, input=input, prog_name="wakeline")

    return run


# ---- help -----------------------------------------------------------------------------------------


def test_help_lists_every_command_with_what_it_does(run: Run) -> None:
    said = run("--help").output
    for command in ("up", "check", "collector", "processor", "api", "profile", "erase", "sign", "snippet"):
        assert f"\n  {command} " in said
        assert run(command, "--help").exit_code == 0
    assert "simulator" not in said


def test_no_line_of_the_list_of_commands_is_cut_off(run: Run) -> None:
    assert "..." not in run("--help").output.partition("Commands:")[2]


def test_whose_server_is_meant_is_said_where_nothing_names_it(run: Run, tmp_path: Path) -> None:
    assert "using the demo's settings" not in run("lag").output
    assert "using the demo's settings" not in run("lag", "--redis", "redis://127.0.0.1:1").output
    (tmp_path / "wakeline.toml").unlink()
    words = "no wakeline.toml here: using the demo's settings, and the server redis://127.0.0.1:8706/0\n"
    assert words in run("lag").output
    assert words not in run("lag", "--redis", "redis://127.0.0.1:1").output


@pytest.mark.parametrize("command", ["collector", "processor", "api", "up", "check"])
def test_help_of_a_service_explains_every_setting(run: Run, command: str) -> None:
    said = "".join(run(command, "--help").output.split()).lower()
    for name, _, help in described(Settings):
        assert f"--{name.replace('_', '-')}" in said
        assert "".join(help.split()).lower() in said
    for name, _, help in described(Site):
        assert name in said
        assert "".join(help.split()).lower() in said


def test_the_version_is_said_by_the_installed_command() -> None:
    said = subprocess.run([sys.executable, "-m", "wakeline", "--version"], capture_output=True, text=True)
    assert said.returncode == 0
    assert said.stdout.startswith("wakeline 0.")


def test_up_stays_light() -> None:
    """The supervisor lives beside the services: it must not carry what only they need."""
    code = "import ops.cli, ops.up.run, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"redis", "aiohttp", "faust", "rich", "prometheus_client"} & set(loaded)


# ---- what a user does wrong -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        pytest.param(
            ["sign", "c1", "--site", "shpo"], 2, "there is no site shpo in wakeline.toml (it has shop)", id="site"
        ),
        pytest.param(["sign", "undefined", "--order", "1", "EUR"], 2, "is no order number", id="no order"),
        pytest.param(["sign", "A-1", "--order", "much", "EUR"], 2, '"much" is no amount in EUR', id="no amount"),
        pytest.param(
            ["sign", "A-1", "--order", "1", "EUR", "--expires", "1"], 2, "an order's has neither", id="order's end"
        ),
        pytest.param(["sign", "c1", "--forget"], 2, "--forget needs --expires", id="a forget that never ends"),
        pytest.param(["sign", "A-1", "--order", "1", "EU"], 2, '"1 EU" has no currency of ISO 4217', id="no currency"),
        pytest.param(["sign", "c1", "--config", "no.toml"], 2, "no.toml: cannot be read: No such file", id="file"),
        pytest.param(["collector", "--port", "x"], 2, '--port: port "x" is not a whole number', id="setting"),
        pytest.param(["collector", "--prot", "1"], 2, "No such option", id="flag"),
        pytest.param(["up", "--simulate", "5"], 2, "add --demo", id="simulate without demo"),
        pytest.param(
            ["up", "--demo", "--config", "wakeline.toml"], 2, "no site with key demo", id="demo without its site"
        ),
        pytest.param(
            ["profile", "v" * 8, "--redis", "redis://127.0.0.1:1"], 1, "is `wakeline up` running?", id="redis away"
        ),
        pytest.param(
            ["erase", "v" * 8, "--yes", "--redis", "redis://127.0.0.1:1"],
            1,
            "is `wakeline up` running?",
            id="erase, redis away",
        ),
        pytest.param(["check", "--redis", "redis://127.0.0.1:1"], 1, "start `wakeline up`", id="check, redis away"),
    ],
)
def test_a_mistake_gets_words_and_an_exit_code(run: Run, arguments: list[str], code: int, words: str) -> None:
    result = run(*arguments)
    assert words in result.output
    assert "Traceback" not in result.output
    assert result.exit_code == code


def test_without_a_file_up_says_how_to_start(run: Run, tmp_path: Path) -> None:
    (tmp_path / "wakeline.toml").unlink()
    result = run("up")
    assert result.exit_code == 2
    assert "wakeline up --demo" in result.output
    assert "wakeline.example.toml" in result.output


def test_without_a_site_a_service_does_not_start(run: Run, tmp_path: Path) -> None:
    (tmp_path / "wakeline.toml").unlink()
    result = run("collector")
    assert result.exit_code == 2
    assert "no site is configured" in result.output


def test_with_two_sites_one_must_be_named(run: Run, tmp_path: Path) -> None:
    (tmp_path / "wakeline.toml").write_text(FILE + '[[site]]\nkey = "blog"\n')
    result = run("sign", "c1")
    assert result.exit_code == 2
    assert "which site?" in result.output
    assert "shop, blog" in result.output
    result = run("sign", "c1", "--site", "blog")
    assert result.exit_code == 2
    assert "no secret" in result.output


def test_the_demo_shop_on_another_port_is_another_origin(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "data", demo_port=9_999)
    assert load(moved_shop(settings), {}, {}).sites["demo"].origins == (
        "http://localhost:9999",
        "http://127.0.0.1:9999",
    )


def test_the_moved_demo_has_its_data_where_it_lies(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "else", demo_port=9_999)
    assert load(moved_shop(settings), {}, {}).settings.data == tmp_path / "else"


@pytest.mark.parametrize(
    ("config", "flags", "environ", "data"),
    [
        pytest.param(demo_file(), {}, "", "data-demo", id="the demo"),
        pytest.param(None, {}, "", "data-demo", id="no file: the demo"),
        pytest.param(demo_file(), {"data": "mine"}, "theirs", "mine", id="a flag"),
        pytest.param(demo_file(), {}, "theirs", "theirs", id="the environment"),
        pytest.param(Path("own.toml"), {}, "", "data", id="a file of one's own"),
    ],
)
def test_the_demo_keeps_its_data_apart(
    configured: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
    config: Path | None,
    flags: dict[str, str],
    environ: str,
    data: str,
) -> None:
    configured(FILE)
    Path("wakeline.toml").rename("own.toml")
    monkeypatch.setenv("WAKELINE_DATA", environ)
    assert read(config, flags, else_demo=True).settings.data == Path(data)


def test_the_history_of_the_demo_is_seen_soon() -> None:
    assert read(demo_file(), {}).settings.archive_seal_s <= 20


def test_data_of_a_former_demo_are_named_once(configured: Callable[[str], None]) -> None:
    configured(FILE)
    demo = read(demo_file(), {}).settings
    assert former_data(demo) == ""
    Path("data").mkdir()
    assert former_data(demo) == ""
    Path("data", "up.lock").touch()
    assert "what lies in data stays as it is (`--data data` goes on" in former_data(demo)
    assert former_data(read(demo_file(), {"data": "data"}).settings) == ""
    Path("data-demo").mkdir()
    assert former_data(demo) == ""


def test_a_password_is_not_printed() -> None:
    assert shown_url("redis://me:hunter2@example.org:6379/0") == "redis://me:***@example.org:6379/0"
    assert shown_url("redis://example.org/0") == "redis://example.org/0"


# ---- what needs no server -------------------------------------------------------------------------


def test_sign_prints_what_the_collector_accepts(run: Run) -> None:
    assert is_signed(SECRET, "customer 7", run("sign", "customer 7").output.strip())
    ending = run("sign", "customer 7", "--expires", "1790000600000").output.strip()
    assert is_signed(SECRET, "customer 7\n1790000600000", ending)
    erasing = run("sign", "customer 7", "--forget", "--expires", "1790000600000").output.strip()
    assert is_signed(SECRET, "forget\ncustomer 7\n1790000600000", erasing)


@pytest.mark.parametrize(
    ("order", "signed"),
    [
        pytest.param(["A-1001", "--order", "154.8", "EUR"], "A-1001\n154.80\nEUR", id="two decimals"),
        pytest.param(["A-1001", "--order", "1.299,00", "eur"], "A-1001\n1299.00\nEUR", id="a text of a page"),
        pytest.param(["7", "--order", "1500", "JPY"], "7\n1500\nJPY", id="none"),
        pytest.param(["7", "--order", "0.1", "KWD"], "7\n0.100\nKWD", id="three"),
    ],
)
def test_sign_signs_an_order(run: Run, order: list[str], signed: str) -> None:
    assert run("sign", *order).output.strip() == signature(SECRET, signed)


def test_snippet_prints_the_line_to_paste(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    tag = '<script defer src="{}/wakeline.js" data-site="shop" data-consent="off"></script>\n'
    assert run("snippet").output == tag.format("http://127.0.0.1:8700")
    monkeypatch.setenv("WAKELINE_HOST", "0.0.0.0")
    assert run("snippet").output == tag.format("http://localhost:8700")
    monkeypatch.setenv("WAKELINE_PUBLIC_URL", "https://stats.shop.example/")
    assert run("snippet").output == tag.format("https://stats.shop.example")


@pytest.mark.parametrize(
    ("options", "environ", "lines"),
    [
        pytest.param(
            ["--full"],
            {},
            ['<script defer src="URL/wakeline.full.js" data-site="shop" data-consent="off"></script>'],
            id="full",
        ),
        pytest.param(
            ["--vitals"],
            {},
            [
                '<script defer src="URL/wakeline.js" data-site="shop" data-consent="off"></script>',
                '<script defer src="URL/wakeline.vitals.js"></script>',
            ],
            id="vitals beside the core",
        ),
        pytest.param(
            ["--consent", "tcf"],
            {"WAKELINE_SCRIPT_PATH": "/s.js"},
            [
                '<script defer src="URL/s.js" data-site="shop" data-consent="off"></script>',
                '<script defer src="URL/s.consent.js" data-from="tcf"></script>',
            ],
            id="a consent platform",
        ),
        pytest.param(
            ["--datalayer", "--full"],
            {},
            [
                '<script defer src="URL/wakeline.full.js" data-site="shop" data-consent="off"></script>',
                '<script defer src="URL/wakeline.datalayer.js" data-layer="dataLayer"></script>',
            ],
            id="a data layer",
        ),
        pytest.param(
            ["--datalayer", "shopLayer"],
            {"WAKELINE_SCRIPT_PATH": "/s.js"},
            [
                '<script defer src="URL/s.js" data-site="shop" data-consent="off"></script>',
                '<script defer src="URL/s.datalayer.js" data-layer="shopLayer"></script>',
            ],
            id="a data layer of another name",
        ),
        pytest.param(
            ["--pinned", "--vitals"],
            {},
            [
                '<script defer src="URL/wakeline.1.2.3.js" data-site="shop" data-consent="off" integrity="sha384-a+b/"'
                ' crossorigin="anonymous"></script>',
                '<script defer src="URL/wakeline.vitals.1.2.3.js" integrity="sha384-c="'
                ' crossorigin="anonymous"></script>',
            ],
            id="pinned to a version",
        ),
        pytest.param(
            ["--full"],
            {"WAKELINE_SCRIPT_PATH": "/assets/s.js", "WAKELINE_ENDPOINT_PATH": "/e"},
            [
                '<script defer src="URL/assets/s.full.js" data-site="shop" data-consent="off"'
                ' data-endpoint="URL/e"></script>'
            ],
            id="paths of one's own",
        ),
        pytest.param(
            [],
            {"WAKELINE_PUBLIC_URL": "https://shop.example/stats/"},
            [
                '<script defer src="https://shop.example/stats/wakeline.js" data-site="shop" data-consent="off"'
                ' data-endpoint="https://shop.example/stats/v1/events"></script>'
            ],
            id="below a path of the site",
        ),
    ],
)
def test_the_line_to_paste_is_the_one_that_was_asked_for(
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    options: list[str],
    environ: dict[str, str],
    lines: list[str],
) -> None:
    hashes = {"wakeline": "sha384-a+b/", "wakeline.full": "sha384-x", "wakeline.vitals": "sha384-c="}
    published = {"current": "1.2.3", "released": [], "versions": {"1.2.3": hashes}}
    (tmp_path / "sri.json").write_text(json.dumps(published))
    monkeypatch.setattr("wakeline.scripts.FOLDER", tmp_path)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    expected = [line.replace("URL", "http://127.0.0.1:8700") for line in lines]
    assert run("snippet", *options).output.splitlines() == expected


# ---- what reads and writes Redis ------------------------------------------------------------------

VISITOR = "v" * 22


@pytest.fixture
def filled(redis_server: Any) -> str:
    """URL of a server with one visitor's profile."""
    lane = lane_of("shop", VISITOR, 16)
    now = time.time_ns() // 1_000_000
    session = json.dumps({"start": now - 65_000, "last": now, "page_views": 2, "page": "/shoes/red", "entry": "/"})
    fields = {"first_seen": now - 90_000_000, "last_seen": now, "visits": 3, "page_views": 7, "session": session}

    async def fill() -> None:
        async with connect(redis_server.url) as redis:
            await open_deployment(redis, Settings())
            await redis.hset(keys.Keys().profile(lane, "shop", VISITOR), mapping=fields)
            await redis.zadd(keys.Keys().interests(lane, "shop", VISITOR), {"shoes": 4.0, "[b]hats": 1.0})

    asyncio.run(fill())
    return str(redis_server.url)


def test_profile_is_readable(run: Run, filled: str) -> None:
    result = run("profile", VISITOR, "--redis", filled)
    assert result.exit_code == 0
    for words in (
        VISITOR,
        "on the site since 1 min 5 s",
        "on /shoes/red",
        "3 visits, 7 page views",
        "shoes",
        "[b]hats",
        "4.0",
    ):
        assert words in result.output


def test_profile_as_json_is_what_the_reader_returns(run: Run, filled: str) -> None:
    found = json.loads(run("profile", VISITOR, "--json", "--redis", filled).output)
    assert (found["id"], found["visits"], found["session"]["page"]) == (VISITOR, 3, "/shoes/red")
    assert found["interests"][0]["name"] == "shoes"


def test_profile_of_a_customer_is_found_by_the_sites_own_id(run: Run, filled: str) -> None:
    result = run("profile", "c1", "--customer", "--redis", filled)
    assert result.exit_code == 1
    assert f'no profile of customer "c1" ({customer_id(SECRET, "c1")})' in result.output.replace("\n", " ")


@pytest.mark.parametrize("number", ["A1001", "T-2026-1001"])
def test_where_a_number_is_nobodys_the_flags_for_numbers_are_named(run: Run, filled: str, number: str) -> None:
    result = run("profile", "show", number, "--redis", filled)
    assert result.exit_code in (1, 2)
    assert "use --customer for your own customer ids, --order for an order's number" in result.output
    assert "use --customer" not in run("profile", "show", number, "--customer", "--redis", filled).output


def test_profile_on_a_server_that_was_never_used_says_so(run: Run, redis_server: Any) -> None:
    result = run("profile", VISITOR, "--redis", redis_server.url)
    assert result.exit_code == 1
    assert "no data has been collected" in result.output


def test_a_reader_that_goes_away_is_no_error_of_the_server(tmp_path: Path, filled: str) -> None:
    """As in `wakeline profile ... --watch | head -1`."""
    (tmp_path / "wakeline.toml").write_text(FILE)
    command = [sys.executable, "-m", "wakeline", "profile", VISITOR, "--json", "--redis", filled]
    path = str(Path(__file__).parent.parent)
    gone, write = os.pipe()
    os.close(gone)
    said = subprocess.run(
        command, cwd=tmp_path, stdout=write, stderr=subprocess.PIPE, env={"PYTHONPATH": path}, text=True
    )
    os.close(write)
    assert "Redis" not in said.stderr


def test_watch_shows_what_changes_until_it_is_stopped(tmp_path: Path, filled: str) -> None:
    (tmp_path / "wakeline.toml").write_text(FILE)
    command = [sys.executable, "-m", "wakeline", "profile", VISITOR, "--watch", "--json", "--redis", filled]
    path = str(Path(__file__).parent.parent)
    watching = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True, env={"PYTHONPATH": path})
    assert watching.stdout is not None
    with watching.stdout as lines:
        assert json.loads(next(lines))["visits"] == 3

        async def another_visit() -> None:
            async with connect(filled) as redis:
                await redis.hset(keys.Keys().profile(lane_of("shop", VISITOR, 16), "shop", VISITOR), "visits", 4)

        asyncio.run(another_visit())
        assert json.loads(next(line for line in lines if json.loads(line)["visits"] != 3))["visits"] == 4
        watching.send_signal(2)
        watching.wait(40)
    assert watching.returncode == 0


OTHER = customer_id(SECRET, "c1")


def in_the_log(url: str) -> dict[int, Any]:
    """What the log holds, by lane."""

    async def read() -> dict[int, Any]:
        log = RedisStreamsLog(url, 16)
        try:
            return await log.read(dict.fromkeys(range(16), 0), limit=10, wait_ms=0)
        finally:
            await log.close()

    return asyncio.run(read())


@pytest.mark.parametrize(
    ("arguments", "id"),
    [
        pytest.param([VISITOR], VISITOR, id="visitor"),
        pytest.param(["c1", "--customer", "--anyway"], OTHER, id="customer by the site's own id"),
        pytest.param([OTHER, "--anyway"], OTHER, id="customer by its pseudonym"),
        pytest.param(["@al", "--customer", "--anyway"], customer_id(SECRET, "@al"), id="own id that begins with @"),
        pytest.param(
            [OTHER, "--customer", "--anyway"], customer_id(SECRET, OTHER), id="own id that looks like a pseudonym"
        ),
        pytest.param(["a b/c:d", "--customer", "--anyway"], customer_id(SECRET, "a b/c:d"), id="own id of many signs"),
        pytest.param(["~" + "a" * 32, "--anyway"], "~" + "a" * 32, id="visitor of one day"),
    ],
)
def test_erase_is_a_record_in_the_lane_of_the_id(run: Run, filled: str, arguments: list[str], id: str) -> None:
    before = time.time_ns() // 1_000_000
    assert run("erase", *arguments, "--yes", "--redis", filled).exit_code == 0

    ((lane, (entry,)),) = in_the_log(filled).items()
    record = decode_record(entry.value)
    assert lane == lane_of("shop", id, 16)
    assert isinstance(record, Erase)
    assert (record.site, record.id) == ("shop", id)
    assert before <= record.time <= entry.time + 1


def test_check_before_the_first_start_warns_only(run: Run) -> None:
    """As the README has it: check, then up."""
    result = run("check", "--embedded-port", str(free_port()))
    assert (result.exit_code, "the embedded server is not running yet" in result.output) == (0, True), result.output
    assert "✗" not in result.output


def test_check_of_a_fit_server_says_so(run: Run, filled: str) -> None:
    result = run("check", "--redis", filled)
    assert result.exit_code == 0
    assert "appendfsync always" in result.output
    assert "✗" not in result.output


# ---- a profile for the terminal ---------------------------------------------------------------------------------


def test_a_hostile_name_is_shown_as_it_is() -> None:
    """Interests, sources and paths come from outside: markup in them is text."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    evil = "[red]x[/]\x1b[2J"
    profile = Profile(
        site="shop",
        id=VISITOR,
        customer=None,
        visitors=(),
        first_seen=now - timedelta(days=9),
        last_seen=now,
        visits=1,
        page_views=1,
        engaged_seconds=61,
        events=0,
        session=Session(
            started=now, last=now, page_views=1, engaged_seconds=0, entry=evil, page=evil, source=evil, campaign=""
        ),
        first_source=Source(evil, evil),
        last_source=Source("", ""),
        device=evil,
        browser="",
        os="",
        country="",
        interests=(Interest(evil, 2.0),),
    )
    stream = StringIO()
    Console(file=stream, force_terminal=True, width=120, color_system="standard", highlight=False).print(
        profile_view(profile, now=now)
    )
    shown = stream.getvalue()
    assert shown.count("[red]x[/]") == 6
    assert "\x1b[2J" not in shown
    assert "last" not in shown.partition("came from")[2].partition("device")[0]  # nothing is known of it
    assert "9 days" in shown


def test_an_anonymous_visitor_has_no_profile() -> None:
    shown = CliRunner().invoke(main, ["profile", "show", "~" + "a" * 32])
    assert shown.exit_code == 1
    assert "anonymous visitors have no profile" in shown.output


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.6, "1 min 0 s"), (3_599, "59 min 59 s"), (3_600, "1 h 0 min"), (172_800, "2 days")],
)
def test_durations_are_said_in_two_units_at_most(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_long_values_are_cut_in_messages() -> None:
    assert len(quoted("x" * 1_000)) < 70


# ---- logs -----------------------------------------------------------------------------------------

LOGGING = """
import logging, sys
from wakeline import logs
logs.configure(sys.argv[1], sys.argv[2])
logging.getLogger("wakeline.collector").info("listening on %d", 8700)
logging.getLogger("wakeline.collector").debug("not this")
logging.getLogger("aiohttp.access").info("nor this")
logging.getLogger("faust").info("nor this")
logging.getLogger("faust.app").warning("but this")
try:
    1 / 0
except ZeroDivisionError:
    logging.getLogger("wakeline.collector").exception("a bug")
"""


def logged(*arguments: str, **environ: str) -> list[str]:
    path = str(Path(__file__).parent.parent)
    done = subprocess.run(
        [sys.executable, "-c", LOGGING, *arguments],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": path} | environ,
    )
    return done.stderr.splitlines()


def test_text_logs_name_time_service_and_level() -> None:
    first, second, third, *trace = logged("text", "collector")
    assert first[2] == ":"
    assert first[13:] == "collector INFO    listening on 8700"
    assert second[13:] == "collector WARNING faust.app: but this"
    assert third[13:] == "collector ERROR   a bug"
    assert trace[-1] == "    ZeroDivisionError: division by zero"


def test_under_up_the_service_is_left_to_the_supervisor_to_name() -> None:
    assert logged("text", "")[0][13:] == "INFO    listening on 8700"


def test_colours_only_where_they_help() -> None:
    assert "\x1b[" not in logged("text", "api")[0]
    assert "\x1b[32mINFO" in logged("text", "api", FORCE_COLOR="1")[0]
    assert "\x1b[" not in logged("text", "api", FORCE_COLOR="1", NO_COLOR="1")[0]


def test_json_logs_are_one_object_a_line() -> None:
    first, second, third = (json.loads(line) for line in logged("json", "collector"))
    assert (first["service"], first["level"], first["message"]) == ("collector", "info", "listening on 8700")
    assert datetime.fromisoformat(first["time"]).tzinfo is UTC
    assert second["logger"] == "faust.app"
    assert "ZeroDivisionError" in third["error"]


def test_json_logs_hold_what_no_encoding_can() -> None:
    record = logging.LogRecord("wakeline.x", logging.INFO, "", 0, "lone \ud800 surrogate\nand a line", (), None)
    assert "\n" not in logs.JsonLines("x").format(record)


MISSING: dict[str, list[str]] = {
    "a visitor": ["w" * 22],
    "a customer": ["c1", "--customer"],
    "a customer whose own id begins with @": ["@alice", "--customer"],
    "a customer whose own id is another's pseudonym": [OTHER, "--customer"],
    "a visitor's id as a customer's": [VISITOR, "--customer"],
}


@pytest.mark.parametrize("name", MISSING)
def test_who_is_missing_is_said_to_be_missing(run: Run, filled: str, name: str) -> None:
    for command, words in (("erase", "is unknown on site"), ("profile", "there is no profile of")):
        said = run(command, *MISSING[name], *(["--yes"] if command == "erase" else []), "--redis", filled)
        assert (said.exit_code, words in said.output) == (1, True), said.output
    assert not in_the_log(filled)


@pytest.mark.parametrize(
    "words",
    [("erase", VISITOR), ("dead-letters", "drop", "--all"), ("adopt-log",)],
    ids=lambda words: " ".join(words[:2]),
)
def test_what_cannot_be_taken_back_is_not_done_unasked(run: Run, filled: str, words: tuple[str, ...]) -> None:
    """Without a terminal nobody can be asked: what is piped in is no answer."""
    for piped in ("n\n", "y\n", ""):
        said = run(*words, "--redis", filled, input=piped)
        assert (said.exit_code, "this cannot be undone: add --yes" in said.output) == (2, True), said.output
    assert not in_the_log(filled)


@pytest.mark.parametrize("command", ["erase", "profile"])
def test_a_customer_is_named_as_typed(run: Run, filled: str, command: str) -> None:
    said = run(command, "no\x1bbody", "--customer", *(["--yes"] if command == "erase" else []), "--redis", filled)
    assert f'customer "no\N{REPLACEMENT CHARACTER}body" ({customer_id(SECRET, "no" + chr(27) + "body")})' in said.output


def test_who_was_forgotten_already_is_told_apart_from_nobody(run: Run, filled: str) -> None:
    async def forget() -> None:
        async with connect(filled) as redis:
            lane = lane_of("shop", "w" * 22, 16)
            await redis.set(keys.tombstone(lane, "shop", "w" * 22), 7)

    asyncio.run(forget())
    said = run("erase", "w" * 22, "--yes", "--redis", filled)
    assert (said.exit_code, "was erased before" in said.output) == (0, True)
    assert len(in_the_log(filled)) == 1


NOBODYS: dict[str, list[str]] = {
    "empty": [""],
    "short": ["v"],
    "long": ["v" * 37],
    "a slash": ["visitor/1"],
    "a colon": ["visitor:1"],
    "a space": ["visitor 1"],
    "a line break at the end": [VISITOR + "\n"],
    "a control character": ["visitor\x1b1"],
    "@ and no hash": ["@alice"],
    "@ and a hash in capitals": ["@" + "A" * 32],
    "@ and a hash too long": ["@" + "a" * 33],
    "@ alone": ["@"],
    "~ and no hash": ["~alice-of-today"],
    "of a customer, empty": ["", "--customer"],
    "of a customer, too long": ["c" * 257, "--customer"],
    "of a customer, no UTF-8": ["caf\udce9", "--customer"],
}


@pytest.mark.parametrize("command", ["erase", "profile", "sign"])
@pytest.mark.parametrize("name", NOBODYS)
def test_an_id_that_nobody_can_have_is_refused(run: Run, filled: str, command: str, name: str) -> None:
    """Before anything is asked or written. What is signed is always the site's own id."""
    if command == "sign":
        if "--customer" in NOBODYS[name]:
            assert run(command, NOBODYS[name][0]).exit_code == 2
        return
    said = run(command, *NOBODYS[name], "--redis", filled)
    assert said.exit_code == 2, said.output
    assert "Traceback" not in said.output
    assert "\x1b" not in said.output
    assert not in_the_log(filled)


def test_a_command_that_is_misspelt_is_named(run: Run) -> None:
    said = run("campagins")
    assert said.exit_code == 2
    assert "Did you mean 'campaigns'?" in said.output
    assert "Did you mean" not in run("zzzzzz").output
