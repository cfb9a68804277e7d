"""Text that could execute, control or deceive, shown in a browser, a terminal, a log, a table or a metric."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import re
import subprocess
import sys
import unicodedata
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import quote

import msgspec

from benchmarks.children import ROOT, child_environ
from benchmarks.waiting import until
from tests.abuse.stage import SERVICES, Stage
from tests.abuse.wire import ORIGIN, SITE, envelope, event, flood, now_ms, request
from tests.browser import CHROMIUM, running_browser
from tests.faults.outcome import Outcome
from tests.integration.kill.books import LANES
from tests.integration.kill.services import AS_INSTALLED
from wakeline.lanes import lane_of
from wakeline.record import Event, encode_record

VISITOR = "visitor-hostile"
MARK = "pwned"
HOSTILE = (
    "<script>pwned=1</script>",
    "<img src=x onerror=pwned=1>",
    "\"'><svg onload=pwned=1>",
    "javascript:pwned=1",
    "</title></textarea></script><script>pwned=1</script>",
    "${pwned=1}{{pwned=1}}[[pwned=1]]",
    "\x1b]0;pwned\x07\x1b[31;5mpwned\x1b[2J\x9b5mpwned",
    "\u202epwned\u2066\u200f\u061c",
    'pwned"} 1\nwakeline_pwned_total 7\n# pwned',
    "pwned\n12:00:00.000 collector INFO    pwned\r\n",
    '=HYPERLINK("http://pwned.example",1)',
    "+pwned|' /C calc'!A0",
    "@SUM(pwned)",
    "-1+pwned|x",
    "\t=pwned()",
    "[red]pwned[/red][link=http://pwned.example]pwned[/link]",
    "pwned\x00\x7f\ud7ff\ufeff",
)
FORBIDDEN = ("\x1b]", "\x1b[31;5m", "\x1b[2J", "\x07", "\x9b", "\x00", "\x7f", "\u202e", "\u2066", "\u200f", "\u061c")
FORMULA = re.compile(r"\s*[=+\-@]")
IDS = re.compile(r"[@~-]?[\w-]*")
LOG_LINE = re.compile(r"\d\d:\d\d:\d\d\.\d{3} (collector|processor|archiver|api) |    |Traceback |$")
DASHBOARDS = ROOT / "dashboards" / "grafana"


async def texts(stage: Stage, outcome: Outcome) -> None:
    """Sent through the public port, and written directly to the log: both are inert for viewers."""
    await stage.start(*SERVICES)
    answers = await flood(stage.port, [_sent(text) for text in HOSTILE])
    _append(stage, SITE)
    await stage.settle()
    told = {name: stage.told(name) for name in SERVICES}  # raises where it cannot be parsed
    await until(lambda: MARK in str(stage.told("api")), "the metrics show it")
    labels = [value for name in SERVICES for _, pairs in stage.told(name) for _, value in pairs]
    names = {name for samples in told.values() for name, _ in samples}
    outcome.is_exactly("requests not answered 202", len(HOSTILE) - answers[202], 0)
    outcome.is_exactly("metrics: control characters", sum(map(_controls, labels)), 0)
    outcome.is_exactly("metrics: names made up", sum(MARK in name for name in names), 0)
    await until(lambda: any((stage.data / "archive").rglob("*lane=*/*")), "the history is sealed")
    await asyncio.sleep(2)
    await _terminal(stage, outcome)
    await _table(stage, outcome)
    lines = [line for words in stage.logs().values() for line in words.split("\n")]
    outcome.is_exactly("logs: lines that are not ours", sum(not LOG_LINE.match(line) for line in lines), 0)
    outcome.is_exactly("logs: control characters", sum(map(_controls, lines)), 0)
    outcome.is_exactly("dashboards: links and HTML", sum(map(_links, DASHBOARDS.rglob("*.json"))), 0)


async def _terminal(stage: Stage, outcome: Outcome) -> None:
    place = ("--config", str(stage.config))
    redis = ("--redis", stage.server.url)
    history = ("--archive", str(stage.data / "archive"))
    commands = (
        ("profile", VISITOR, "--site", SITE, *redis), ("profile", VISITOR, "--site", SITE, "--json", *redis),
        ("query", "from events", *history), ("query", "from events", "--json", *history),
        ("query", "from events", "--csv", *history),
        ("dead-letters", "list", *redis), ("dead-letters", "list", "--json", *redis),
    )  # fmt: skip
    steered = []
    shows = 0
    for command in commands:
        shown = await asyncio.to_thread(_on_a_terminal, [*command, *place], stage.folder)
        shows += MARK in shown
        if any(each in shown for each in FORBIDDEN):
            steered.append(" ".join(command[:3]))
    outcome.is_exactly("terminal: commands that show it", shows, len(commands))
    outcome.is_exactly("terminal: commands that it steers", len(steered), 0)
    for words in steered:
        outcome.note(f"a terminal is steered by: wakeline {words}")


async def _table(stage: Stage, outcome: Outcome) -> None:
    asked = ("query", "select *, unnest(map_values(query)) as value from events", "--csv")
    shown = await stage.command(*asked, "--archive", str(stage.data / "archive"))
    cells = [cell for row in csv.reader(io.StringIO(shown)) for cell in row]
    formulas = [cell for cell in cells if FORMULA.match(cell) and not IDS.fullmatch(cell)]
    outcome.at_least("CSV: cells that hold it", sum(MARK in cell for cell in cells), len(HOSTILE))
    outcome.is_exactly("CSV: formulas", len(formulas), 0)
    for cell in formulas[:3]:
        outcome.note(f"a formula: {cell!r}")


def _on_a_terminal(words: list[str], folder: Path) -> str:
    """The output of `wakeline <words>` on a terminal."""
    master, slave = os.openpty()
    environ = child_environ(TERM="xterm-256color", COLUMNS="400", LINES="200")
    with subprocess.Popen(
        [sys.executable, "-c", AS_INSTALLED, *words], stdin=slave, stdout=slave, stderr=slave, env=environ, cwd=folder
    ):
        os.close(slave)
        shown = b""
        try:
            while more := os.read(master, 65_536):
                shown += more
        except OSError:  # nobody writes any more
            pass
    os.close(master)
    return shown.decode(errors="replace")


def _controls(text: str) -> int:
    return sum(unicodedata.category(char) in ("Cc", "Cf") for char in text)


def _links(dashboard: Path) -> int:
    """Number of places where a dashboard could turn a label's value into a link."""
    board = json.loads(dashboard.read_text())
    del board["links"]  # to the other boards, by their tag
    text = json.dumps(board)
    return len(re.findall(r'"url":|"mode": "html"|"targetBlank"', text))


def _sent(text: str) -> bytes:
    printable = "".join(char for char in text if char.isascii() and char.isprintable())
    props = {"text": text, "category": text, "items": [{"category": text, "id": text}], (text[:60] or "x"): text}
    seen = {"visitor": VISITOR, "url": f"{ORIGIN}/{text}?utm_source={text}&utm_campaign={text}#/{text}"}
    events = (
        event(title=text, referrer=f"https://elsewhere.example/{text}", interests=[text], **seen),
        event(type="search", props=props, **seen),
        event(type="purchase", props=props, **seen),
    )
    return request(
        envelope(*events), Referer=printable, User_Agent=f"{printable} (Linux) {printable}bot/1.0 Chrome/138.0"
    )


def _append(stage: Stage, site: str) -> None:
    """Bypasses the collector's cleaning; includes invalid records."""
    for number, text in enumerate(HOSTILE):
        at = now_ms()
        base = {"site": site, "visitor": VISITOR, "n": 0, "time": at, "received": at, "host": "shop.example"}
        traits = {"device": text, "browser": text, "os": text, "country": text, "referrer": text, "title": text}
        query = {"utm_source": text, "utm_campaign": text, text: text}
        view = Event(
            type="page_view", page=f"page-raw-{number:03d}", path=text, query=query,
            interests=[text, f"{number} {text}"], **traits, **base,
        )  # fmt: skip
        custom = Event(
            type=text, page=f"page-cus-{number:03d}", path=text, props={"category": text, text: text}, **traits, **base
        )
        bot = Event(type="page_view", page=f"page-bot-{number:03d}", path=text, bot=text, **base)
        lane = lane_of(site, VISITOR, LANES)
        for record in (view, custom, bot):
            stage.tail.append(lane, encode_record(record))
        stage.tail.append(lane, f"no record: {text}".encode())
        stage.tail.append(lane, encode_record(msgspec.structs.replace(view, site=f"site {text}")))


# ---- a browser ------------------------------------------------------------------------------------

PATHS = (
    "/", "/search?q={}", "/{}", "/lamps/{}", "/account/reset/{}", "/account?next={}", "/?utm_source={}#{}", "/#/{}",
    "/cart?{}={}", "/newsletter?{}",
)  # fmt: skip
MADE = "document.querySelectorAll('svg[onload], img[onerror], a[href^=javascript]').length"
RAN = f"JSON.stringify([typeof pwned, {MADE}])"


async def browser(stage: Stage, outcome: Outcome) -> None:
    """The demo's pages and its panel, in a real Chromium: hostile text is shown as text, and never executes."""
    shop = f"http://localhost:{stage.demo_port}"
    stage.with_demo()
    await stage.start("collector", "processor", "api")
    _append(stage, "demo")
    await stage.settle()
    demo = stage.services["demo"]
    demo.start()
    await until(lambda: _is_open(stage.demo_port), "the shop is open")
    ran, pages = [], 0
    async with running_browser(CHROMIUM) as chromium:
        tab = await chromium.tab()
        await tab.goto(shop + "/")
        await tab.do(
            f"localStorage.setItem('wakeline.id', {VISITOR!r})", "localStorage.setItem('wakeline.consent', 'full')"
        )
        await tab.goto(shop + "/")
        panel = ""
        async with asyncio.timeout(20):
            while MARK not in panel:
                panel = str(await tab.ask("document.getElementById('panel').textContent"))
        if await tab.run(RAN) != '["undefined",0]':
            ran.append("the panel")
        made = await tab.run(
            "document.querySelectorAll('#panel script, #panel img, #panel svg[onload], #panel iframe').length"
        )
        for path in PATHS:
            for text in HOSTILE[:8]:
                pages += 1
                where = path.replace("{}", quote(text, safe=""))
                await tab.goto(shop + where)
                if await tab.run(RAN) != '["undefined",0]':
                    ran.append(where)
    outcome.shows("pages", pages)
    outcome.is_exactly("the panel shows it as text", "<script>" in panel or "onerror" in panel, True)
    outcome.is_exactly("elements that the panel made of it", made, 0)
    outcome.is_exactly("pages where it ran", len(ran), 0)
    for where in ran[:5]:
        outcome.note(f"ran on {where}")


def _is_open(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2):
            return True
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False
