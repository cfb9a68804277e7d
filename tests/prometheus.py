"""A real Prometheus, with the committed configuration or another one."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from benchmarks.children import ROOT, Child, child_environ
from benchmarks.machine import free_port
from ops.up.watching import rules
from wakeline.settings import Settings

COMMITTED = ROOT / "dashboards" / "prometheus"
RULES = rules(COMMITTED)


class Prometheus(Child):
    """One with all that it stores in `folder`, beside the committed rules. `config`: of its prometheus.yml."""

    def __init__(self, folder: Path, config: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._folder = folder
        folder.mkdir()
        (folder / "prometheus.yml").write_text(config)
        for file in RULES:
            shutil.copy(file, folder)

    def start(self) -> None:
        command = (
            "prometheus",
            f"--config.file={self._folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={self._folder / 'tsdb'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
        )
        nowhere = subprocess.DEVNULL
        self.process = subprocess.Popen(command, stdout=nowhere, stderr=nowhere, env=child_environ())


def committed(ports: Mapping[str, int]) -> str:
    """The committed configuration at these ports, by the names of their settings, and with shorter intervals."""
    text = (COMMITTED / "prometheus.yml").read_text()
    for name, port in ports.items():
        usual = f":{getattr(Settings(), name)}"
        assert usual in text
        text = text.replace(usual, f":{port}")
    return re.sub(r"_interval: 5s|_timeout: 4s", lambda match: match[0].split(":")[0] + ": 1s", text)
