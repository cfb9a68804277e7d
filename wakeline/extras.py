"""The extras of the package, as pyproject.toml names them: what a command lacks, and how to install it."""

from __future__ import annotations


def install(extra: str) -> str:
    """The command, for whoever has a clone: the package lies on no index."""
    return f'`pip install ".[{extra}]"` in your clone of Wakeline'
