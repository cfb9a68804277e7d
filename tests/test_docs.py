"""The README, the docs, the example settings and the Makefile agree with the code."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
import pytest

from benchmarks.children import ROOT
from collector.agreed import PATIENCE_S
from collector.campaigns import OF_A_WRITE
from collector.folded import MOST_S
from crm.commerce.claims import MOST_BOUGHT
from crm.identity.aliases import MOST_ALIASES
from crm.identity.forgetting import MAX_VISITORS
from crm.identity.turns import LATELY_MS, MAX_LATELY, MAX_TURNS
from crm.visits.sources import MAX_NAME as VISITS_LETTERS
from ops.cli import main
from processor.naming import UNLINKED_AT_ONCE
from tests.prometheus import RULES
from wakeline import planned
from wakeline.account import CONTACTS_MS, MOST_CONTACTS, MOST_ORDERS
from wakeline.config import load
from wakeline.config.campaigns import MOST_LETTERS
from wakeline.config.rules import ports
from wakeline.definitions import (
    CART_GAP_MS,
    CREDIT_MODELS,
    LATE_MS,
    MAX_CART_ITEMS,
    MOST_TOUCHES,
    SCANNED_MS,
    SETTLED_MS,
    TOUCHED_MS,
)
from wakeline.durations import DAY_MS, MINUTE_MS
from wakeline.mailing import making, wire
from wakeline.mailing.token import MAX_TOKEN
from wakeline.memory import COUNT_ONLY, REFUSE, SLACK
from wakeline.numbers import TARGETED
from wakeline.settings import (
    NO_DAY,
    CampaignRule,
    DayCostRule,
    Described,
    InterestRule,
    MarginRule,
    PageGroupRule,
    SegmentRule,
    Settings,
    Site,
    TargetRule,
    described,
)
from wakeline.vocabulary.fields import ELEMENTS
from wakeline.vocabulary.sources import CLASSES, CLICK_IDS

README = (ROOT / "README.md").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()
EXAMPLE = ROOT / "wakeline.example.toml"
DOCS = [path.relative_to(ROOT) for path in sorted((ROOT / "docs").glob("*.md"))]
ALERTS = (ROOT / "docs/alerts.md").read_text()
HEAD = "| setting | default | meaning |\n|---|---|---|\n"


Kind = Described
KINDS = [Settings, Site, InterestRule, PageGroupRule, MarginRule, CampaignRule, DayCostRule, SegmentRule, TargetRule]


def table(kind: Kind) -> str:
    return HEAD + "".join(f"| `{name}` | {shown(default)} | {help} |\n" for name, default, help in described(kind))


def shown(default: Any) -> str:
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    return f"`{default}`" if default not in ("", (), None, NO_DAY) else ""


FIRST, SECOND = f"{COUNT_ONLY * 100:g} %", f"{REFUSE * 100:g} %"
THRESHOLDS = {
    # Sentences that state the memory use above which new visitors are only counted, or events are refused.
    "docs/replay.md": (f"Above {FIRST} of the server's `maxmemory` new visitors are only counted, above {SECOND}",),
    "docs/upgrading.md": (
        f"If the data exceed {SECOND} of that, events are answered 503",
        f"above {FIRST} new visitors are only counted. `wakeline up`",
    ),
    "docs/alerts.md": (f"| {FIRST} of the server's memory", f"| {SECOND} of it"),
    "SECURITY.md": (
        f"| {FIRST}, or expected",
        f"| {SECOND}, or (with",
        f"| {(REFUSE - SLACK) * 100:g} %, {(COUNT_ONLY - SLACK) * 100:g} % | when usage falls",
    ),
    "docs/redis.md": (f"it creates no new profiles above {FIRST}, and answers 503 above {SECOND}",),
    "docs/scale.md": (f"above {FIRST} the collector creates no new profiles, above {SECOND} it answers 503",),
}

WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]


def listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


MINUTES = f"{WORDS[LATELY_MS // MINUTE_MS]} minutes"
BOUNDS = {
    # Sentences that state how much is kept of a person, or how long something takes.
    "README.md": (f"its profile lists the latest {MAX_VISITORS}",),
    "docs/architecture.md": (
        f"its state keeps the {WORDS[MAX_TURNS - 1]} before it",
        f"at most {MAX_LATELY} records of the last {MINUTES} of log time",
        f"the list in its profile has the latest {MAX_VISITORS}",
        f"folds such a record in parts of {UNLINKED_AT_ONCE}",
        f"An id keeps at most {MOST_ALIASES} others with it",
    ),
    "docs/campaigns.md": (
        f"that began in the {TOUCHED_MS // DAY_MS} days before it",
        f"is settled {SETTLED_MS // (60 * MINUTE_MS)} hours after Wakeline first heard",
        f"the latest {WORDS[MOST_TOUCHES]} visits that a campaign brought",
        f"a campaign of more than {MOST_LETTERS['id']} characters | a visit keeps the first {VISITS_LETTERS}",
        f"{planned.MOST_BYTES // 1024} KB for a campaign, {planned.MOST_TOLD} ids of a site",
        f"{planned.MOST_BYTES_OF_SITE // 1024} KB for all of them",
        f"counts as {OF_A_WRITE} events of the key's",
        f"| {listed(ELEMENTS)} | `element` of what was sent |",
        *(f"| `{model}` | " for model in CREDIT_MODELS),
    ),
    "docs/history.md": (
        f"to the last {WORDS[MAX_TURNS]}, and interests",
        f"the same, also within {SCANNED_MS // 1_000} seconds of the sending",
        f"`hour`, {listed(ELEMENTS)}; `planned`",
        f"| `model` | VARCHAR | {listed(CREDIT_MODELS)} |",
    ),
    "docs/links.md": (
        f"a click within {SCANNED_MS // 1_000} seconds of the sending",
        f"for at most {MOST_S * 1000:g} ms: the page that follows",
        f"it cannot be asked within {PATIENCE_S:g} seconds",
        f"up to {wire.MAX_MAILS} mails in one request",
        f"| up to {making.MOST_LINKS}: `url`",
        f"count no more: {making.DAYS} |",
        f"may have {MAX_TOKEN:,} characters",
        ", ".join(f'"{name}": ...' for name in ELEMENTS),
    ),
    "docs/orders.md": (
        f"nothing was told for {CART_GAP_MS // MINUTE_MS} minutes",
        f"at most the latest {MAX_CART_ITEMS}",
        f"than {WORDS[LATE_MS // DAY_MS]} days ago no longer changes",
        f"The latest {MOST_ORDERS} orders",
    ),
    "docs/privacy.md": (
        f"whose its last {WORDS[MAX_TURNS]} turns were",
        f"of its last {MAX_LATELY} records of the last {MINUTES}",
        f"claims its latest {WORDS[MOST_BOUGHT]} orders",
    ),
    "docs/profiles.md": (f"ids of the linked visitors, the latest {MAX_VISITORS}",),
    "docs/servers.md": (
        f"your contacts of the last {CONTACTS_MS // DAY_MS} days over all channels",
        f"Of more than {MOST_CONTACTS} the latest {MOST_CONTACTS} count",
        f"- interval {CONTACTS_MS // DAY_MS} days and customer is not null",
    ),
    "docs/snippet.md": (
        f"arrived in the last {MINUTES} and are among the visitor's last {MAX_LATELY} records",
        f"The last {WORDS[MAX_TURNS]} turns are kept",
    ),
}


@pytest.mark.parametrize(("name", "stated"), [*THRESHOLDS.items(), *BOUNDS.items()])
def test_the_thresholds_are_those_of_the_code(name: str, stated: tuple[str, ...]) -> None:
    text = " ".join((ROOT / name).read_text().split())
    assert [words for words in stated if words not in text] == []


@pytest.mark.parametrize("kind", KINDS)
def test_the_settings_tables_are_the_settings(kind: Kind) -> None:
    assert table(kind) in (ROOT / "docs/settings.md").read_text(), f"paste into docs/settings.md:\n{table(kind)}"


@pytest.mark.parametrize("path", [Path("README.md"), EXAMPLE.relative_to(ROOT), *DOCS], ids=str)
def test_every_command_that_is_named_exists(path: Path) -> None:
    text = (ROOT / path).read_text()
    named = set(re.findall(r"(?:^ *|`)make ([a-z-]+)", text, re.MULTILINE))
    targets = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
    assert named <= targets
    for line in re.findall(r"(?:^ *|`)(wakeline [a-z][^`\n#]*)", text, re.MULTILINE):
        command: click.Command = main
        words = line.split()[1:]
        while isinstance(command, click.Group) and words:
            command = command.commands[words.pop(0)]
        options = {"--help"} | {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= options, line


def test_every_visible_command_and_target_is_in_the_readme() -> None:
    for name, command in main.commands.items():
        assert command.hidden or f"wakeline {name}" in README, name
    for target in re.findall(r"^([a-z-]+):.*##", MAKEFILE, re.MULTILINE):
        assert target in ("help", "format", "clean") or f"make {target}" in README, target


def test_help_lists_every_target_with_a_description() -> None:
    phony = re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)[0].split()
    assert set(phony) - {"needs"} == set(re.findall(r"^([a-z-]+):.*##", MAKEFILE, re.MULTILINE))


def test_ports_in_the_readme_are_the_default_ones() -> None:
    known = {port for _, port in ports(Settings())} | {3000, 9092}  # those of Grafana and Kafka
    named = {int(port) for port in re.findall(r"(?:127\.0\.0\.1|localhost)?:(\d{4})\b", README)}
    assert named <= known


def test_every_file_that_the_readme_names_is_there() -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", README):
        assert link.startswith("http") or (ROOT / link).exists(), link
    for path in re.findall(r"`([a-z]+/)`", README):
        assert path == "data/" or (ROOT / path).is_dir(), path


def test_the_python_example_runs_as_far_as_it_can_without_a_server() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    compile(code, "README.md", "exec")
    from wakeline.profiles import Profile

    assert set(re.findall(r"profile\.(\w+)", code)) <= set(Profile.__struct_fields__)


@pytest.mark.parametrize("is_full", [False, True], ids=["as it is", "with everything switched on"])
def test_the_example_is_a_valid_configuration(tmp_path: Path, is_full: bool) -> None:
    text = EXAMPLE.read_text()
    if is_full:
        text = re.sub(r'^# (\w+ = (?:["\[\d]|true|false))', r"\1", text, flags=re.MULTILINE)
        (tmp_path / "GeoLite2-Country.mmdb").write_bytes(b"")
    (tmp_path / "wakeline.toml").write_text(text)
    config = load(tmp_path / "wakeline.toml", {}, {})
    assert set(config.sites) == {"shop"}
    if is_full:
        site = config.sites["shop"]
        unset = {name for name, default, _ in described(Site) if getattr(site, name) == default and name != "consent"}
        assert not unset


def test_every_alert_is_explained_and_no_other() -> None:
    """docs/alerts.md is the table of the rules, in their order: those for operators first."""
    rules = "".join(file.read_text() for file in RULES)
    alerts = re.findall(r"- alert: (\w+)\n.*?severity: (\w+)", rules, re.DOTALL)
    assert len(alerts) == rules.count("- alert:")
    lines = re.findall(r"^\| `(\w+)` \| (\w+) \| (.+) \| (.+) \|$", ALERTS, re.MULTILINE)
    assert [(name, severity) for name, severity, *_ in lines] == alerts


@pytest.mark.parametrize("path", [Path("README.md"), Path("SECURITY.md"), *DOCS], ids=str)
def test_every_alert_that_is_named_exists(path: Path) -> None:
    assert set(re.findall(r"\bWakeline[A-Z]\w+", (ROOT / path).read_text())) <= set(re.findall(r"Wakeline\w+", ALERTS))


@pytest.mark.parametrize("path", [Path("README.md"), Path("SECURITY.md"), *DOCS], ids=str)
def test_every_link_leads_somewhere(path: Path) -> None:
    for link in re.findall(r"\]\(([^)]+)\)", (ROOT / path).read_text()):
        if link.startswith("http"):
            continue
        file, _, heading = link.partition("#")
        target = ROOT / path.parent / file if file else ROOT / path
        assert target.exists(), link
        assert not heading or heading in headings(target.read_text()), link


def headings(text: str) -> set[str]:
    """As links name them."""
    return {
        re.sub(r"[^\w -]", "", line).replace(" ", "-") for line in re.findall(r"^#+ (.*)", text.lower(), re.MULTILINE)
    }


def test_continuous_integration_runs_what_a_person_runs() -> None:
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    assert "make test" in script.read_text()


def test_hidden_commands_are_only_what_up_starts() -> None:
    hidden = {name for name, command in main.commands.items() if command.hidden}
    assert hidden == {"demo", "simulator"}
    assert isinstance(main, click.Group)


def test_the_classes_of_sources_are_those_of_the_code() -> None:
    text = (ROOT / "docs/sources.md").read_text()
    assert [row for name, came in CLASSES.items() if (row := f"| `{name}` | {came} |") not in text] == []
    *others, last = (f"`{name}`" for name in CLASSES)
    assert f"{', '.join(others)} or {last}: [sources.md]" in (ROOT / "docs/history.md").read_text()
    of_class: dict[str, list[str]] = {}
    for name, said in CLICK_IDS.items():
        of_class.setdefault(said.source_class, []).append(f"`{name}`")
    for source_class, names in of_class.items():
        first = f"`{source_class}` | " if source_class else "too | "
        assert f"{first}{', '.join(names)} |" in text


def test_the_numbers_of_targets_are_listed() -> None:
    lines = "".join(f"| `{name}` | {number.help} |\n" for name, number in TARGETED.items())
    wanted = f"| number | meaning |\n|---|---|\n{lines}"
    assert wanted in (ROOT / "docs/settings.md").read_text(), f"paste into docs/settings.md:\n{wanted}"
