"""Runs all checks and prints their findings."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

import aiohttp
from rich.console import Console
from rich.text import Text

from ops.check.cards import check_cards
from ops.check.configuration import check_configuration
from ops.check.data import check_data
from ops.check.definitions import check_definitions
from ops.check.finding import Finding, Level, fail, ok
from ops.check.history import check_history
from ops.check.page import Look, Page, look
from ops.check.salts import check_salts
from ops.check.script import judge_script
from ops.check.server import check_server
from ops.check.sites import check_sites
from wakeline.hosts import ascii_url
from wakeline.log.opening import KAFKA
from wakeline.scripts import published
from wakeline.settings import Config

TIMEOUT = aiohttp.ClientTimeout(total=10)
MAX_BYTES = 5_000_000
STYLES = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "bold red"}


def run(config: Config, *, page: str | None, shown_url: str) -> bool:
    """Check everything and print it; returns whether there are no errors."""
    console = Console(highlight=False, soft_wrap=True)
    findings = asyncio.run(_page(page, config)) if page else asyncio.run(_fitness(config, shown_url))
    for finding in findings:
        console.print(Text.assemble((finding.level, STYLES[finding.level]), " ", finding.what))
        if finding.fix:
            console.print(Text(f"  {finding.fix}", style="dim"))
    return not any(finding.level is Level.FAIL for finding in findings)


async def _fitness(config: Config, shown_url: str) -> list[Finding]:
    found = [*check_configuration(config), *check_data(config.settings)]
    found += await check_server(config.settings, shown_url, embedded="redis" not in config.given)
    found += await check_sites(config)
    found += await check_salts(config)
    found += await check_cards(config)
    found += await check_definitions(config)
    found.append(await check_history(config.settings))
    if urlsplit(config.settings.log).scheme == KAFKA:
        from ops.check.kafka import check_kafka  # 20 MB that only such a deployment needs

        found += await check_kafka(config.settings)
    return found


async def _page(url: str, config: Config) -> list[Finding]:
    if "://" not in url:
        url = f"https://{url}"
    url = ascii_url(url)
    async with aiohttp.ClientSession(timeout=TIMEOUT, headers={"User-Agent": "wakeline-check"}) as session:
        try:
            page = await _fetch_page(session, url)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            return [fail(f"{url} cannot be fetched: {str(error) or type(error).__name__}", "is the address right?")]
        if isinstance(page, Finding):
            return [page]
        seen = look(page, config)
        findings = [ok(f"{page.url} fetched"), *seen.findings]
        if seen.source:
            findings.append(await _script(session, seen))
        return findings


async def _fetch_page(session: aiohttp.ClientSession, url: str) -> Page | Finding:
    async with session.get(url) as answer:
        if answer.status != 200:
            return fail(f"{answer.url} answers {answer.status}", "name a public page")
        if answer.content_type != "text/html":
            return fail(f"{answer.url} is {answer.content_type}, not a page", "name a page")
        html = (await _body(answer)).decode(answer.charset or "utf-8", errors="replace")
        return Page(str(answer.url), html, answer.headers.getall("Content-Security-Policy", []))


async def _script(session: aiohttp.ClientSession, seen: Look) -> Finding:
    source = seen.source
    fix = "is the collector running at the URL in the tag? `wakeline snippet` prints the right tag"
    try:
        async with session.get(source) as answer:
            if answer.status != 200:
                return fail(f"{source} answers {answer.status}", fix)
            body = await _body(answer)
            kind = answer.content_type
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        return fail(f"{source} cannot be fetched: {str(error) or type(error).__name__}", fix)
    if "javascript" not in kind:
        return fail(f"{source} is {kind}, not a script: browsers do not run it", fix)
    return judge_script(source, body, seen.integrity, published())


async def _body(answer: aiohttp.ClientResponse) -> bytes:
    """The response body, cut at MAX_BYTES."""
    found = bytearray()
    async for chunk in answer.content.iter_chunked(65_536):
        found += chunk
        if len(found) > MAX_BYTES:
            break
    return bytes(found[:MAX_BYTES])
