"""The settings: precedence of sources, rejected values, and error messages with place and fix."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from textwrap import dedent
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeline.config import ConfigError, load
from wakeline.config.lines import line_of, places
from wakeline.config.rules import ports
from wakeline.event import ConsentLevel
from wakeline.settings import Config, InterestRule, LogFormat, MarginRule, PageGroupRule, Settings, Site


def read(
    tmp_path: Path, text: str, *, flags: dict[str, str] | None = None, environ: dict[str, str] | None = None
) -> Config:
    path = tmp_path / "wakeline.toml"
    path.write_text(dedent(text))
    return load(path, flags or {}, environ or {})


def refused(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as refusal:
        read(tmp_path, text)
    return [str(problem).replace(str(tmp_path) + "/", "") for problem in refusal.value.problems]


# ---- sources --------------------------------------------------------------------------------------


def test_without_anything_the_defaults_hold() -> None:
    config = load(None, {}, {})
    assert config == Config(Settings(), {}, frozenset(), None)


def test_a_flag_beats_the_environment_beats_the_file_beats_the_default(tmp_path: Path) -> None:
    text = "port = 1001\nworkers = 3\nlanes = 4\n"
    config = read(tmp_path, text, flags={"port": "1003"}, environ={"WAKELINE_PORT": "1002", "WAKELINE_WORKERS": "2"})
    assert (config.settings.port, config.settings.workers, config.settings.lanes) == (1003, 2, 4)
    assert config.settings.api_port == Settings().api_port
    assert config.given == {"port", "workers", "lanes"}


def test_every_kind_of_setting_is_read_from_the_file(tmp_path: Path) -> None:
    (tmp_path / "countries.mmdb").write_bytes(b"")
    config = read(
        tmp_path,
        """
        redis = "redis://example.org/3"
        data = "here"
        script_path = "/s.js"
        endpoint_path = "/e"
        half_life_days = 3
        trusted_proxies = ["10.0.0.0/8", "2001:db8::/32"]
        geoip = "countries.mmdb"
        log_format = "json"

        [[site]]
        key = "shop"
        secret = "0123456789abcdef"
        identify_expires = true
        purposes = ["personalise", "contact"]
        origins = ["https://shop.example", "http://localhost:8080"]
        time_zone = "Europe/Berlin"
        consent = "off"
        own_addresses = ["192.0.2.7"]
        own_cookie = "staff"
        query = ["size"]
        masks = ["/reset/*"]

        [[site.interests]]
        path = "/shoes/*"
        interest = "shoes"

        [[site.page_groups]]
        path = "/shoes/*"
        group = "products"

        [[site]]
        key = "blog"
        """,
    )
    assert config.settings == Settings(
        redis="redis://example.org/3",
        data=tmp_path / "here",
        script_path="/s.js",
        endpoint_path="/e",
        half_life_days=3.0,
        trusted_proxies=(ip_network("10.0.0.0/8"), ip_network("2001:db8::/32")),
        geoip=tmp_path / "countries.mmdb",
        log_format=LogFormat.JSON,
    )
    assert config.sites == {
        "shop": Site(
            key="shop",
            secret="0123456789abcdef",
            identify_expires=True,
            purposes=("personalise", "contact"),
            origins=("https://shop.example", "http://localhost:8080"),
            time_zone=ZoneInfo("Europe/Berlin"),
            consent=ConsentLevel.OFF,
            own_addresses=(ip_network("192.0.2.7/32"),),
            own_cookie="staff",
            query=("size",),
            masks=("/reset/*",),
            interests=(InterestRule(path="/shoes/*", interest="shoes"),),
            page_groups=(PageGroupRule(path="/shoes/*", group="products"),),
        ),
        "blog": Site(key="blog"),
    }


def test_text_becomes_every_kind_of_setting() -> None:
    environ = {
        "WAKELINE_TRUSTED_PROXIES": "10.0.0.0/8, ::1/128",
        "WAKELINE_HALF_LIFE_DAYS": "2.5",
        "WAKELINE_DATA": "d",
    }
    settings = load(None, {"log_format": "json", "workers": "2"}, environ).settings
    expected = Settings(
        trusted_proxies=(ip_network("10.0.0.0/8"), ip_network("::1/128")),
        half_life_days=2.5,
        data=Path("d"),
        log_format=LogFormat.JSON,
        workers=2,
    )
    assert settings == expected


def test_what_is_empty_counts_as_not_given(tmp_path: Path) -> None:
    config = read(tmp_path, "port = 1001", flags={"port": ""}, environ={"WAKELINE_PORT": ""})
    assert config.settings.port == 1001


def test_without_redis_the_embedded_server_is_meant_on_its_port() -> None:
    assert load(None, {"embedded_port": "1234"}, {}).settings.redis == "redis://127.0.0.1:1234/0"
    given_one = load(None, {"embedded_port": "1234", "redis": "unix:///run/redis.sock"}, {})
    assert given_one.settings.redis == "unix:///run/redis.sock"


# ---- refusals -------------------------------------------------------------------------------------

SITE = '[[site]]\nkey = "shop"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(
            SITE + 'time_zone = "Europe/Berln"',
            'wakeline.toml line 3: time_zone "Europe/Berln" is not a time zone; did you mean Europe/Berlin?',
            id="time zone",
        ),
        pytest.param(
            'port = "8700"',
            'wakeline.toml line 1: port must be a whole number, not text "8700": omit the quotes, 8700',
            id="number in quotes",
        ),
        pytest.param(
            "port = true", "wakeline.toml line 1: port must be a whole number, not true", id="true is no number"
        ),
        pytest.param("port = 0", "wakeline.toml line 1: port 0 is out of range: 1 to 65535", id="port 0"),
        pytest.param("lanes = 2000", "wakeline.toml line 1: lanes 2000 is out of range: 1 to 1024", id="lanes"),
        pytest.param(
            "half_life_days = nan", "wakeline.toml line 1: half_life_days nan is out of range: 1 to 3650", id="nan"
        ),
        pytest.param(
            "\n\nmetrics_prot = 1",
            "wakeline.toml line 3: there is no setting metrics_prot; did you mean metrics_port?",
            id="unknown setting",
        ),
        pytest.param(
            SITE + "time_zome = 1",
            "wakeline.toml line 3: a site has no setting time_zome; did you mean time_zone?",
            id="unknown setting of a site",
        ),
        pytest.param(
            SITE + "port = 1",
            "wakeline.toml line 3: port is not a site's setting: move it to the top, above the first [[site]]",
            id="setting below a site",
        ),
        pytest.param(
            'key = "shop"',
            "wakeline.toml line 1: key is a site's setting: move it below [[site]]",
            id="site key at the top",
        ),
        pytest.param(
            "[settings]\nport = 1",
            "wakeline.toml line 1: there is no table [settings]: "
            "put settings at the top of the file, outside of any table",
            id="table of settings",
        ),
        pytest.param(
            '[site]\nkey = "shop"',
            "wakeline.toml line 1: each site is a separate table: write [[site]]",
            id="single brackets",
        ),
        pytest.param(
            "# a site\n[[site]]\norigins = []",
            'wakeline.toml line 2: the site has no key: add one, key = "shop"; it is the snippet\'s data-site',
            id="no key",
        ),
        pytest.param(
            SITE + SITE,
            'wakeline.toml line 4: key "shop" is already used in wakeline.toml line 2',
            id="key twice",
        ),
        pytest.param(
            '[[site]]\nkey = "a:b"',
            'wakeline.toml line 2: key "a:b" is not a site key: '
            "use up to 64 letters, digits, dots, dashes and underscores",
            id="key with a colon",
        ),
        pytest.param(
            SITE + 'secret = "hunter2"',
            "wakeline.toml line 3: secret has 7 characters, needs at least 16: "
            "generate one with `openssl rand -hex 16`",
            id="short secret",
        ),
        pytest.param(
            SITE + 'consent = "fulll"',
            'wakeline.toml line 3: consent "fulll" is not one of off, anonymous, full; did you mean full?',
            id="consent",
        ),
        pytest.param(
            SITE + 'origins = "https://shop.example"',
            'wakeline.toml line 3: origins must be a list: write ["https://shop.example"]',
            id="no list",
        ),
        pytest.param(
            SITE + 'own_addresses = [\n "192.0.2.0/24",\n "192.0.2.9/24",\n]',
            'wakeline.toml line 5: own_addresses "192.0.2.9/24" is not an address range; did you mean 192.0.2.0/24?',
            id="address with host bits, in its own line",
        ),
        pytest.param(
            SITE + 'masks = ["reset/*"]',
            'wakeline.toml line 3: masks "reset/*" must start with a slash: write "/reset/*"',
            id="mask without slash",
        ),
        pytest.param(
            SITE + 'masks = ["/reset"]',
            'wakeline.toml line 3: masks "/reset" masks nothing: put a * where the part to hide is, like /reset/*',
            id="mask without star",
        ),
        pytest.param(
            SITE + '[[site.interests]]\npath = "/a"\ninterest = "a"\nmasks = []',
            "wakeline.toml line 3: interests allow only path and interest, not masks: "
            "it belongs to the site, above its first [[site.interests]]",
            id="site's setting below an interest",
        ),
        pytest.param(
            SITE + 'interests = [{path = "/a"}]',
            'wakeline.toml line 3: interests need a path and an interest, both as text: write interest = "..."',
            id="half an interest",
        ),
        *(
            pytest.param(SITE + f'[[site.page_groups]]\npath = "{path}"\ngroup = "{group}"', error, id=f"group {group}")
            for path, group, error in (
                (
                    "/a",
                    "",
                    "wakeline.toml line 3: page_groups group must have 1 to 40 visible characters, "
                    "and no space around them",
                ),
                (
                    "/a",
                    " a",
                    "wakeline.toml line 3: page_groups group must have 1 to 40 visible characters, "
                    "and no space around them",
                ),
                (
                    "/a",
                    "a" * 41,
                    "wakeline.toml line 3: page_groups group must have 1 to 40 visible characters, "
                    "and no space around them",
                ),
                (
                    "/a",
                    "a\\u202e",
                    "wakeline.toml line 3: page_groups group must have 1 to 40 visible characters, "
                    "and no space around them",
                ),
                (
                    "/a",
                    "(other)",
                    'wakeline.toml line 3: page_groups group "(other)" must not begin with a bracket: '
                    "(all) and (other) do",
                ),
                ("a", "b", 'wakeline.toml line 3: page_groups path "a" must start with a slash: write "/a"'),
            )
        ),
        pytest.param(
            SITE + "".join(f'[[site.page_groups]]\npath = "/{n}"\ngroup = "{n}"\n' for n in range(8)),
            "wakeline.toml line 1: page_groups have 8 groups, more than 7: give some the same name",
            id="too many groups",
        ),
        pytest.param(
            SITE + '[[site.page_groups]]\npath = "/a"\ngroup = "a"\n' * 101,
            "wakeline.toml line 1: page_groups have 101 rules, more than 100: join some with a * in their path",
            id="too many rules for groups",
        ),
        pytest.param(
            SITE + '[[site.margins]]\ncategory = "Shoes"\nrate = "40 %"',
            'wakeline.toml line 3: margins rate must be a number, not text "40 %"',
            id="a rate in quotes",
        ),
        pytest.param(
            SITE + '[[site.margins]]\ncategory = "Shoes"\nrate = 40',
            "wakeline.toml line 3: margins rate 40 is out of range: 0 to 1, as 0.4 for 40 %",
            id="a rate in percent",
        ),
        pytest.param(
            'script_path = "s.js"',
            'wakeline.toml line 1: script_path "s.js" is not the path of a script: write it like /s.js',
            id="script path, without slash",
        ),
        pytest.param(
            'script_path = "/s"',
            'wakeline.toml line 1: script_path "/s" is not the path of a script: write it like /s.js',
            id="script path, no script",
        ),
        pytest.param(
            'script_path = "/a b.js"',
            'wakeline.toml line 1: script_path "/a b.js" is not the path of a script: write it like /s.js',
            id="script path, blank",
        ),
        pytest.param(
            'script_path = "//s.js"',
            'wakeline.toml line 1: script_path "//s.js" is not the path of a script: write it like /s.js',
            id="script path, empty part",
        ),
        pytest.param(
            'script_path = "/../s.js"',
            'wakeline.toml line 1: script_path "/../s.js" is not the path of a script: write it like /s.js',
            id="script path, dots",
        ),
        pytest.param(
            'script_path = "/wakeline.full.js"',
            'wakeline.toml line 1: script_path "/wakeline.full.js" is the name of another script of Wakeline: '
            "write it like /s.js",
            id="script path, another's",
        ),
        pytest.param(
            'endpoint_path = "e"',
            'wakeline.toml line 1: endpoint_path "e" is not a path for events: '
            "write it like /e, but not as a script or /healthz or /readyz",
            id="endpoint path, without slash",
        ),
        pytest.param(
            'endpoint_path = "/healthz"',
            'wakeline.toml line 1: endpoint_path "/healthz" is not a path for events: '
            "write it like /e, but not as a script or /healthz or /readyz",
            id="endpoint path, health",
        ),
        pytest.param(
            'endpoint_path = "/s.js"',
            'wakeline.toml line 1: endpoint_path "/s.js" is not a path for events: '
            "write it like /e, but not as a script or /healthz or /readyz",
            id="endpoint path, a script's",
        ),
        pytest.param(
            'endpoint_path = "/e?"',
            'wakeline.toml line 1: endpoint_path "/e?" is not a path for events: '
            "write it like /e, but not as a script or /healthz or /readyz",
            id="endpoint path, with a query",
        ),
        pytest.param(
            SITE + 'purposes = ["contact, personalise"]',
            'wakeline.toml line 3: purposes "contact, personalise" is not a purpose\'s name: '
            "use 1 to 64 characters, no comma and no space around it",
            id="purposes in one text",
        ),
        pytest.param(
            SITE + 'identify_expires = "True"',
            'wakeline.toml line 3: identify_expires must be true or false, not text "True": omit the quotes, true',
            id="true in quotes",
        ),
        pytest.param(
            SITE + 'query = ["?q"]',
            'wakeline.toml line 3: query "?q" is not the name of a query parameter: write it without ?, & and =',
            id="query",
        ),
        pytest.param(
            'geoip = "/none.mmdb"',
            'wakeline.toml line 1: geoip "/none.mmdb" does not exist: name a file, or omit the setting',
            id="file that is not there",
        ),
        pytest.param(
            "api_port = 8700",
            "wakeline.toml line 1: api_port 8700 is also port's default: choose another",
            id="port given out twice",
        ),
        pytest.param(
            "port = 8701",
            "wakeline.toml line 1: port 8701 is also metrics_port's default: choose another",
            id="port of a later setting's default",
        ),
        pytest.param(
            "port = 9000\napi_port = 9000",
            "wakeline.toml line 2: api_port 9000 is also port: choose another",
            id="port given out twice, both in the file",
        ),
        pytest.param(
            "demo_port = 8721\nworkers = 3",
            "wakeline.toml line 1: demo_port 8721 is also metrics_port's default of worker 2: choose another",
            id="port of a further worker, before the setting",
        ),
        pytest.param(
            SITE + 'origins = ["https://a_b..c.de"]',
            'wakeline.toml line 3: origins "https://a_b..c.de" has an empty label between two dots in its host',
            id="origin with an empty label",
        ),
        pytest.param(
            'public_url = "https://a..b.de"',
            'wakeline.toml line 1: public_url "https://a..b.de" has an empty label between two dots in its host',
            id="public URL with an empty label",
        ),
        pytest.param(
            SITE + 'masks = ["/pay?token=*"]',
            'wakeline.toml line 3: masks "/pay?token=*" never matches: a path ends before its ?, and the query '
            "is dropped except utm_* and what `query` names. A question mark that is part of a path is written %3F",
            id="mask of a query",
        ),
        pytest.param(
            SITE + 'masks = ["/app#/o/*", "/page#token*"]',
            'wakeline.toml line 3: masks "/page#token*" never matches: a fragment is kept only if it is a route, as '
            "in /app#/orders/*. A number sign that is part of a path is written %23",
            id="mask of a fragment",
        ),
        pytest.param(
            "workers = 2\ndemo_port = 8711",
            "wakeline.toml line 2: demo_port 8711 is also metrics_port's default of worker 1: choose another",
            id="port of a further worker",
        ),
        pytest.param("port == 1\n", "wakeline.toml line 1: not valid TOML at column 7: Invalid value", id="column"),
        pytest.param(
            "port = ", "wakeline.toml line 1: not valid TOML at the end of the file: Invalid value", id="syntax"
        ),
        pytest.param(
            "port = 1\nport = 2",
            "wakeline.toml line 2: not valid TOML at the end of the file: Cannot overwrite a value",
            id="twice",
        ),
        pytest.param(
            'a = "',
            "wakeline.toml line 1: not valid TOML at the end of the file: Unterminated string",
            id="open string",
        ),
        pytest.param(
            'host = "shop.example"',
            'wakeline.toml line 1: host "shop.example" is not an address of this machine: '
            "write 127.0.0.1, or 0.0.0.0 for all of them",
            id="host name",
        ),
    ],
)
def test_a_wrong_line_is_named_with_its_mend(tmp_path: Path, text: str, said: str) -> None:
    assert refused(tmp_path, text) == [said]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        pytest.param("https://Shop.example", "https://shop.example", id="capitals"),
        pytest.param("https://shop.example/", "https://shop.example", id="slash"),
        pytest.param("https://shop.example/en", "https://shop.example", id="path"),
        pytest.param("https://shop.example:443", "https://shop.example", id="the scheme's own port"),
        pytest.param("http://bücher.example", "http://xn--bcher-kva.example", id="umlaut"),
        pytest.param("https://straße.de", "https://xn--strae-oqa.de", id="a letter that is not two others"),
        pytest.param("https://faß.example:8443", "https://xn--fa-hia.example:8443", id="the same with a port"),
        pytest.param("https://☕.example", "https://xn--53h.example", id="a picture"),
        pytest.param("http://[::1]:80", "http://[::1]", id="IPv6"),
    ],
)
def test_an_origin_that_no_browser_sends_is_corrected(tmp_path: Path, written: str, meant: str) -> None:
    (said,) = refused(tmp_path, SITE + f'origins = ["{written}"]')
    assert f'did you mean "{meant}"?' in said
    read(tmp_path, SITE + f'origins = ["{meant}"]')


@pytest.mark.parametrize(
    "written",
    [
        "shop.example",
        "*",
        "https://*.shop.example",
        "null",
        "ftp://a",
        "http://[",
        "http://a:x",
        "https://\u2488.example",
    ],
)
def test_what_is_no_origin_is_refused(tmp_path: Path, written: str) -> None:
    (said,) = refused(tmp_path, SITE + f'origins = ["{written}"]')
    assert "write it like https://shop.example" in said


def test_a_public_url_is_spelt_as_browsers_spell_it(tmp_path: Path) -> None:
    (said,) = refused(tmp_path, 'public_url = "https://straße.de/stats"')
    assert 'did you mean "https://xn--strae-oqa.de/stats"?' in said
    read(tmp_path, 'public_url = "https://xn--strae-oqa.de/stats"')


@pytest.mark.parametrize(
    ("months", "said"),
    [
        ("visitor_most_months = 12", ["line 3: visitor_most_months is 12, less than visitor_months, 13"]),
        ("customer_months = 24", ["line 3: customer_months is 24, less than visitor_most_months, 25"]),
        ("visitor_months = 26", ["line 1: visitor_most_months is 25, less than visitor_months, 26"]),
        ("visitor_months = 0", ["line 3: visitor_months 0 is out of range: 1 to 120"]),
    ],
)
def test_no_visitor_is_known_for_longer_than_its_customer(tmp_path: Path, months: str, said: list[str]) -> None:
    text = f'[[site]]\nkey = "shop"\n{months}\n'
    assert refused(tmp_path, text) == [f"wakeline.toml {one}" for one in said]


def test_all_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    text = 'port = 0\nlanes = 0\n[[site]]\nkey = "?"\n[[site]]\nkey = "b"\norigins = ["x", "y"]\n'
    assert [said.partition(":")[0].rpartition(" ")[2] for said in refused(tmp_path, text)] == ["1", "2", "4", "7", "7"]


@pytest.mark.parametrize(
    "url",
    [
        "redis://127.0.0.1:6379/3",
        "rediss://wakeline:p%40ss@redis.example:6380/0?ssl_ca_certs=/etc/ca.pem&ssl_check_hostname=false",
        "unix:///run/redis.sock",
    ],
)
def test_a_server_is_named_as_redis_py_does(tmp_path: Path, url: str) -> None:
    assert read(tmp_path, f'redis = "{url}"').settings.redis == url


@pytest.mark.parametrize("scheme", ["redis+cluster", "rediss+cluster"])
def test_a_cluster_has_its_log_on_kafka(tmp_path: Path, scheme: str) -> None:
    url = f"{scheme}://wakeline:hunter2@10.0.0.1:6379,10.0.0.2"
    assert read(tmp_path, f'redis = "{url}"\nlog = "kafka://k:9092"').settings.redis == url
    (said,) = refused(tmp_path, f'redis = "{url}"')
    assert said.startswith("wakeline.toml line 1: redis is a cluster")
    assert said.endswith("redis+cluster:// needs log = kafka://host:9092")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        pytest.param("http://h", "is not the URL of a Redis server: write it like redis://127.0.0.1:6379/0", id="HTTP"),
        pytest.param("redis+cluster://u:hunter2@", "names a node without a host: write some nodes like", id="no host"),
        pytest.param("redis+cluster://a,,b", "names a node without a host", id="one without a host"),
        pytest.param("redis+cluster://a:x", "is not the URL of a Redis server", id="no port"),
        pytest.param("redis+cluster://a/3", "names a database, but a cluster only has 0: omit it", id="database"),
        pytest.param("rediss://u:hunter2@a?ssl_ca_cert=x", "has an option that redis-py rejects: ", id="option"),
        pytest.param("rediss+cluster://u:hunter2@a?ssl_ca_cert=x", "has an option that redis-py rejects: ", id="its"),
        pytest.param("redis://a?socket_timeout=hunter2", "Invalid value for 'socket_timeout'", id="of another type"),
    ],
)
def test_what_names_no_server_is_said_without_its_password(tmp_path: Path, url: str, words: str) -> None:
    (said,) = refused(tmp_path, f'redis = "{url}"\nlog = "kafka://k:9092"')
    assert said.startswith("wakeline.toml line 1: redis ")
    assert words in said
    assert "hunter2" not in said


def test_a_log_that_was_used_before_was_on_no_cluster(tmp_path: Path) -> None:
    read(tmp_path, 'log = "kafka://k:9092"\nlog_before = "redis://h"')
    (said,) = refused(tmp_path, 'log = "kafka://k:9092"\nlog_before = "redis+cluster://h"')
    assert "log_before is not the URL of a log" in said


def test_a_secret_is_never_repeated(tmp_path: Path) -> None:
    path = tmp_path / "wakeline.toml"
    path.write_text('api_token = 123454321\n[[site]]\nkey = "shop"\nsecret = ["hunter2-hunter2"]\n')
    with pytest.raises(ConfigError) as refusal:
        load(path, {"redis": "http://user:hunter2@h"}, {})
    assert len(refusal.value.problems) == 3
    assert "hunter2" not in str(refusal.value)
    assert "123454321" not in str(refusal.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(None, "cannot be read: No such file", id="missing"),
        pytest.param(b"port = 8700 # \xff", "byte 14 is not UTF-8", id="not UTF-8"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "other.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=words) as refusal:
        load(path, {}, {})
    assert str(path) in str(refusal.value)


@pytest.mark.parametrize(
    ("flags", "environ", "said"),
    [
        pytest.param({"api_port": "x"}, {}, '--api-port: api_port "x" is not a whole number', id="flag"),
        pytest.param(
            {},
            {"WAKELINE_PORT": "tcp://10.0.0.1:8700"},
            'WAKELINE_PORT: port "tcp://10.0.0.1:8700" is not a whole number',
            id="environment",
        ),
        pytest.param(
            {}, {"WAKELINE_PROT": "1"}, "WAKELINE_PROT: is not a setting; did you mean WAKELINE_PORT?", id="slip"
        ),
        pytest.param(
            {},
            {"WAKELINE_TRUSTED_PROXIES": "me"},
            'WAKELINE_TRUSTED_PROXIES: trusted_proxies "me" is not an address range: '
            "write it like 192.0.2.0/24 or 2001:db8::/32",
            id="list",
        ),
    ],
)
def test_flags_and_environment_are_named_too(flags: dict[str, str], environ: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        load(None, flags, environ)
    assert str(refusal.value) == said


def test_somebody_elses_variable_with_our_prefix_is_left_alone() -> None:
    assert load(None, {}, {"WAKELINE_HOME": "/srv", "WAKELINE_SERVICE_HOST": "10.0.0.1"}) == load(None, {}, {})


def test_the_default_ports_are_all_different() -> None:
    many = replace(Settings(), workers=64)
    assert len(list(ports(Settings()))) == len({port for _, port in ports(Settings())})
    assert len(list(ports(many))) > 64


# ---- where a key stands ---------------------------------------------------------------------------


def test_lines_are_found_in_awkward_toml() -> None:
    text = dedent(
        '''\
        title = """
        [[site]]
        key = "no" \\"""
        """ # a = b
        a.b . "c d" = 1
        list = [ # one
          "x # no comment", [
            1, 2],
          { k = "v", l = [
            3 ] },
        ]

        [[ site ]]
        key = '#'
        [[site.interests]]
        path = 1
        [[site.interests]]
        path = 2
        [[site]]
        [site.sub]
        x = """"quoted""""
        y = 1979-05-27 07:32:00
        [[site.interests]]
        '''
    )
    tomllib.loads(text)
    found = places(text)
    expected = {
        ("title",): 1,
        ("a", "b", "c d"): 5,
        ("list",): 6,
        ("list", 0): 7,
        ("list", 1): 7,
        ("list", 1, 0): 8,
        ("list", 2): 9,
        ("list", 2, "l", 0): 10,
        ("site", 0): 13,
        ("site", 0, "key"): 14,
        ("site", 0, "interests", 1, "path"): 18,
        ("site", 1): 19,
        ("site", 1, "sub", "x"): 21,
        ("site", 1, "sub", "y"): 22,
        ("site", 1, "interests", 0): 23,
    }
    assert {place: found.get(place) for place in expected} == expected


def test_what_has_no_line_is_told_by_what_is_around_it() -> None:
    found = places('[[site]]\nkey = "a"\n')
    assert line_of(found, ("site", 0, "secret")) == 1
    assert line_of(found, ("port",)) is None


@given(st.text(alphabet="ab.=[]{}\"'#,\n \\1", max_size=60))
def test_no_valid_toml_stops_the_search(text: str) -> None:
    """Every place that tomllib knows has a line within the text."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    found = places(text)
    assert all(1 <= line <= text.count("\n") + 1 for line in found.values())
    assert set(table) <= {place[0] for place in found}


# ---- margins ----------------------------------------------------------------------------------------


def test_margins_of_categories(tmp_path: Path) -> None:
    text = SITE + '[[site.margins]]\ncategory = "Shoes"\nrate = 0.4\n[[site.margins]]\ncategory = "Gifts"\nrate = 1\n'
    site = read(tmp_path, text).sites["shop"]
    assert site.margins == (MarginRule(category="Shoes", rate=0.4), MarginRule(category="Gifts", rate=1.0))
    assert site.page_orders


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        pytest.param('category = "Shoes"', "margins need a category and a rate: write rate = 0.4", id="no rate"),
        pytest.param("rate = 0.4", 'margins need a category and a rate: write category = "..."', id="no category"),
        pytest.param(
            'category = "Shoes"\nrate = 40', "margins rate 40 is out of range: 0 to 1, as 0.4 for 40 %", id="percent"
        ),
        pytest.param('category = "  "\nrate = 0.4', "margins category must have 1 to 200 characters", id="spaces"),
        pytest.param('category = "Shoes"\nrate = "0.4"', 'margins rate must be a number, not text "0.4"', id="a text"),
        pytest.param(
            'category = "Shoes"\nrate = 0.4\n[[site.margins]]\ncategory = "shoes "\nrate = 0.2',
            'margins have "shoes " twice, also as "Shoes": which rate is meant?',
            id="twice",
        ),
    ],
)
def test_a_margin_that_is_none_is_refused(tmp_path: Path, rule: str, problem: str) -> None:
    [found] = refused(tmp_path, SITE + "[[site.margins]]\n" + rule + "\n")
    assert found.partition(": ")[2].startswith(problem)


# ---- costs ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "problems"),
    [
        ('currency = "EURO"\nminute_cost = 0.75\nreturn_cost = 4.2', ['currency "EURO" is not a currency of ISO 4217']),
        ("minute_cost = 0.75", ["minute_cost needs the site's currency"]),
        ("visitor_months = 26\nvisitor_most_months = 900", ["visitor_most_months 900 is out of range"]),
    ],
    ids=["a wrong currency", "no currency", "months out of range"],
)
def test_nothing_is_said_of_what_a_refused_setting_was_to_fit(tmp_path: Path, lines: str, problems: list[str]) -> None:
    found = [one.partition(": ")[2] for one in refused(tmp_path, SITE + lines + "\n")]
    assert len(found) == len(problems), found
    assert all(one.startswith(words) for one, words in zip(found, problems, strict=True)), found
