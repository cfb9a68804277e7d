"""The scripts that the collector serves match their sources, are small, have stable hashes and a strict policy."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import brotli
import pytest

from benchmarks.children import ROOT
from benchmarks.snippet import BUDGETS, SCRIPTS
from wakeline.scripts import FOLDER as SERVED
from wakeline.scripts import Kind, integrity_of, published, version_of

SNIPPET = ROOT / "snippet"
PACKAGE = json.loads((SNIPPET / "package.json").read_text())
KINDS = [pytest.param(kind, id=kind) for kind in Kind]


def run(*command: str) -> str:
    done = subprocess.run(command, cwd=SNIPPET, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stdout[-8_000:] + done.stderr[-2_000:]
    return done.stdout


@pytest.fixture(scope="module", autouse=True)
def packages() -> None:
    """The Node packages of the lock file, installed unless they are there."""
    if not (SNIPPET / "node_modules" / ".package-lock.json").exists():
        run("npm", "ci", "--no-audit", "--no-fund")


def unpacked(file: Path) -> bytes:
    """By content: each version of Node packs a little differently."""
    unpack = {".gz": gzip.decompress, ".br": brotli.decompress}.get(file.suffix, bytes)
    return bytes(unpack(file.read_bytes()))


def test_a_fresh_build_changes_nothing_of_what_is_committed(tmp_path: Path) -> None:
    """`make snippet`, then commit. The scripts of earlier versions stay as they are."""
    fresh = tmp_path / "static"
    shutil.copytree(SERVED, fresh)
    run("node", "build.mjs", str(fresh))
    assert {file.name for file in fresh.iterdir()} == {file.name for file in SERVED.iterdir()}
    for file in fresh.iterdir():
        assert unpacked(file) == unpacked(SERVED / file.name), file.name


def test_what_is_compressed_is_the_script_beside_it() -> None:
    for file in SERVED.glob("*.js"):
        for suffix in (".gz", ".br"):
            assert unpacked(file.with_name(file.name + suffix)) == file.read_bytes(), file.name + suffix


# ---- budgets ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_each_script_is_within_its_budget(kind: Kind) -> None:
    script = SERVED / f"{kind}.js"
    assert len(gzip.compress(script.read_bytes(), 9, mtime=0)) <= BUDGETS[kind]
    assert script.with_name(f"{kind}.js.gz").stat().st_size <= BUDGETS[kind]


def test_each_budget_is_a_floor_of_the_benchmarks() -> None:
    assert set(SCRIPTS.values()) == set(BUDGETS)


@pytest.mark.parametrize("guide", ["docs/snippet.md", "snippet/README.md"])
def test_the_guides_name_the_budgets(guide: str) -> None:
    text = (ROOT / guide).read_text()
    assert f"{BUDGETS[Kind.CORE]:,}" in text
    assert f"{BUDGETS[Kind.FULL]:,}" in text


@pytest.mark.parametrize("kind", [Kind.CONSENT, Kind.DATALAYER])
def test_the_guide_names_the_budgets_of_the_small_companions(kind: Kind) -> None:
    assert f"`{kind}.js` (at most {BUDGETS[kind]} bytes)" in (ROOT / "docs/snippet.md").read_text()


def test_a_build_above_a_budget_fails_and_writes_nothing(tmp_path: Path) -> None:
    """With the sources as they are, and a byte too little for one of the scripts."""
    for path in SNIPPET.iterdir():
        if path.name not in ("budgets.json", "dist", "test"):
            (tmp_path / path.name).symlink_to(path)
    for name in ("build.mjs", "bundle.mjs", "published.mjs"):  # a link would be resolved before it is run
        (tmp_path / name).unlink()
        shutil.copy(SNIPPET / name, tmp_path)
    (tmp_path / "budgets.json").write_text(json.dumps(BUDGETS | {Kind.VITALS: 3_000}))
    done = subprocess.run(
        ["node", "build.mjs", "out"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "wakeline.vitals.js" in done.stdout
    assert "above its budget of 3000" in done.stdout
    assert not (tmp_path / "out").exists()


# ---- versions ---------------------------------------------------------------------------------------


def test_every_version_is_served_whole_and_has_the_published_hashes() -> None:
    """A script that was released may never change: pages name its hash, and would refuse it."""
    known = published()
    assert set(known.released) <= set(known.versions)
    pinned = {file.name for file in SERVED.glob("*.js") if version_of(file.name)}
    assert pinned == {f"{kind}.{version}.js" for version in known.versions for kind in Kind}
    for version, hashes in known.versions.items():
        for kind in Kind:
            assert integrity_of((SERVED / f"{kind}.{version}.js").read_bytes()) == hashes[kind], (version, kind)


def test_the_names_without_a_version_are_the_current_one() -> None:
    current = published().current
    assert current == PACKAGE["version"] == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    for kind in Kind:
        assert (SERVED / f"{kind}.js").read_bytes() == (SERVED / f"{kind}.{current}.js").read_bytes()


PUBLISH = """
import { publish } from "./published.mjs";
const [published, version, hashes, releases] = JSON.parse(process.argv[1]);
console.log(JSON.stringify(publish(published, version, hashes, { releases })));
"""
ONE, OTHER = {"wakeline": "sha384-1"}, {"wakeline": "sha384-2"}
NOTHING = {"current": "", "released": [], "versions": {}}
DRAFT = {"current": "0.1.0", "released": [], "versions": {"0.1.0": ONE}}
RELEASED = {"current": "0.1.0", "released": ["0.1.0"], "versions": {"0.1.0": ONE}}


@pytest.mark.parametrize(
    ("before", "version", "hashes", "releases", "after"),
    [
        pytest.param(NOTHING, "0.1.0", ONE, False, DRAFT, id="first"),
        pytest.param(
            DRAFT, "0.1.0", OTHER, False, DRAFT | {"versions": {"0.1.0": OTHER}}, id="changes until it is released"
        ),
        pytest.param(DRAFT, "0.1.0", ONE, True, RELEASED, id="is released"),
        pytest.param(RELEASED, "0.1.0", ONE, False, RELEASED, id="is built again"),
        pytest.param(
            RELEASED,
            "0.2.0",
            OTHER,
            False,
            {"current": "0.2.0", "released": ["0.1.0"], "versions": {"0.1.0": ONE, "0.2.0": OTHER}},
            id="the one before stays",
        ),
        pytest.param(
            DRAFT,
            "0.2.0",
            OTHER,
            False,
            {"current": "0.2.0", "released": [], "versions": {"0.2.0": OTHER}},
            id="what nobody was given goes",
        ),
    ],
)
def test_what_a_build_publishes(
    before: object, version: str, hashes: dict[str, str], releases: bool, after: object
) -> None:
    said = run("node", "--input-type=module", "-e", PUBLISH, json.dumps([before, version, hashes, releases]))
    assert json.loads(said) == after


def test_a_released_version_cannot_be_built_otherwise() -> None:
    with pytest.raises(AssertionError, match=r'raise "version" in package\.json'):
        run("node", "--input-type=module", "-e", PUBLISH, json.dumps([RELEASED, "0.1.0", OTHER, False]))


# ---- under a strict Content-Security-Policy ---------------------------------------------------------

FORBIDDEN = {
    "eval": r"\beval\b",
    "Function from text": r"\bFunction\s*\(",
    "timer from text": r"set(?:Timeout|Interval)\s*\(\s*[\"'`]",
    "markup from text": r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser",
    "styles": r"\.style\b|cssText|insertRule|adoptedStyleSheets|[\"'`]style[\"'`]",
    "elements of its own": r"createElement|appendChild|import\s*\(",
    "unload, which keeps pages out of the back/forward cache": r"(?:before)?unload",
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pattern", [pytest.param(pattern, id=name) for name, pattern in FORBIDDEN.items()])
def test_a_script_does_nothing_that_a_strict_policy_forbids(kind: Kind, pattern: str) -> None:
    assert not re.search(pattern, (SERVED / f"{kind}.js").read_text())


# ---- sources ----------------------------------------------------------------------------------------


def test_the_lock_file_names_no_registry() -> None:
    assert '"resolved"' not in (SNIPPET / "package-lock.json").read_text()


def test_the_types_hold() -> None:
    run("node", "node_modules/typescript/bin/tsc", "--noEmit")


def test_the_unit_tests_pass() -> None:
    run("node", "--test", *sorted(str(path) for path in (SNIPPET / "test").glob("*.test.mjs")))
