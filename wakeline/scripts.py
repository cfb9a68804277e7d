"""The scripts that pages load: their names on the web, and what of them is published.

`/wakeline.js` and its companions follow the newest version; `/wakeline.<version>.js` is that version for ever.
Another path than /wakeline.js renames them all alike: /s.js, /s.full.js, /s.vitals.0.1.0.js.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from pathlib import Path

import msgspec

FOLDER = Path(str(files("collector") / "static"))
PUBLISHED = "sri.json"
PATH = "/wakeline.js"  # of the core; the setting script_path adds another
ENDPOINT = "/v1/events"  # where events go; the setting endpoint_path adds another


class Kind(StrEnum):
    """What a script does, as its file is called."""

    CORE = "wakeline"
    FULL = "wakeline.full"  # the core with the rest
    VITALS = "wakeline.vitals"  # beside one of the others

    def path(self, core: str = PATH, *, version: str = "") -> str:
        """Where the collector serves it, if it serves the core at `core`; without a `version` the newest."""
        return core.removesuffix(".js") + self.removeprefix(Kind.CORE) + (f".{version}" if version else "") + ".js"


NAME = re.compile(r"wakeline(\.full|\.vitals)?(\.\d+\.\d+\.\d+)?\.js")
"""A script's file name."""

PINNED = re.compile(r"\.(\d+\.\d+\.\d+)\.js$")


def version_of(name: str) -> str:
    """The version that a name binds itself to; "" for one that follows the newest."""
    found = PINNED.search(name)
    return found[1] if found else ""


def integrity_of(script: bytes) -> str:
    """As a tag's `integrity` says it."""
    return "sha384-" + b64encode(hashlib.sha384(script).digest()).decode()


@dataclass(frozen=True)
class Published:
    """What the build wrote beside the scripts. `versions`: by version and kind, the hash as `integrity` says it."""

    current: str  # the version that the moving names serve
    released: tuple[str, ...]  # versions whose files never change again
    versions: dict[str, dict[Kind, str]]

    def integrity(self, kind: Kind) -> str:
        return self.versions[self.current][kind]

    def found(self, integrity: str) -> tuple[str, Kind] | None:
        """Version and kind of the script that has this hash, the newest first."""
        for version in sorted(self.versions, key=lambda version: version != self.current):
            for kind, hash in self.versions[version].items():
                if hash == integrity:
                    return version, kind
        return None


def published() -> Published:
    """Raises OSError, and msgspec.DecodeError, where the build was never run."""
    return msgspec.json.decode((FOLDER / PUBLISHED).read_bytes(), type=Published)
