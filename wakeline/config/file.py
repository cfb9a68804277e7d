"""wakeline.toml: settings at the top, then one [[site]] per web site."""

from __future__ import annotations

import re
import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from wakeline.config import misfits
from wakeline.config.checking import TYPES, Checked
from wakeline.config.lines import Place, line_of, places
from wakeline.config.problems import Problem
from wakeline.config.values import TABLES, from_toml, nearest, quoted
from wakeline.settings import Settings, Site

PATHS = ("data", "geoip", "card_key")  # relative to the file they are written in


def read_file(path: Path, settings: Checked) -> dict[str, Site]:
    """Put the file's settings into `settings` and return its sites by key; errors become its problems."""
    try:
        text = path.read_bytes().decode()
        table = tomllib.loads(text)
    except OSError as error:
        settings.problems.append(Problem(str(path), f"cannot be read: {error.strerror or error}"))
        return {}
    except UnicodeDecodeError as error:
        settings.problems.append(Problem(str(path), f"byte {error.start} is not UTF-8: save the file as UTF-8"))
        return {}
    except tomllib.TOMLDecodeError as error:
        settings.problems.append(_syntax(path, text, str(error)))
        return {}
    except (ValueError, RecursionError) as error:  # numbers with thousands of digits, deeply nested lists
        what = "is nested too deeply" if isinstance(error, RecursionError) else f"cannot be read: {error}"
        settings.problems.append(Problem(str(path), what))
        return {}
    return _File(path, places(text), settings).read(table)


def _syntax(path: Path, text: str, said: str) -> Problem:
    found = re.search(r" \(at line (\d+), column (\d+)\)$", said)
    if not found:
        what = said.removesuffix(" (at end of document)")
        return Problem(f"{path} line {text.count(chr(10)) + 1}", f"not valid TOML at the end of the file: {what}")
    return Problem(f"{path} line {found[1]}", f"not valid TOML at column {found[2]}: {said[: found.start()]}")


class _File:
    def __init__(self, path: Path, lines: dict[Place, int], settings: Checked) -> None:
        self.path = path
        self.lines = lines
        self.settings = settings
        self.problems = settings.problems

    def where(self, place: Place) -> str:
        line = line_of(self.lines, place)
        return str(self.path) if line is None else f"{self.path} line {line}"

    def complain(self, place: Place, what: str) -> None:
        self.problems.append(Problem(self.where(place), what))

    def read(self, table: dict[str, Any]) -> dict[str, Site]:
        for name, value in table.items():
            if name in TYPES[Settings]:
                self._put(self.settings, (name,), self._seen_from_file(value) if name in PATHS else value)
            elif name != "site":
                self.complain((name,), _unknown_setting(name, value))
        return self._sites(table.get("site", []))

    def _seen_from_file(self, value: Any) -> Any:
        try:
            return str(self.path.parent / Path(value).expanduser()) if isinstance(value, str) else value
        except RuntimeError:  # no home folder; reported when the value is converted
            return value

    def _sites(self, tables: Any) -> dict[str, Site]:
        if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            self.complain(("site",), "each site is a separate table: write [[site]]")
            return {}
        sites: dict[str, Site] = {}
        lines: dict[str, str] = {}
        for index, table in enumerate(tables):
            place: Place = ("site", index)
            key = self._site(place, table, sites)
            if key in lines:
                self.complain((*place, "key"), f"key {quoted(key)} is already used in {lines[key]}")
            elif key:
                lines[key] = self.where((*place, "key"))
        return sites

    def _site(self, place: Place, table: dict[str, Any], sites: dict[str, Site]) -> str:
        read = Checked(Site, self.problems)
        for name, value in table.items():
            if name in TYPES[Site]:
                self._put(read, (*place, name), value)
            else:
                self.complain((*place, name), _unknown_in_site(name, value))
        if "key" not in table:
            self.complain(place, 'the site has no key: add one, key = "shop"; it is the snippet\'s data-site')
        key: str = read.values.get("key", "")
        site = Site(**read.values)
        for name, what in misfits.site_misfits(site, table.keys() - read.values.keys()):
            self.complain((*place, name) if name in table else place, f"{name} {what}")
        sites.setdefault(key, site)
        return key

    def _put(self, checked: Checked, place: Place, value: Any) -> None:
        def where(index: int | None) -> str:
            return self.where(place if index is None else (*place, index))

        checked.put(str(place[-1]), value, from_toml, where)


def _unknown_setting(name: str, value: Any) -> str:
    if name in TYPES[Site]:
        return f"{name} is a site's setting: move it below [[site]]"
    if isinstance(value, dict) and set(value) & set(TYPES[Settings]):
        return f"there is no table [{name}]: put settings at the top of the file, outside of any table"
    return f"there is no setting {name}{nearest(name, [*TYPES[Settings], 'site'])}"


def _unknown_in_site(name: str, value: Any) -> str:
    if name in TYPES[Settings]:
        return f"{name} is not a site's setting: move it to the top, above the first [[site]]"
    if isinstance(value, list) and all(isinstance(one, dict) for one in value):
        inner = {table.name.rpartition(".")[2]: table.name for table in TABLES.values() if "." in table.name}
        if meant := get_close_matches(name, inner, n=1):
            return f"a site has no [[site.{name}]]; did you mean [[site.{inner[meant[0]]}]]?"
    return f"a site has no setting {name}{nearest(name, TYPES[Site])}"
