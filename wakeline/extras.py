"""The package's extras in pyproject.toml, and how to install one that a command needs."""

from __future__ import annotations


def install(extra: str) -> str:
    """The command that installs an extra from a clone, as the package is not on an index."""
    return f'`pip install -e ".[{extra}]"` in your clone of Wakeline'
