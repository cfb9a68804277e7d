"""Draws the boards with Grafana's own components, from a Prometheus that runs: `make dashboard-pictures`.

It is no test: it is for looking. What Grafana would ask of Prometheus is asked here, and drawn by `drawn/` in Chromium.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from dashboards.boards import BOARDS
from dashboards.build import WINDOW, model
from dashboards.texts import ENGLISH, LANGUAGES, texts

FOLDER = Path(__file__).parent
OUT = FOLDER.parent / "docs" / "pictures"
POINTS = 150  # of a curve
LEAST_STEP_S = 5
WIDE, PHONE = 1_400, 414


class Look(NamedTuple):
    """How a board is drawn."""

    suffix: str
    mode: str
    width: int


LOOKS = (Look("", "light", WIDE), Look("-dark", "dark", WIDE), Look("-phone", "light", PHONE))


class Asked(NamedTuple):
    """Whom to ask, and of when."""

    url: str
    site: str
    began: float  # s since 1970
    now: float

    def answers(self, panel: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Of each query of a panel, as `drawn/board.tsx` takes them."""
        for target in panel["targets"]:
            began = self.now - 60 * int(panel["timeFrom"][:-1]) if panel.get("timeFrom") else self.began
            step = 60 if panel.get("interval") == "1m" else max(LEAST_STEP_S, int((self.now - began) / POINTS))
            expr = self._filled(target["expr"])
            times: dict[str, float] = {"start": began, "end": self.now, "step": step}
            if target["range"]:
                found = self._ask("query_range", expr, times)
            else:
                found = self._ask("query", expr, {"time": self.now})
            for series in found:
                points = series["values"] if target["range"] else [series["value"]]
                yield {
                    "legend": legend_of(target["legendFormat"], series["metric"]),
                    "labels": series["metric"],
                    "points": [[time, float(value)] for time, value in points if value not in ("NaN", "+Inf", "-Inf")],
                }

    def _filled(self, expr: str) -> str:
        for name, value in {"$__rate_interval": "1m", "$site": self.site, "$window": WINDOW, "$currency": ".*"}.items():
            expr = expr.replace(name, value)
        return expr

    def _ask(self, what: str, expr: str, times: dict[str, float]) -> list[Any]:
        asked = urllib.parse.urlencode({"query": expr, **times})
        with urllib.request.urlopen(f"{self.url}/api/v1/{what}?{asked}", timeout=30) as answer:
            found: list[Any] = json.load(answer)["data"]["result"]
            return found


def legend_of(format: str, labels: dict[str, str]) -> str:
    return re.sub(r"\{\{(\w+)\}\}", lambda match: labels.get(match[1], ""), format)


def draw(asked: Asked, language: str, out: Path, looks: tuple[Look, ...], names: set[str]) -> None:
    """Write NAME.png for each board, NAME-dark.png and NAME-phone.png, into `out`."""
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="wakeline-pictures-") as given:
        for board in BOARDS:
            if names and board.name not in names:
                continue
            made = model(board, language)
            for panel in made["panels"]:
                panel["title"] = panel["title"].replace("$window", texts(language).window(WINDOW))
            answers = {panel["id"]: list(asked.answers(panel)) for panel in made["panels"] if panel["type"] != "row"}
            told: dict[str, Any] = {"board": made, "answers": answers, "zone": "utc"}
            told |= {"from": asked.began * 1000, "to": asked.now * 1000}
            for look in looks:
                text = json.dumps({**told, "mode": look.mode, "width": look.width})
                (Path(given) / f"{board.name}{look.suffix}.json").write_text(text)
        subprocess.run(["node", str(FOLDER / "drawn" / "draw.mjs"), given], check=True)
        for picture in sorted(Path(given).glob("*.png")):
            (out / picture.name).write_bytes(picture.read_bytes())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prometheus", default="http://127.0.0.1:9090", help="of a Wakeline that runs")
    parser.add_argument("--site", default="demo")
    parser.add_argument("--minutes", type=float, default=30.0, help="that curves show")
    parser.add_argument("--language", choices=LANGUAGES, default=ENGLISH)
    parser.add_argument("--out", type=Path, default=OUT, help="folder of the pictures")
    parser.add_argument("boards", nargs="*", help="all of them by default")
    said = parser.parse_args()
    now = time.time()
    asked = Asked(said.prometheus.rstrip("/"), said.site, now - 60 * said.minutes, now)
    try:
        draw(asked, said.language, said.out, LOOKS, set(said.boards))
    except urllib.error.URLError as error:
        raise SystemExit(
            f"no Prometheus answers at {said.prometheus} ({error.reason}): start one beside a Wakeline with "
            "`wakeline up --demo --simulate 30 --with-prometheus`, and wait some minutes"
        ) from None


if __name__ == "__main__":
    main()
