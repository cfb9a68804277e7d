"""Countries of addresses, from a GeoIP file of the owner's: that of MaxMind, DB-IP, IPinfo, or one shaped like theirs.

What such a file holds is not ours: whatever else lies in it is no country, and no lookup raises.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address
from itertools import islice
from pathlib import Path
from typing import Any

import maxminddb

logger = logging.getLogger("wakeline.collector")

CODE = re.compile("[A-Z]{2}")
PLACES = (
    ("country", "iso_code"),  # MaxMind, DB-IP
    ("country_code",),  # IPinfo Lite
    ("country",),  # IPinfo's older files
    ("geo", "country_code"),  # IPinfo Core and Plus
    ("registered_country", "iso_code"),  # MaxMind, where it does not know where an address is used
)
"""Where a record may hold an ISO 3166-1 alpha-2 code; the first that does counts."""

MEND = "name a file of countries from MaxMind, DB-IP or IPinfo (.mmdb) that holds IPv4 and IPv6"
LOOKED_AT = 1_000  # records of a file, to see whether it names countries at all


class Countries:
    """The countries in the file at `path`, or none; what is wrong with it is said at the start.

    Raises OSError where the file cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._reader, fault = opened(path)
        self._is_ipv4_only = self._reader is not None and self._reader.metadata().ip_version == 4
        self._has_failed = False
        if fault:
            logger.warning("%s; %s", fault, MEND)

    def of(self, address: IPv4Address | IPv6Address) -> str:
        """ISO 3166-1 alpha-2; "" where it is not known."""
        reader = self._reader
        if reader is None or (self._is_ipv4_only and address.version == 6):
            return ""
        try:
            return code_in(reader.get(address))
        except Exception as error:  # of the file, or of a reader in C that met what it did not expect
            if not self._has_failed:
                self._has_failed = True
                logger.warning(
                    "the geoip file is damaged: %s; such addresses have no country; %s", type(error).__name__, MEND
                )
            return ""


def opened(path: Path) -> tuple[maxminddb.Reader | None, str]:
    """The file, None if it is none, and what is wrong with it. Raises OSError where it cannot be read."""
    try:
        reader = maxminddb.open_database(path)
        kind, version = reader.metadata().database_type, reader.metadata().ip_version
        names_countries = any(code_in(record) for _, record in islice(reader, LOOKED_AT))
    except OSError:
        raise
    except Exception as error:
        return None, f"geoip {path} is no whole .mmdb file ({type(error).__name__}): no country is known"
    if not names_countries:
        return None, f"geoip {path} ({kind}) names no countries where MaxMind, DB-IP or IPinfo do: no country is known"
    if version == 4:
        return reader, f"geoip {path} ({kind}) holds IPv4 addresses only: visitors by IPv6 have no country"
    return reader, ""


def code_in(record: object) -> str:
    """The code of the country that a record names, "" for none."""
    for place in PLACES:
        found: Any = record
        for name in place:
            found = found.get(name) if isinstance(found, Mapping) else None
        if isinstance(found, str) and CODE.fullmatch(found):
            return found
    return ""
