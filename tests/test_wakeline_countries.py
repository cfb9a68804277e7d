"""Countries of addresses, from files of MaxMind, DB-IP and IPinfo, and from invalid files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from collector.addresses import Addresses
from ops.check.configuration import check_configuration
from ops.check.finding import Level
from tests.collector_stand import envelope, stand
from wakeline.countries import Countries, code_in
from wakeline.settings import Config, Settings

IPV4, IPV6, ELSEWHERE = "198.51.100.7", "2001:db8::7", "203.0.113.9"

MAXMIND = {
    "continent": {"code": "EU", "geoname_id": 6255148},
    "country": {"geoname_id": 2921044, "iso_code": "DE", "names": {"en": "Germany"}},
    "registered_country": {"geoname_id": 3017382, "iso_code": "FR", "names": {"en": "France"}},
}
DB_IP = {"continent": {"code": "EU"}, "country": {"geoname_id": 2921044, "iso_code": "DE", "names": {"de": "D"}}}
IPINFO_LITE = {
    "asn": "AS3320", "as_name": "x", "continent": "Europe", "continent_code": "EU", "country": "Germany",
    "country_code": "DE",
}  # fmt: skip
IPINFO_COUNTRY = {"continent": "EU", "continent_name": "Europe", "country": "DE", "country_name": "Germany"}
IPINFO_CORE = {"asn": {"asn": "AS3320"}, "geo": {"city": "Bonn", "country": "Germany", "country_code": "DE"}}


@pytest.mark.parametrize(
    ("record", "country"),
    [
        pytest.param(MAXMIND, "DE", id="MaxMind"),
        pytest.param({**MAXMIND, "country": {}}, "FR", id="MaxMind, where it is registered"),
        pytest.param({"registered_country": {"iso_code": "FR"}}, "FR", id="MaxMind, only where it is registered"),
        pytest.param(DB_IP, "DE", id="DB-IP"),
        pytest.param(IPINFO_LITE, "DE", id="IPinfo Lite"),
        pytest.param(IPINFO_COUNTRY, "DE", id="IPinfo, older"),
        pytest.param(IPINFO_CORE, "DE", id="IPinfo Core"),
        pytest.param({"country": {"iso_code": "<b>"}}, "", id="markup"),
        pytest.param({"country": {"iso_code": ["DE"]}}, "", id="a list"),
        pytest.param({"country": "Germany"}, "", id="a name alone"),
        pytest.param({"country": 49, "country_code": "deu"}, "", id="other codes"),
        pytest.param({"autonomous_system_number": 3320}, "", id="another kind of file"),
        pytest.param("DE", "", id="text"),
        pytest.param([MAXMIND], "", id="a list of records"),
        pytest.param(None, "", id="nothing"),
    ],
)
def test_a_country_is_read_where_each_vendor_puts_it(record: object, country: str) -> None:
    assert code_in(record) == country


Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(record: Mapping[str, Any], *, version: int = 6, kind: str = "GeoLite2-Country") -> Path:
        """A file in which IPV4, and by version 6 IPV6 too, have this record."""
        writer = MMDBWriter(ip_version=version, database_type=kind, ipv4_compatible=version == 6)
        writer.insert_network(IPSet([f"{IPV4}/24"]), record)
        if version == 6:
            writer.insert_network(IPSet([f"{IPV6}/32"]), record)
        path = tmp_path / f"{kind}.mmdb"
        writer.to_db_file(str(path))
        return path

    return write


@pytest.mark.parametrize("record", [MAXMIND, DB_IP, IPINFO_LITE, IPINFO_COUNTRY, IPINFO_CORE])
def test_a_file_of_any_vendor_is_read(write: Write, caplog: pytest.LogCaptureFixture, record: dict[str, Any]) -> None:
    addresses = Addresses(geoip=write(record))
    found = [addresses.country(address) for address in (IPV4, f"::ffff:{IPV4}", IPV6, ELSEWHERE, "nonsense")]
    assert found == ["DE", "DE", "DE", "", ""]
    assert caplog.text == ""


def damage(path: Path) -> None:
    """The first record points into nowhere, the rest of the file is whole."""
    content = path.read_bytes()
    at = content.index(b"iso_code") - 1
    path.write_bytes(content[:at] + b"\xff" * 9 + content[at + 9 :])


BAD = {
    "another kind": (
        lambda write: write({"autonomous_system_number": 3320}, kind="GeoLite2-ASN"),
        "names no countries",
    ),
    "no .mmdb": (lambda write: _text(write), "not a complete .mmdb file"),
    "cut": (lambda write: _cut(write), "not a complete .mmdb file"),
    "damaged": (lambda write: _damaged(write), "not a complete .mmdb file"),
    "IPv4 only": (lambda write: write(MAXMIND, version=4), "IPv4 addresses only"),
}


def _text(write: Write) -> Path:
    path = write(MAXMIND)
    path.write_text("not a database")
    return path


def _cut(write: Write) -> Path:
    path = write(MAXMIND)
    path.write_bytes(path.read_bytes()[:40])
    return path


def _damaged(write: Write) -> Path:
    path = write(MAXMIND)
    damage(path)
    return path


@pytest.mark.parametrize("name", BAD)
def test_what_a_file_cannot_tell_is_said_at_the_start_and_by_the_check(
    write: Write, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    """Once; no lookup raises, and no address is treated differently."""
    make, words = BAD[name]
    path = make(write)
    addresses = Addresses(geoip=path)
    assert caplog.text.count(words) == caplog.text.count("name a file of countries from MaxMind") == 1
    caplog.clear()
    found = [addresses.country(address) for address in (IPV4, IPV6, ELSEWHERE)]
    assert found == ["DE" if name == "IPv4 only" else "", "", ""]
    assert caplog.text == ""
    findings = [finding for finding in check_configuration(Config(Settings(geoip=path), {})) if "geoip" in finding.what]
    assert [words in finding.what for finding in findings] == [True]
    assert findings[0].level is Level.WARN


def test_a_check_says_what_a_good_file_is(write: Write) -> None:
    findings = [*check_configuration(Config(Settings(geoip=write(IPINFO_LITE)), {}))]
    assert [finding.level for finding in findings if "geoip" in finding.what] == [Level.OK]


def test_a_record_that_is_damaged_is_no_country_and_said_once_without_the_address(
    write: Write, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files are large: their later parts are only read when a visitor comes from there."""
    path = write(MAXMIND)
    damage(path)
    monkeypatch.setattr("wakeline.countries.LOOKED_AT", 0)
    monkeypatch.setattr("wakeline.countries.any", lambda found: True, raising=False)
    countries = Countries(path)
    caplog.clear()
    assert [countries.of(ip_address(address)) for address in (IPV4, IPV6, ELSEWHERE)] == ["", "", ""]
    assert caplog.text.count("damaged") == 1
    assert IPV4 not in caplog.text
    assert IPV6 not in caplog.text


async def test_a_file_of_another_kind_costs_no_event(write: Write, tmp_path: Path) -> None:
    settings = {"geoip": write({"autonomous_system_number": 3320}, kind="GeoLite2-ASN")}
    async with stand(tmp_path, settings=settings) as collector:
        assert (await collector.post(envelope()))[0] == 202
        assert [record.country for record in await collector.records()] == [""]
