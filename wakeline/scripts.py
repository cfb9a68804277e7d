"""The scripts that pages load: their URLs, and the published versions.

`/wakeline.js` and its companions are the newest version; `/wakeline.<version>.js` is permanently that version. The
setting script_path renames them all alike: /s.js, /s.full.js, /s.vitals.0.1.0.js.
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
PATH = "/wakeline.js"  # of the core script; the setting script_path adds another
ENDPOINT = "/v1/events"  # of events; the setting endpoint_path adds another


class Kind(StrEnum):
    """The kinds of scripts, by file name."""

    CORE = "wakeline"
    FULL = "wakeline.full"  # the core and more
    VITALS = "wakeline.vitals"  # in addition to one of the others
    CONSENT = "wakeline.consent"  # likewise: takes the choice from a consent platform
    DATALAYER = "wakeline.datalayer"  # likewise: takes a shop's events from its data layer
    USABILITY = "wakeline.usability"  # likewise: tells what annoys visitors

    def path(self, core: str = PATH, *, version: str = "") -> str:
        """The script's path if the core is at `core`; without a `version`, of the newest one."""
        return core.removesuffix(".js") + self.removeprefix(Kind.CORE) + (f".{version}" if version else "") + ".js"


NAME = re.compile(r"wakeline(\.full|\.vitals|\.consent|\.datalayer|\.usability)?(\.\d+\.\d+\.\d+)?\.js")
"""File names of scripts."""

PINNED = re.compile(r"\.(\d+\.\d+\.\d+)\.js$")


def version_of(name: str) -> str:
    """The version in a file name; "" for a name that always means the newest."""
    found = PINNED.search(name)
    return found[1] if found else ""


def integrity_of(script: bytes) -> str:
    """The hash for a tag's `integrity` attribute."""
    return "sha384-" + b64encode(hashlib.sha384(script).digest()).decode()


@dataclass(frozen=True)
class Published:
    """The build's list of scripts. `versions`: by version and kind, the hash for `integrity`."""

    current: str  # version of the unversioned names
    released: tuple[str, ...]  # versions whose files never change again
    versions: dict[str, dict[Kind, str]]

    def integrity(self, kind: Kind) -> str:
        return self.versions[self.current][kind]

    def found(self, integrity: str) -> tuple[str, Kind] | None:
        """Version and kind of the script with this hash, the newest first."""
        for version in sorted(self.versions, key=lambda version: version != self.current):
            for kind, hash in self.versions[version].items():
                if hash == integrity:
                    return version, kind
        return None


def published() -> Published:
    """Raises OSError and msgspec.DecodeError if the build was never run."""
    return msgspec.json.decode((FOLDER / PUBLISHED).read_bytes(), type=Published)
