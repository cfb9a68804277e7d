"""The packed npm package: its files, its import without side effects, and its types."""

from __future__ import annotations

import json
import subprocess
import tarfile
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from benchmarks.children import ROOT
from wakeline.scripts import FOLDER as SERVED
from wakeline.scripts import Kind

SNIPPET = ROOT / "snippet"
CONTENTS = {
    "LICENSE",
    "README.md",
    "package.json",
    "dist/index.js",
    "dist/wakeline.js",
    "dist/wakeline.full.js",
    "dist/wakeline.vitals.js",
    "dist/wakeline.consent.js",
    "dist/wakeline.datalayer.js",
    "dist/wakeline.usability.js",
    "dist/wakeline.vitals.LICENSE.txt",
    "types/index.d.ts",
    "types/global.d.ts",
    "types/vitals.d.ts",
    "types/datalayer.d.ts",
    "types/usability.d.ts",
}


def run(*command: str, cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout[-8_000:] + done.stderr[-2_000:]
    return done.stdout


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that has installed the package."""
    if not (SNIPPET / "node_modules" / ".package-lock.json").exists():
        run("npm", "ci", "--no-audit", "--no-fund", cwd=SNIPPET)
    folder = tmp_path_factory.mktemp("site")
    run("npm", "pack", "--pack-destination", str(folder), cwd=SNIPPET)
    (packed,) = folder.glob("wakeline-*.tgz")
    with tarfile.open(packed) as archive:
        archive.extractall(folder, filter="data")
    (folder / "node_modules").mkdir()
    (folder / "package").rename(folder / "node_modules" / "wakeline")
    (folder / "package.json").write_text('{"type": "module"}')
    return folder


@pytest.fixture(scope="module")
def package(site: Path) -> Path:
    return site / "node_modules" / "wakeline"


@pytest.fixture(scope="module")
def manifest(package: Path) -> dict[str, Any]:
    return dict(json.loads((package / "package.json").read_text()))


def named(exports: Any) -> Iterator[str]:
    """Every file that `exports` leads to."""
    if isinstance(exports, str):
        yield exports.removeprefix("./")
    else:
        for inner in exports.values():
            yield from named(inner)


def test_it_holds_what_a_site_needs_and_nothing_else(package: Path) -> None:
    files = {str(path.relative_to(package)) for path in package.rglob("*") if path.is_file()}
    assert files == CONTENTS


def test_it_may_be_published_and_brings_nobody_along(manifest: dict[str, Any]) -> None:
    assert (manifest["name"], manifest["license"]) == ("wakeline", "MIT")
    assert "private" not in manifest
    assert "dependencies" not in manifest


def test_all_that_it_names_is_in_it(manifest: dict[str, Any]) -> None:
    assert set(named(manifest["exports"])) | {manifest["types"].removeprefix("./")} <= CONTENTS
    assert {manifest["unpkg"], manifest["jsdelivr"]} == {"./dist/wakeline.js"}


def test_only_what_runs_at_once_is_said_to_have_side_effects(manifest: dict[str, Any]) -> None:
    (pattern,) = manifest["sideEffects"]
    running = {name for name in CONTENTS if name.endswith(".js") and fnmatch(f"./{name}", pattern)}
    assert running == {f"dist/{kind}.js" for kind in Kind}


def test_the_licence_is_ours_and_that_of_web_vitals(package: Path) -> None:
    assert (package / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    assert "Apache License" in (package / "dist/wakeline.vitals.LICENSE.txt").read_text()
    assert (package / "dist/wakeline.vitals.js").read_text().startswith("/*! web-vitals, Apache-2.0 */")


@pytest.mark.parametrize("kind", [pytest.param(kind, id=kind) for kind in Kind])
def test_its_scripts_are_those_that_the_collector_serves(package: Path, kind: Kind) -> None:
    assert (package / f"dist/{kind}.js").read_bytes() == (SERVED / f"{kind}.js").read_bytes()


# ---- importing --------------------------------------------------------------------------------------


def test_importing_it_on_a_server_does_nothing(site: Path) -> None:
    """Pages that are made on a server import what the browser will run; no timer keeps that server from ending."""
    code = """
    const before = Object.keys(globalThis).join();
    const { init, wakeline, ...rest } = await import("wakeline");
    init({ site: "shop", endpoint: "/e" });
    wakeline("event", "early");
    await import("wakeline/vitals");
    await import("wakeline/datalayer");
    await import("wakeline/usability");
    console.log(JSON.stringify([Object.keys(rest), before == Object.keys(globalThis).join()]));
    """
    assert json.loads(run("node", "--input-type=module", "-e", code, cwd=site)) == [[], True]


@pytest.mark.parametrize(
    ("code", "remains"),
    [
        pytest.param('import "wakeline"', False, id="unused: dropped"),
        pytest.param('import { wakeline } from "wakeline"', False, id="unused name: dropped"),
        pytest.param('import { wakeline } from "wakeline"; wakeline("debug")', True, id="used"),
        pytest.param('import "wakeline/vitals"', True, id="vitals, which run at once"),
        pytest.param('import "wakeline/datalayer"', True, id="the data layer's, which runs at once"),
        pytest.param('import "wakeline/wakeline.js"', True, id="a script, which runs at once"),
    ],
)
def test_a_bundler_keeps_what_is_used(site: Path, code: str, remains: bool) -> None:
    esbuild = f"""
    const {{ build }} = await import({json.dumps(str(SNIPPET / "node_modules/esbuild/lib/main.js"))});
    const options = {{ bundle: true, format: "esm", write: false, logLevel: "error" }};
    const stdin = {{ contents: {json.dumps(code)}, resolveDir: {json.dumps(str(site))} }};
    const {{ outputFiles }} = await build({{ ...options, stdin }});
    console.log(JSON.stringify(outputFiles[0].text.replace(/\\/\\/.*/g, "").trim()));
    """
    assert bool(json.loads(run("node", "--input-type=module", "-e", esbuild, cwd=site))) is remains


# ---- types ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("module", "resolution"), [("esnext", "bundler"), ("nodenext", "nodenext")])
@pytest.mark.parametrize("file", ["calls.ts", "page.ts"])
def test_good_calls_compile_and_bad_ones_do_not(site: Path, module: str, resolution: str, file: str) -> None:
    (site / file).write_text((SNIPPET / "test" / "types" / file).read_text())
    options = ["--noEmit", "--strict", "--exactOptionalPropertyTypes", "--noUncheckedSideEffectImports"]
    options += ["--lib", "es2022,dom", "--module", module, "--moduleResolution", resolution]
    run("node", str(SNIPPET / "node_modules/typescript/bin/tsc"), *options, file, cwd=site)
