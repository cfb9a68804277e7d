"""A DuckDB in memory. Once locked it reaches no file and no network, and nothing that is asked can unlock it."""

from __future__ import annotations

import os
from pathlib import Path

import duckdb

MEMORY = "50%"  # of the machine's; what is more goes to the temporary folder: others run here too


def database(folder: Path) -> duckdb.DuckDBPyConnection:
    """Empty and not locked yet; what does not fit into memory goes into `folder`."""
    connection = duckdb.connect(
        ":memory:",
        config={
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "allow_community_extensions": "false",
            "python_enable_replacements": "false",  # names in SQL that would mean variables of ours
            "extension_directory": os.fspath(folder / "extensions"),
            "secret_directory": os.fspath(folder / "secrets"),
            "temp_directory": os.fspath(folder / "spilled"),
            "preserve_insertion_order": "false",  # reads in less memory
            "memory_limit": MEMORY,
        },
    )
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def lock(connection: duckdb.DuckDBPyConnection, *, but: Path | None = None) -> None:
    """No file from here on, except `but`: the one that the answer goes to."""
    if but is not None:
        connection.execute("SET allowed_paths = $paths", {"paths": [os.fspath(but)]})
    connection.execute("SET preserve_insertion_order = true")  # what is asked in an order is stored in it
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
