"""Countries of IP addresses, from the owner's GeoIP file: MaxMind, DB-IP, IPinfo, or another with the same fields.

Unknown contents of such a file mean no country; lookups never raise.
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
    ("registered_country", "iso_code"),  # MaxMind, if it does not know where an address is used
)
"""Fields of a record that may hold an ISO 3166-1 alpha-2 code; the first one that does is used."""

MEND = "name a file of countries from MaxMind, DB-IP or IPinfo (.mmdb) that holds IPv4 and IPv6"
LOOKED_AT = 1_000  # records of a file that are checked for country codes


class Countries:
    """The countries in the file at `path`, or none; problems with it are logged at startup.

    Raises OSError if the file cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._reader, fault = opened(path)
        self._is_ipv4_only = self._reader is not None and self._reader.metadata().ip_version == 4
        self._has_failed = False
        if fault:
            logger.warning("%s; %s", fault, MEND)

    def of(self, address: IPv4Address | IPv6Address) -> str:
        """ISO 3166-1 alpha-2 code; "" if unknown."""
        reader = self._reader
        if reader is None or (self._is_ipv4_only and address.version == 6):
            return ""
        try:
            return code_in(reader.get(address))
        except Exception as error:  # an error in the file, or in the C reader
            if not self._has_failed:
                self._has_failed = True
                logger.warning(
                    "the geoip file is damaged: %s; such addresses have no country; %s", type(error).__name__, MEND
                )
            return ""


def opened(path: Path) -> tuple[maxminddb.Reader | None, str]:
    """The file, or None if it is invalid, and a description of the problem. Raises OSError if it cannot be read."""
    try:
        reader = maxminddb.open_database(path)
        kind, version = reader.metadata().database_type, reader.metadata().ip_version
        names_countries = any(code_in(record) for _, record in islice(reader, LOOKED_AT))
    except OSError:
        raise
    except Exception as error:
        return None, f"geoip {path} is not a complete .mmdb file ({type(error).__name__}): no country is known"
    if not names_countries:
        return None, f"geoip {path} ({kind}) names no countries where MaxMind, DB-IP or IPinfo do: no country is known"
    if version == 4:
        return reader, f"geoip {path} ({kind}) holds IPv4 addresses only: visitors by IPv6 have no country"
    return reader, ""


def code_in(record: object) -> str:
    """The country code in a record, "" if there is none."""
    for place in PLACES:
        found: Any = record
        for name in place:
            found = found.get(name) if isinstance(found, Mapping) else None
        if isinstance(found, str) and CODE.fullmatch(found):
            return found
    return ""
