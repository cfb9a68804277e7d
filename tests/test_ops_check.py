"""`wakeline check`: its findings about pages, policies, configurations and servers."""

from __future__ import annotations

import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from benchmarks.machine import free_port
from ops.check.configuration import check_configuration
from ops.check.csp import blocks_connection, blocks_script, policies
from ops.check.finding import Finding, Level
from ops.check.history import check_history
from ops.check.node import Facts
from ops.check.page import Page, look
from ops.check.run import MAX_BYTES, _page
from ops.check.script import judge_script
from ops.check.server import check_server, gather, judge
from ops.check.sites import check_sites
from wakeline.config import load
from wakeline.event import ConsentLevel
from wakeline.history import History, Segment
from wakeline.history.identity import publish, store_identity
from wakeline.keys import LOG_TIME, Keys
from wakeline.lanes import Deployment, open_deployment
from wakeline.log.opening import open_log
from wakeline.redis.connect import connect
from wakeline.scripts import Kind, Published, integrity_of
from wakeline.settings import Config, Settings, Site

SHOP = Site(key="shop", origins=("https://shop.example",), secret="0123456789abcdef")
CONFIG = Config(Settings(public_url="https://stats.shop.example", api_token="t"), {"shop": SHOP}, path=Path("w.toml"))
IN_QUERY = '<script defer src="https://stats.shop.example/wakeline.js?site={}&amp;consent=anonymous"></script>'
TAG = '<script defer src="https://stats.shop.example/wakeline.js" data-site="shop" data-consent="anonymous"></script>'


def problems(findings: Any) -> list[Finding]:
    return [finding for finding in findings if finding.level is not Level.OK]


# ---- a page ---------------------------------------------------------------------------------------


def seen(html: str, *, url: str = "https://shop.example/", csp: tuple[str, ...] = (), config: Config = CONFIG) -> str:
    return "\n".join(
        f"{finding.level} {finding.what}: {finding.fix}"
        for finding in problems(look(Page(url, html, csp), config).findings)
    )


def test_a_page_as_we_say_it_has_nothing_to_mend() -> None:
    result = look(Page("https://shop.example/a", f"<html><head>{TAG}</head></html>"), CONFIG)
    assert not problems(result.findings)
    assert result.source == "https://stats.shop.example/wakeline.js"


def test_a_site_may_stand_in_the_query_of_the_script() -> None:
    assert not problems(look(Page("https://shop.example/a", IN_QUERY.format("shop")), CONFIG).findings)


@pytest.mark.parametrize(
    ("html", "words"),
    [
        pytest.param("<p>hello", "no Wakeline tag", id="no tag"),
        pytest.param(TAG + "\n" + TAG, "2 tags (lines 1, 2)", id="two tags"),
        pytest.param(f"\n<!-- {TAG} -->", "the tag in line 2 never runs: it is inside a comment", id="in a comment"),
        pytest.param(f"<noscript>{TAG}</noscript>", "inside <noscript>", id="in noscript"),
        pytest.param(f"<template>{TAG}</template>", "inside <template>", id="in a template"),
        pytest.param(TAG.replace("defer", 'type="text/plain"'), 'type="text/plain"', id="held back by a consent tool"),
        pytest.param(
            TAG.replace('shop"', 'shpo"', 1), "data-site shpo is not a site in w.toml; did you mean shop?", id="typo"
        ),
        pytest.param(TAG.replace('data-site="shop"', ""), "no data-site: use one of: shop", id="no data-site"),
        pytest.param(
            IN_QUERY.format("shpo"), "data-site shpo is not a site in w.toml; did you mean shop?", id="query, typo"
        ),
        pytest.param(
            TAG.replace("anonymous", "full"), "the page uses full, but the settings say anonymous", id="consent"
        ),
        pytest.param(TAG.replace("anonymous", "ful"), '"ful" is not a level', id="consent level unknown"),
        pytest.param(TAG.replace("anonymous", "ful"), "existing ids are deleted", id="what that means"),
        pytest.param(
            TAG + '\n<button data-wakeline-event="page_view">',
            'data-wakeline-event="page_view" in line 2 is a name reserved by Wakeline: a click counts as that',
            id="an event called as ours",
        ),
        pytest.param(TAG.replace("https:", "http:"), "browsers block it", id="mixed content"),
        pytest.param(TAG.replace("defer ", ""), "add the attribute defer", id="blocks rendering"),
        pytest.param('<script defer data-site="shop"></script>', "the tag has no src", id="no src"),
    ],
)
def test_what_is_wrong_with_a_tag_is_said(html: str, words: str) -> None:
    assert words in seen(html)


def test_a_tag_beside_a_commented_one_is_fine() -> None:
    assert seen(f"<!-- {TAG} -->{TAG}") == ""


def test_a_marked_element_with_a_name_of_its_own_is_fine() -> None:
    assert seen(f'{TAG}<button data-wakeline-event="configured"><a data-wakeline-interest="page_view">') == ""


VITALS_TAG = '<script defer src="https://stats.shop.example/wakeline.vitals.0.1.0.js"></script>'


@pytest.mark.parametrize(
    "html",
    [
        pytest.param(TAG + VITALS_TAG, id="with vitals"),
        pytest.param(TAG + VITALS_TAG.replace("vitals", "consent"), id="with a consent platform"),
        pytest.param(TAG + VITALS_TAG.replace("vitals", "datalayer"), id="with a data layer"),
        pytest.param(TAG.replace("wakeline.js", "wakeline.full.js"), id="full"),
        pytest.param(TAG.replace("wakeline.js", "s.js"), id="under another name"),
        pytest.param(TAG.replace('.js"', '.full.0.1.0.js" integrity="sha384-x" crossorigin="anonymous"'), id="pinned"),
    ],
)
def test_each_form_of_the_tag_is_fine(html: str) -> None:
    assert seen(html) == ""


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        pytest.param('src="https://stats.shop.example/wakeline.0.1.0.js"', "no crossorigin", id="of another origin"),
        pytest.param('src="/wakeline.js"', "its src has no version", id="of a script that changes"),
    ],
)
def test_a_hash_that_will_not_do_is_said(attributes: str, words: str) -> None:
    assert words in seen(f'<script defer {attributes} integrity="sha384-x" data-site="shop"></script>')


def test_consent_left_out_means_anonymous() -> None:
    assert seen(TAG.replace('data-consent="anonymous"', "")) == ""


def test_an_origin_that_is_not_listed_is_named_with_the_line_to_add() -> None:
    said = seen(TAG, url="https://www.shop.example/about")
    assert 'add "https://www.shop.example" to origins of [[site]] shop' in said


def test_the_source_follows_base_and_redirects() -> None:
    html = '<base href="/app/"><script defer src="js/wakeline.js" data-site="shop"></script>'
    assert look(Page("https://shop.example/x/y", html), CONFIG).source == "https://shop.example/app/js/wakeline.js"


@pytest.mark.parametrize(
    ("csp", "words"),
    [
        pytest.param("default-src 'self'", "blocks the script (default-src)", id="default-src"),
        pytest.param("script-src https:; connect-src 'self'", "blocks sending (connect-src)", id="connect-src"),
        pytest.param(
            "script-src 'self'",
            "add https://stats.shop.example to script-src",
            id="the fix names directive and origin",
        ),
    ],
)
def test_a_policy_that_blocks_is_said(csp: str, words: str) -> None:
    assert words in seen(TAG, csp=(csp,))
    assert words in seen(f'<meta http-equiv="Content-Security-Policy" content="{csp}">{TAG}')


@pytest.mark.parametrize(
    ("csp", "words"),
    [
        pytest.param("sandbox", "sandbox without allow-scripts: no script runs", id="nothing allowed: no scripts"),
        pytest.param("sandbox", "sandbox without allow-same-origin: the page's origin is null", id="nothing allowed"),
        pytest.param("sandbox allow-scripts", "add allow-same-origin to sandbox", id="no origin"),
        pytest.param("SANDBOX Allow-Same-Origin", "add allow-scripts to sandbox", id="in capitals"),
        pytest.param("img-src *, sandbox allow-scripts", "add allow-same-origin", id="the second of two policies"),
    ],
)
def test_a_sandbox_is_said(csp: str, words: str) -> None:
    assert words in seen(TAG, csp=(csp,))


def test_a_sandbox_that_allows_both_is_none() -> None:
    assert "sandbox" not in seen(TAG, csp=("sandbox allow-forms allow-scripts ALLOW-SAME-ORIGIN",))


def test_browsers_heed_no_sandbox_in_a_page() -> None:
    assert "sandbox" not in seen(f'<meta http-equiv="Content-Security-Policy" content="sandbox">{TAG}')


def test_a_page_on_a_host_beyond_ascii_has_the_origin_that_browsers_send() -> None:
    site = replace(CONFIG.sites["shop"], origins=("https://xn--strae-oqa.de",))
    config = replace(CONFIG, sites={"shop": site})
    assert "cannot send" not in seen(TAG, url="https://straße.de/about", config=config)


# ---- policies -------------------------------------------------------------------------------------

PAGE = "https://shop.example/a"
OURS = "https://stats.shop.example/wakeline.js"


@pytest.mark.parametrize(
    ("policy", "is_blocked"),
    [
        pytest.param("img-src 'none'", False, id="another directive"),
        pytest.param("default-src *", False, id="star"),
        pytest.param("default-src 'none'", True, id="none"),
        pytest.param("script-src https:", False, id="scheme"),
        pytest.param("script-src http:", False, id="http allows https"),
        pytest.param("script-src *.shop.example", False, id="wildcard"),
        pytest.param("script-src *.example.org", True, id="other wildcard"),
        pytest.param("script-src stats.shop.example", False, id="host"),
        pytest.param("script-src http://stats.shop.example", False, id="http host allows https"),
        pytest.param("script-src stats.shop.example:8443", True, id="other port"),
        pytest.param("script-src stats.shop.example:*", False, id="any port"),
        pytest.param("script-src https://stats.shop.example/wakeline.js", False, id="path"),
        pytest.param("script-src https://stats.shop.example/js/", True, id="other folder"),
        pytest.param("script-src 'nonce-abc'", False, id="nonce of the tag"),
        pytest.param("script-src 'nonce-xyz'", True, id="another nonce"),
        pytest.param("script-src https: 'strict-dynamic'", True, id="strict-dynamic ignores hosts"),
        pytest.param("script-src 'strict-dynamic' 'nonce-abc'", False, id="strict-dynamic with the nonce"),
        pytest.param("script-src 'none'; script-src-elem https:", False, id="script-src-elem comes first"),
        pytest.param("default-src 'none'; script-src https:", False, id="script-src before default-src"),
        pytest.param("SCRIPT-SRC https:", False, id="names in any case"),
        pytest.param("script-src 'self'", True, id="self is another origin"),
    ],
)
def test_what_a_policy_lets_run(policy: str, is_blocked: bool) -> None:
    (parsed,) = policies(policy)
    assert bool(blocks_script(parsed, OURS, PAGE, nonce="abc")) is is_blocked


def test_self_is_the_page_itself_with_its_port() -> None:
    (policy,) = policies("default-src 'self'")
    assert not blocks_connection(policy, "http://localhost:8700/v1/events", "http://localhost:8700/")
    assert blocks_connection(policy, "http://localhost:8700/v1/events", "http://localhost:8710/") == "default-src"


def test_an_integrity_hash_in_the_policy_lets_it_run() -> None:
    (policy,) = policies("script-src 'sha256-abc'")
    assert not blocks_script(policy, OURS, PAGE, integrity="sha256-abc")
    assert blocks_script(policy, OURS, PAGE, integrity="sha256-other")


def test_each_of_several_policies_must_allow() -> None:
    assert [list(policy) for policy in policies("script-src a, connect-src b")] == [["script-src"], ["connect-src"]]


# ---- a page, fetched ------------------------------------------------------------------------------


NEW, FULL, OLD, VITALS, CONSENT, DATALAYER = b"new", b"full", b"old", b"vitals", b"consent", b"datalayer"
PUBLISHED = Published(
    "0.2.0",
    ("0.1.0",),
    {
        "0.1.0": {Kind.CORE: integrity_of(OLD)},
        "0.2.0": {
            Kind.CORE: integrity_of(NEW),
            Kind.FULL: integrity_of(FULL),
            Kind.VITALS: integrity_of(VITALS),
            Kind.CONSENT: integrity_of(CONSENT),
            Kind.DATALAYER: integrity_of(DATALAYER),
        },
    },
)


@pytest.fixture(autouse=True)
def scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ops.check.run.published", lambda: PUBLISHED)


@pytest.mark.parametrize(
    ("name", "body", "integrity", "level", "words"),
    [
        pytest.param("wakeline.js", NEW, "", Level.OK, "of this version", id="ours"),
        pytest.param("wakeline.full.js", FULL, "", Level.OK, "of this version", id="the full one"),
        pytest.param("s.js?v=1", FULL, "", Level.OK, "of this version", id="ours under another name"),
        pytest.param("wakeline.js", OLD, "", Level.WARN, "version 0.1.0 of the script, not 0.2.0", id="an older one"),
        pytest.param("s.0.1.0.js", OLD, "", Level.OK, "pinned to 0.1.0; the current version is 0.2.0", id="pinned"),
        pytest.param("wakeline.js", b"x", "", Level.WARN, "another version", id="not ours"),
        pytest.param("wakeline.js", VITALS, "", Level.FAIL, "only measures web vitals", id="vitals alone"),
        pytest.param("wakeline.js", CONSENT, "", Level.FAIL, "only passes on consent", id="consent alone"),
        pytest.param("wakeline.js", DATALAYER, "", Level.FAIL, "only reads the data layer", id="a data layer alone"),
        pytest.param("wakeline.0.2.0.js", NEW, integrity_of(NEW), Level.OK, "of this version", id="with its hash"),
        pytest.param("wakeline.js", NEW, "sha256-x", Level.OK, "of this version", id="a hash of another kind"),
        pytest.param("wakeline.js", NEW, integrity_of(OLD), Level.FAIL, "browsers do not run it", id="another's hash"),
    ],
)
def test_what_a_src_brought_is_judged(name: str, body: bytes, integrity: str, level: Level, words: str) -> None:
    finding = judge_script(f"https://stats.shop.example/{name}", body, integrity, PUBLISHED)
    assert finding.level is level
    assert words in finding.what


@asynccontextmanager
async def serving(html: str, script: bytes, kind: str = "text/javascript") -> AsyncIterator[str]:
    async def page(_: web.Request) -> web.Response:
        return web.Response(text=html, content_type="text/html")

    async def source(_: web.Request) -> web.Response:
        return web.Response(body=script, content_type=kind)

    async def moved(_: web.Request) -> web.Response:
        raise web.HTTPFound("/")

    app = web.Application()
    app.add_routes([web.get("/", page), web.get("/wakeline.js", source), web.get("/old", moved)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def on(origin: str) -> Config:
    return replace(CONFIG, sites={"shop": replace(SHOP, origins=(origin,))})


LOCAL_TAG = '<script defer src="/wakeline.js" data-site="shop"></script>'


async def test_a_fetched_page_with_our_script_is_right_also_after_a_redirect() -> None:
    async with serving(LOCAL_TAG, NEW) as origin:
        assert not problems(await _page(f"{origin}/old", on(origin)))


@pytest.mark.parametrize(
    ("script", "kind", "level", "words"),
    [
        pytest.param(b"else", "text/javascript", Level.WARN, "another version", id="another version"),
        pytest.param(b"<html>", "text/html", Level.FAIL, "not a script", id="a page instead"),
        pytest.param(b"x" * (MAX_BYTES + 10), "text/javascript", Level.WARN, "another version", id="without end"),
    ],
)
async def test_what_the_src_answers_is_looked_at(script: bytes, kind: str, level: Level, words: str) -> None:
    async with serving(LOCAL_TAG, script, kind) as origin:
        (finding,) = problems(await _page(origin, on(origin)))
    assert finding.level is level
    assert words in finding.what


async def test_a_page_that_is_away_or_missing_is_said() -> None:
    async with serving(LOCAL_TAG, b"") as origin:
        (missing,) = problems(await _page(f"{origin}/nowhere", on(origin)))
    (away,) = problems(await _page(origin, on(origin)))
    assert "answers 404" in missing.what
    assert "cannot be fetched" in away.what
    assert away.level is missing.level is Level.FAIL


# ---- a configuration ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "level", "words"),
    [
        pytest.param(replace(CONFIG, sites={}), Level.FAIL, "no site is configured", id="no site"),
        pytest.param(
            replace(CONFIG, sites={"shop": replace(SHOP, origins=())}), Level.FAIL, "no origins", id="no origins"
        ),
        pytest.param(
            replace(CONFIG, sites={"shop": replace(SHOP, secret="")}), Level.WARN, "no secret", id="no secret"
        ),
        pytest.param(
            replace(CONFIG, sites={"shop": replace(SHOP, consent=ConsentLevel.FULL)}),
            Level.WARN,
            "before visitors have consented",
            id="full before a choice",
        ),
        pytest.param(
            replace(load(None, {"trusted_proxies": "0.0.0.0/0", "api_token": "t"}, {}), sites={"shop": SHOP}),
            Level.FAIL,
            "trusts everybody",
            id="every proxy trusted",
        ),
        pytest.param(replace(CONFIG, settings=Settings()), Level.WARN, "api_token is not set", id="no token"),
    ],
)
def test_what_is_valid_and_yet_not_wanted_is_said(config: Config, level: Level, words: str) -> None:
    (finding,) = problems(check_configuration(config))
    assert finding.level is level
    assert words in finding.what
    assert finding.fix


def test_a_good_configuration_has_nothing_to_mend() -> None:
    assert not problems(check_configuration(CONFIG))


# ---- a server -------------------------------------------------------------------------------------

GOOD = Facts(
    product="valkey",
    version=(9, 1),
    used_memory=10_000_000,
    maxmemory=4_000_000_000,
    policy="noeviction",
    appendonly=True,
    appendfsync="always",
    waits_for_fsync=True,
    write_failed=False,
    deployment=Deployment(lanes=16, decay_zero=0, half_life=7 * 86_400_000),
    clock_ahead_ms=0.4,
)


@pytest.mark.parametrize(
    ("changed", "level", "words"),
    [
        pytest.param({"version": (7, 0), "product": "redis"}, Level.FAIL, "redis 7.0 is too old", id="old"),
        pytest.param({"policy": "allkeys-lru", "maxmemory": 10**9}, Level.FAIL, "allkeys-lru deletes", id="evicts"),
        pytest.param({"policy": None, "maxmemory": None}, Level.WARN, "hides its maxmemory-policy", id="policy hidden"),
        pytest.param({"maxmemory": 0}, Level.WARN, "no maxmemory: attackers can fill", id="no bound"),
        pytest.param({"maxmemory": 12_000_000}, Level.WARN, "83% of the limit: no new profile", id="nearly full"),
        pytest.param({"maxmemory": 11_000_000}, Level.WARN, "91% of the limit: the collector", id="full"),
        pytest.param({"appendonly": False}, Level.FAIL, "appendonly is off", id="no append-only file"),
        pytest.param({"appendfsync": "everysec"}, Level.WARN, "waits up to a second for WAITAOF", id="everysec"),
        pytest.param(
            {"appendfsync": "everysec", "waits_for_fsync": False},
            Level.FAIL,
            "no events are accepted",
            id="confirms early",
        ),
        pytest.param({"appendfsync": "no"}, Level.FAIL, "an unknown time", id="no fsync"),
        pytest.param({"appendfsync": None}, Level.WARN, "hides its appendfsync", id="fsync hidden"),
        pytest.param({"write_failed": True}, Level.FAIL, "last write", id="disk full"),
        pytest.param(
            {"deployment": Deployment(lanes=8, decay_zero=0, half_life=7 * 86_400_000)},
            Level.FAIL,
            "built with 8 lanes",
            id="other lanes",
        ),
        pytest.param(
            {"log_time": (time.time_ns() // 1_000_000) + 7_200_000}, Level.WARN, "no visit ends", id="log time ahead"
        ),
        pytest.param({"clock_ahead_ms": -2_500.0}, Level.WARN, "2.5 s behind", id="clock 2.5 s behind"),
        pytest.param({"clock_ahead_ms": 90_000.0}, Level.FAIL, "90.0 s ahead of", id="clock 90 s ahead"),
    ],
)
def test_a_server_that_breaks_a_promise_is_said(changed: dict[str, Any], level: Level, words: str) -> None:
    (finding,) = problems(judge(replace(GOOD, **changed), Settings()))
    assert finding.level is level
    assert words in finding.what
    assert finding.fix


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({}, id="as the embedded one"),
        pytest.param({"deployment": None}, id="empty"),
        pytest.param({"maxmemory": None}, id="memory unknown"),
    ],
)
def test_a_fit_server_has_nothing_to_mend(changed: dict[str, Any]) -> None:
    assert not problems(judge(replace(GOOD, **changed), Settings()))


async def test_the_embedded_server_is_fit(redis_server: Any) -> None:
    settings = Settings(redis=redis_server.url)
    assert not problems(await check_server(settings, settings.redis))
    async with connect(settings.redis) as redis:
        await open_deployment(redis, settings)
    assert (await gather(settings.redis)).deployment is not None
    assert not problems(await check_server(settings, settings.redis))
    (finding,) = problems(await check_server(replace(settings, lanes=4), settings.redis))
    assert "built with 16 lanes" in finding.what


async def test_a_log_whose_time_is_two_hours_ahead_is_said(redis_server: Any) -> None:
    async with connect(redis_server.url) as redis:
        await redis.set(LOG_TIME, time.time_ns() // 1_000_000 + 7_200_000)
    (finding,) = problems(await check_server(Settings(redis=redis_server.url), "it"))
    assert finding.level is Level.WARN
    assert "the log's time is 7,200 s ahead" in finding.what or "7,199 s ahead" in finding.what
    assert not problems(await check_server(Settings(redis=redis_server.url, log="kafka://elsewhere:9092"), "it"))


async def test_a_server_that_was_made_careless_is_found_out(own_server: Any) -> None:
    async with connect(own_server.url) as redis:
        await redis.config_set("appendfsync", "everysec")
        await redis.config_set("maxmemory", "500mb")
        await redis.config_set("maxmemory-policy", "allkeys-lru")
    evicts, fsyncs = problems(await check_server(Settings(redis=own_server.url), "it"))
    assert evicts.level is Level.FAIL
    assert "allkeys-lru" in evicts.what
    assert "appendfsync is everysec" in fsyncs.what


async def test_a_server_that_is_away_is_said_with_what_to_do() -> None:
    (finding,) = await check_server(Settings(redis="redis://127.0.0.1:1/0"), "redis://127.0.0.1:1/0")
    assert finding.level is Level.FAIL
    assert "wakeline up" in finding.fix


async def test_before_the_first_start_the_embedded_server_is_no_fault() -> None:
    port = free_port()
    settings = Settings(redis=f"redis://127.0.0.1:{port}/0", embedded_port=port)
    (finding,) = await check_server(settings, settings.redis, embedded=True)
    assert (finding.level, finding.what) == (Level.WARN, "the embedded server is not running yet")
    assert "`wakeline up` starts it" in finding.fix
    with socket.socket() as other:  # of something that is no Redis
        other.bind(("127.0.0.1", port))
        other.listen()
        other.settimeout(0)
        (finding,) = await check_server(settings, settings.redis, embedded=True)
    assert finding.level is Level.FAIL


# ---- the history ----------------------------------------------------------------------------------


async def test_a_site_in_the_data_that_is_not_configured_is_named(redis_server: Any) -> None:
    config = replace(CONFIG, settings=Settings(redis=redis_server.url))
    assert await check_sites(config) == []
    async with connect(redis_server.url) as redis:
        await open_deployment(redis, config.settings)
        for lane, site in ((0, "shop"), (3, "shop"), (3, "demo"), (5, "blog")):
            await redis.hset(Keys().totals(lane, site), "page_views", 1)
        await redis.hset(Keys(2).totals(0, "gone"), "page_views", 1)
        await redis.set(Keys().state(0, "other", "x:totals2"), "{}")
    (finding,) = problems(await check_sites(config))
    assert finding.level is Level.WARN
    assert finding.what == "in the data, but not configured: blog, demo"
    known = replace(config, sites=config.sites | {"demo": SHOP, "blog": SHOP})
    assert not problems(await check_sites(known))


async def history_of(redis_server: Any, folder: Path, archive: str = "") -> Finding:
    return await check_history(Settings(redis=redis_server.url, data=folder, archive=archive))


async def test_a_history_is_looked_at_with_the_log_it_is_of(redis_server: Any, tmp_path: Path) -> None:
    assert (await history_of(redis_server, tmp_path, "off")).level is Level.OK
    assert "nothing to archive yet" in (await history_of(redis_server, tmp_path)).what
    log = await open_log(Settings(redis=redis_server.url), 2)
    identity = await log.identity()
    await log.append([(lane, b'{"kind":"tick"}') for lane in (0, 0, 0, 1, 1)])
    await log.close()
    never = await history_of(redis_server, tmp_path)
    assert never.level is Level.WARN
    assert "no archiver has run" in never.what
    assert "wakeline archiver" in never.fix
    async with connect(redis_server.url) as redis:
        await publish(redis, identity, {0: 0, 1: 0})
    said = (await history_of(redis_server, tmp_path)).what
    assert said.endswith("archive holds 0 records; 5 wait to be sealed, 600 s at most (archive_seal_s)")
    History(str(tmp_path / "archive")).store.write(Segment(0, 0, 2, "2026-03-01").name, b"")
    async with connect(redis_server.url) as redis:
        await publish(redis, identity, {0: 2, 1: 0})
    assert "holds 2 records; 3 wait to be sealed" in (await history_of(redis_server, tmp_path)).what
    store_identity(History(str(tmp_path / "archive")).store, "another")
    other = await history_of(redis_server, tmp_path)
    assert other.level is Level.FAIL
    assert "belongs to another log" in other.what


async def test_a_history_that_cannot_be_used_says_what_to_do(redis_server: Any, tmp_path: Path) -> None:
    missing = await history_of(redis_server, tmp_path, "nowhere://bucket")
    assert missing.level is Level.FAIL
    assert "pip install" in missing.fix
    (tmp_path / "archive").write_text("a file")
    assert (await history_of(redis_server, tmp_path)).level is Level.FAIL
