"""The location of the history according to the settings, and its store."""

from __future__ import annotations

from pathlib import Path

from wakeline.history.folder import Folder
from wakeline.history.store import Store
from wakeline.settings import Settings

OFF = "off"
FILE = "file://"


def archive_url(settings: Settings) -> str | None:
    """A folder or a URL; None if no history is kept."""
    if settings.archive == OFF:
        return None
    return settings.archive or str(settings.data / "archive")


def open_store(url: str) -> Store:
    if "://" in url and not url.startswith(FILE):
        from wakeline.history.remote import Remote  # fsspec is an optional dependency

        return Remote(url)
    return Folder(Path(url.removeprefix(FILE)))
