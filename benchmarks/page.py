"""Main-thread cost of trackers, Wakeline's and others' from npm, in a real Chromium: see page.mjs.

Milliseconds of CPU time at load (compiling, set-up, the first page view sent and answered) and microseconds per custom
event (called, sent, answered), each minus the cost of the same page without a tracker. The full script and Plausible's,
which have the same features, run in many rounds, with a floor for their ratio; the others in a few.
"""

from __future__ import annotations

import json
import os
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

from benchmarks.children import ROOT
from benchmarks.figures import Figure, Run, at_most
from benchmarks.machine import ALL

SNIPPET = ROOT / "snippet"
RIVALS = ROOT / "benchmarks/rivals"
COMPARED = {"full", "plausible"}
QUICK, FULL = (1, 1, 1), (30, 5, 5)  # rounds of the two compared, rounds of the others, events per round

TRACKERS = {
    "core": "wakeline.js",
    "full": "wakeline.full.js",
    "stored": "wakeline.full.js under full consent: with its queue in localStorage",
    "plausible": "@plausible-analytics/tracker 0.4.6, with links, files and forms",
    "umami": "Umami 2.10.0, the newest on npm",
    "snowplow": "@snowplow/browser-tracker 4.10.1, with its heartbeat",
}
# npm has no package of the tracker alone: this is the server's, of which only the tracker's source is used.
UMAMI = (
    "umami@2.10.0",
    "sha512-+lmrnV0751R6U2rkIgVAlE1nWI7yZawlMlJDguW9tlFacCKhnGeCyc7tCMIhNNYIiGIQy4DEX5IzJhm4b3+dPA==",
)
UMAMI_SOURCE = "package/src/tracker/index.js"

FIGURES = (
    *(Figure(f"page_load_ms_{name}", f"main thread at load: {what}") for name, what in TRACKERS.items()),
    *(Figure(f"page_event_us_{name}", "main thread, one custom event") for name in TRACKERS),
    Figure("page_load_vs_plausible", "main thread at load: full / plausible", at_most(1.1)),
    Figure("page_event_vs_plausible", "main thread, one custom event: full / plausible", at_most(1.1)),
)


def measure(run: Run) -> dict[str, float]:
    """The median of the rounds. Raises CalledProcessError if npm or Chromium is missing or fails."""
    for folder in (SNIPPET, RIVALS):
        _install(folder)
    many, few, events = QUICK if run.quick else FULL
    rounds = {"nothing": many} | {name: many if name in COMPARED else few for name in TRACKERS}
    visits = _visits(_umami(run.folder), rounds, events)
    found: dict[str, float] = {}
    for what, short in (("load_ms", "load"), ("event_us", "event")):
        bare = median(visit[what] for visit in visits["nothing"])
        cost = {name: max(0.0, median(visit[what] for visit in visits[name]) - bare) for name in TRACKERS}
        found |= {f"page_{what}_{name}": value for name, value in cost.items()}
        found[f"page_{short}_vs_plausible"] = cost["full"] / cost["plausible"]
    return found


def _visits(umami: Path, rounds: Mapping[str, int], events: int) -> Mapping[str, Sequence[Mapping[str, float]]]:
    """The measurements of each round, by tracker; "nothing" is the page without one."""
    wanted = [f"{name}={count}" for name, count in rounds.items()]
    command = ["node", str(ROOT / "benchmarks/page.mjs"), str(events), *wanted, "--umami", str(umami)]
    node = subprocess.Popen(command, stdout=subprocess.PIPE)
    os.sched_setaffinity(node.pid, ALL)  # before it starts a browser, whose processes need more than one
    answer, _ = node.communicate()
    if node.returncode:
        raise subprocess.CalledProcessError(node.returncode, node.args)
    return dict(json.loads(answer))


def _install(folder: Path) -> None:
    if not (folder / "node_modules/.package-lock.json").exists():
        subprocess.run(
            ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], cwd=folder, check=True
        )


def _umami(folder: Path) -> Path:
    """The tracker's source, unpacked. Raises ValueError if npm returns another package than expected."""
    name, integrity = UMAMI
    pack = ["npm", "pack", name, "--json", "--loglevel=error", "--prefer-offline", "--pack-destination", str(folder)]
    packed = json.loads(subprocess.run(pack, stdout=subprocess.PIPE, check=True).stdout)[0]
    if packed["integrity"] != integrity:
        raise ValueError(f"{name} is not the expected package: {packed['integrity']}")
    with tarfile.open(folder / packed["filename"]) as archive:
        archive.extract(UMAMI_SOURCE, folder, filter="data")
    return folder / UMAMI_SOURCE
