"""A DuckDB in memory. Once locked it cannot access files or the network, and queries cannot unlock it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import duckdb


class Limits(NamedTuple):
    """What a query may take of the machine. Data that exceed the memory go into the temporary folder."""

    memory: str = "50%"  # of the machine's, as other processes run here too; or an amount, 500MB
    threads: int = 0  # 0: as many as the machine has


ALL = Limits()


def database(folder: Path, limits: Limits) -> duckdb.DuckDBPyConnection:
    """Empty and not locked yet; data that exceed the memory go into `folder`."""
    connection = duckdb.connect(
        ":memory:",
        config={
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "allow_community_extensions": "false",
            "python_enable_replacements": "false",  # names in SQL must not refer to Python variables
            "extension_directory": os.fspath(folder / "extensions"),
            "secret_directory": os.fspath(folder / "secrets"),
            "temp_directory": os.fspath(folder / "spilled"),
            "preserve_insertion_order": "false",  # uses less memory while loading
            "memory_limit": limits.memory,
        },
    )
    if limits.threads:
        connection.execute(f"SET threads = {limits.threads}")
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def lock(connection: duckdb.DuckDBPyConnection, *, but: Path | None = None) -> None:
    """No file access from here on, except to `but`, the result's file."""
    if but is not None:
        connection.execute("SET allowed_paths = $paths", {"paths": [os.fspath(but)]})
    connection.execute("SET preserve_insertion_order = true")  # results are stored in the query's order
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
