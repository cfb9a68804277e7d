"""Logging of processes: text lines, or one JSON object per line. Always to stderr, and without personal data of
clients.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from datetime import UTC, datetime
from typing import Any, TextIO

from wakeline.escape import log_lines
from wakeline.settings import LogFormat
from wakeline.traces import without_words

PEERS = ("aiohttp", "asyncio")  # loggers whose messages contain a client's address, URL or bytes
NOT_HTTP = "aiohttp.http_exceptions"  # errors of clients, which may be arbitrarily frequent
FIELD = re.compile("%[-.0-9]*[a-zA-Z]")
NOISY = ("faust", "mode", "aiokafka", "aiohttp.access", "asyncio")  # limited to warnings
COLOURS = {"DEBUG": "2", "INFO": "32", "WARNING": "33", "ERROR": "31", "CRITICAL": "1;31"}


def configure(format: str, service: str) -> None:
    """Send the logs of this process to stderr as `format` ("text" or "json").

    In text, an empty `service` omits its column, since `wakeline up` prefixes its children's lines.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        JsonLines(service) if format == LogFormat.JSON else TextLines(service, is_coloured(sys.stderr))
    )
    handler.addFilter(without_peers)
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("wakeline").setLevel(logging.INFO)
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(True)


def is_coloured(stream: TextIO) -> bool:
    """Whether to use colours; NO_COLOR and FORCE_COLOR (see no-color.org, force-color.org) take precedence."""
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or stream.isatty()


def without_peers(record: logging.LogRecord) -> bool:
    """Whether to keep a record; for PEERS it is reduced to its fixed text and the location in the code."""
    if record.name.partition(".")[0] not in PEERS:
        return True
    error = record.exc_info[1] if record.exc_info else None
    if type(error).__module__ == NOT_HTTP:
        return False
    record.msg = FIELD.sub("(left out)", str(record.msg).partition("\n")[0])
    record.args = ()
    if error is not None:
        record.exc_info, record.exc_text = None, without_words(error)
    return True


class TextLines(logging.Formatter):
    """`12:03:04.123 collector INFO    listening on ...`, local time."""

    default_time_format = "%H:%M:%S"
    default_msec_format = "%s.%03d"

    def __init__(self, service: str, coloured: bool) -> None:
        super().__init__()
        self._service = f"{service:<9} " if service else ""
        self._coloured = coloured

    def formatMessage(self, record: logging.LogRecord) -> str:
        level = f"{record.levelname:<7}"
        if self._coloured:
            level = f"\x1b[{COLOURS.get(record.levelname, '0')}m{level}\x1b[0m"
        source = "" if record.name.startswith("wakeline") else f"{record.name}: "
        return f"{self.formatTime(record)} {self._service}{level} {source}{log_lines(record.message)}"

    def formatException(self, ei: Any) -> str:
        return log_lines(super().formatException(ei))


class JsonLines(logging.Formatter):
    """{"time", "service", "level", "logger", "message", "error"}: time in UTC, error a traceback."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "service": self._service,
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        elif record.exc_text:
            line["error"] = record.exc_text
        return json.dumps(line)
