"""A page's HTML: whether there is exactly one valid tag, it can run and send, and its events will be accepted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urljoin, urlsplit

from ops.check.csp import blocks_connection, blocks_script, missing_in_sandbox, policies
from ops.check.finding import Finding, fail, ok, warn
from ops.check.script import COMPANIONS
from wakeline.config.values import nearest
from wakeline.event import ConsentLevel
from wakeline.hosts import origin_of
from wakeline.scripts import ENDPOINT, NAME, version_of
from wakeline.settings import Config, Site
from wakeline.tag import script_tag
from wakeline.vocabulary.types import BUILT_IN

MARK = "data-wakeline-event"
INERT = {"noscript": "inside <noscript>", "template": "inside <template>"}
RUNNABLE = ("", "text/javascript", "application/javascript", "module")


@dataclass(frozen=True)
class Tag:
    """A script tag of Wakeline."""

    line: int
    attributes: dict[str, str]
    inert: str = ""  # why it never runs

    def get(self, name: str) -> str:
        return self.attributes.get(name, "")


@dataclass(frozen=True)
class Page:
    """A fetched page. `url` is its URL after redirects."""

    url: str
    html: str
    csp: Sequence[str] = ()  # Content-Security-Policy headers

    @property
    def origin(self) -> str:
        return origin_of(self.url)


@dataclass
class Tags(HTMLParser):
    """Collects Wakeline's tags, including those that never run, and the policies in <meta>."""

    tags: list[Tag] = field(default_factory=list)
    events: list[tuple[int, str]] = field(default_factory=list)  # line and name, of elements marked with one
    csp: list[str] = field(default_factory=list)
    base: str = ""

    def __post_init__(self) -> None:
        super().__init__()
        self._inside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if MARK in attributes:
            self.events.append((self.getpos()[0], attributes[MARK]))
        if tag in INERT:
            self._inside.append(tag)
        elif tag == "base":
            self.base = self.base or attributes.get("href", "")
        elif tag == "meta" and attributes.get("http-equiv", "").lower() == "content-security-policy":
            self.csp.append(attributes.get("content", ""))
        elif tag == "script" and is_ours(attributes):
            self.tags.append(Tag(self.getpos()[0], settings(attributes) | attributes, self._why_inert(attributes)))

    def handle_endtag(self, tag: str) -> None:
        if tag in self._inside:
            self._inside.remove(tag)

    def handle_comment(self, data: str) -> None:
        inside = Tags()
        inside.feed(data)
        line = self.getpos()[0] - 1
        self.tags += [Tag(line + tag.line, tag.attributes, "inside a comment") for tag in inside.tags]

    def _why_inert(self, attributes: dict[str, str]) -> str:
        kind = attributes.get("type", "").lower()
        if self._inside:
            return INERT[self._inside[-1]]
        return f'type="{kind}" (a consent tool may have done that)' if kind not in RUNNABLE else ""


def is_ours(attributes: dict[str, str]) -> bool:
    name = urlsplit(attributes.get("src", "")).path.rpartition("/")[2]
    return "data-site" in attributes or (
        NAME.fullmatch(name) is not None and not any(kind in name for kind in COMPANIONS)
    )


def settings(attributes: dict[str, str]) -> dict[str, str]:
    """Settings in the query of the script's URL, which replace missing attributes, as attributes."""
    return {f"data-{name}": value for name, value in parse_qsl(urlsplit(attributes.get("src", "")).query, True)}


@dataclass(frozen=True)
class Look:
    """The result for a page's tag; `source` is to be fetched."""

    findings: list[Finding]
    source: str = ""
    integrity: str = ""  # required hash


def look(page: Page, config: Config) -> Look:
    """All findings that need no further request."""
    parser = Tags()
    parser.feed(page.html)
    parser.close()
    running = [tag for tag in parser.tags if not tag.inert]
    if len(running) != 1:
        return Look([_not_one(parser.tags, running, config)])
    tag = running[0]
    base = urljoin(page.url, parser.base)
    source = urljoin(base, tag.get("src")) if tag.get("src") else ""
    endpoint = urljoin(base, tag.get("data-endpoint")) if tag.get("data-endpoint") else urljoin(source, ENDPOINT)
    findings = [ok(f"one tag, line {tag.line}")]
    findings += _site(tag, page, config)
    if not source:
        findings.append(fail("the tag has no src", f"paste {_any_tag(config)}"))
        return Look(findings)
    findings += _transport(page, source, endpoint)
    findings += _policy(tag, page, source, endpoint, [*page.csp, *parser.csp])
    if tag.get("type") != "module" and not {"defer", "async"} & set(tag.attributes):
        findings.append(warn("the tag blocks the page while it loads", "add the attribute defer"))
    findings += _integrity(tag, page, source)
    findings += _marked(parser.events)
    return Look(findings, source, tag.get("integrity"))


def _not_one(tags: list[Tag], running: list[Tag], config: Config) -> Finding:
    if len(running) > 1:
        lines = ", ".join(str(tag.line) for tag in running)
        return fail(f"{len(running)} tags (lines {lines}): every visit counts more than once", "keep one of them")
    if tags:
        return fail(f"the tag in line {tags[0].line} never runs: it is {tags[0].inert}", "move it into the <head>")
    return fail(
        "there is no Wakeline tag in the HTML",
        f"paste into the <head>: {_any_tag(config)} (tags added by a tag manager are not visible here)",
    )


def _any_tag(config: Config) -> str:
    return next((script_tag(site, config.settings) for site in config.sites.values()), "what `wakeline snippet` prints")


def _site(tag: Tag, page: Page, config: Config) -> Iterator[Finding]:
    key = tag.get("data-site")
    site = config.sites.get(key)
    if site is None:
        known = ", ".join(config.sites)
        said = f"data-site {key} is not a site in {config.path}{nearest(key, config.sites)}" if key else "no data-site"
        yield fail(said, f"use one of: {known}")
        return
    yield ok(f"data-site {key}")
    if page.origin in site.origins:
        yield ok(f"origin {page.origin} may send")
    else:
        yield fail(f"origin {page.origin} may not send for {key}", f'add "{page.origin}" to origins of [[site]] {key}')
    yield _consent(tag, site)


def _consent(tag: Tag, site: Site) -> Finding:
    level = tag.get("data-consent") or ConsentLevel.ANONYMOUS
    if level not in list(ConsentLevel):
        return fail(
            f'data-consent "{level}" is not a level: nothing is sent before a choice, and existing ids are deleted',
            f'write data-consent="{site.consent}"',
        )
    if level != site.consent:
        return fail(
            f"before a choice the page uses {level}, but the settings say {site.consent}",
            f'write data-consent="{site.consent}", or change consent of [[site]] {site.key}',
        )
    return ok(f"before a choice: {level}")


def _transport(page: Page, source: str, endpoint: str) -> Iterator[Finding]:
    for what, url in (("script", source), ("endpoint", endpoint)):
        local = urlsplit(url).hostname in ("localhost", "127.0.0.1", "::1")
        if urlsplit(page.url).scheme == "https" and urlsplit(url).scheme == "http" and not local:
            yield fail(
                f"the page is https, the {what} {url} is not: browsers block it", "serve the collector with https"
            )


def _policy(tag: Tag, page: Page, source: str, endpoint: str, texts: list[str]) -> Iterator[Finding]:
    found = [policy for text in texts for policy in policies(text)]
    blocked = False
    for policy in (policy for text in page.csp for policy in policies(text)):
        for word, what in missing_in_sandbox(policy).items():
            blocked = True
            yield fail(
                f"the page's Content-Security-Policy has sandbox without {word}: {what}", f"add {word} to sandbox"
            )
    for policy in found:
        nonce, integrity = tag.get("nonce"), tag.get("integrity")
        if directive := blocks_script(policy, source, page.url, nonce=nonce, integrity=integrity):
            blocked = True
            yield fail(
                f"the page's Content-Security-Policy blocks the script ({directive})", _allow("script-src", source)
            )
        if directive := blocks_connection(policy, endpoint, page.url):
            blocked = True
            yield fail(
                f"the page's Content-Security-Policy blocks sending ({directive})", _allow("connect-src", endpoint)
            )
    if found and not blocked:
        yield ok("the page's Content-Security-Policy allows it to run and send")


def _integrity(tag: Tag, page: Page, source: str) -> Iterator[Finding]:
    if not tag.get("integrity"):
        return
    if not source.startswith(page.origin + "/") and "crossorigin" not in tag.attributes:
        yield fail("the tag has integrity but no crossorigin: browsers do not run it", 'add crossorigin="anonymous"')
    if not version_of(urlsplit(source).path):
        yield warn(
            "the tag has integrity, but its src has no version: the next version will not run",
            "paste what `wakeline snippet --pinned` prints",
        )


def _marked(events: list[tuple[int, str]]) -> Iterator[Finding]:
    for line, name in events:
        if name.strip() in BUILT_IN:
            yield fail(
                f'{MARK}="{name}" in line {line} is a name reserved by Wakeline: a click counts as that, or is refused',
                "give it another name",
            )


def _allow(directive: str, url: str) -> str:
    return f"add {origin_of(url)} to {directive}"
