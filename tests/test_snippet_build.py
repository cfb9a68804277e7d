"""What the collector serves is what the sources say, and it is small. The tests in `snippet/test` pass."""

from __future__ import annotations

import gzip
import subprocess
from pathlib import Path

import brotli
import pytest

ROOT = Path(__file__).parents[1]
SNIPPET = ROOT / "snippet"
SERVED = ROOT / "collector" / "static"
FILES = ("wakeline.js", "wakeline.js.gz", "wakeline.js.br")
MAX_GZIP_BYTES = 2_100


def run(*command: str) -> str:
    done = subprocess.run(command, cwd=SNIPPET, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stdout[-8_000:] + done.stderr[-2_000:]
    return done.stdout


@pytest.fixture(scope="module", autouse=True)
def packages() -> None:
    """The Node packages of the lock file, installed unless they are there."""
    if not (SNIPPET / "node_modules" / ".package-lock.json").exists():
        run("npm", "ci", "--no-audit", "--no-fund")


def test_a_fresh_build_equals_the_committed_files(tmp_path: Path) -> None:
    """Byte for byte; the compressed ones by content, since each version of Node packs a little differently."""
    run("node", "build.mjs", str(tmp_path))
    assert (tmp_path / "wakeline.js").read_bytes() == (SERVED / "wakeline.js").read_bytes(), (
        "npm run build, then commit"
    )
    assert {file.name for file in tmp_path.iterdir()} == set(FILES)


def test_the_compressed_files_hold_the_plain_one() -> None:
    plain = (SERVED / "wakeline.js").read_bytes()
    assert gzip.decompress((SERVED / "wakeline.js.gz").read_bytes()) == plain
    assert brotli.decompress((SERVED / "wakeline.js.br").read_bytes()) == plain


def test_the_script_is_within_its_budget() -> None:
    plain = (SERVED / "wakeline.js").read_bytes()
    assert len(gzip.compress(plain, 9, mtime=0)) <= MAX_GZIP_BYTES
    assert len((SERVED / "wakeline.js.gz").read_bytes()) <= MAX_GZIP_BYTES


def test_the_lock_file_names_no_registry() -> None:
    assert '"resolved"' not in (SNIPPET / "package-lock.json").read_text()


def test_the_types_hold() -> None:
    run("node", "node_modules/typescript/bin/tsc", "--noEmit")


def test_the_unit_tests_pass() -> None:
    run("node", "--test", *sorted(str(path) for path in (SNIPPET / "test").glob("*.test.mjs")))
