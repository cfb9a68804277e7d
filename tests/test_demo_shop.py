"""The demo shop: its pages, which load nothing from elsewhere, and the requests its server refuses."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterator
from fnmatch import fnmatch
from html.parser import HTMLParser
from urllib.parse import urlsplit
from xml.etree import ElementTree

import pytest
from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

from demo.app import create_app
from demo.catalogue import SITE, catalogue
from demo.guard import policy
from demo.pages import html, page_at
from wakeline.clock import now_ms
from wakeline.config import load
from wakeline.durations import DAY_MS
from wakeline.identity import forgotten, identified, is_signed
from wakeline.scripts import Kind
from wakeline.settings import Config
from wakeline.tag import script_tag

PORT = 8710
HOST = {"Host": f"localhost:{PORT}"}
OURS = {**HOST, "Wakeline-Demo": "1", "Sec-Fetch-Site": "same-origin"}
NAMESPACE = "http://www.w3.org/2000/svg"


@pytest.fixture
def config() -> Config:
    return load(SITE.parent / "wakeline.toml", {}, {})


@pytest.fixture
async def shop(config: Config) -> AsyncIterator[TestClient]:
    async with TestClient(TestServer(create_app(config, PORT))) as client:
        yield client


class Links(HTMLParser):
    """Every address that a document names, and the ids in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.ids: list[str] = []
        self.labels: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        self.addresses += [value for name in ("href", "src", "action") if (value := given.get(name))]
        self.ids += [value for value in [given.get("id")] if value]
        self.labels += [value for value in [given.get("for")] if value and tag == "label"]


async def test_every_page_that_a_link_leads_to_exists(shop: TestClient, config: Config) -> None:
    kinds = (Kind.CORE, Kind.VITALS, Kind.USABILITY)
    snippet = "\n".join(script_tag(config.sites["demo"], config.settings, kind) for kind in kinds)
    consent = script_tag(config.sites["demo"], config.settings, Kind.CONSENT, platform="gcm")
    waiting, seen = {"/"}, {"/"}
    pages = 0
    while waiting:
        path = waiting.pop()
        answer = await shop.get(path, headers=HOST)
        assert answer.status == 200, path
        if answer.content_type != "text/html":
            continue
        pages += 1
        text = await answer.text()
        assert text.count(snippet) == (path != "/inbox"), path  # which is no page of the shop
        assert text.count(consent) == (path == "/privacy"), path
        links = Links(text)
        assert len(links.ids) == len(set(links.ids)), f"an id twice in {path}"
        assert set(links.labels) <= set(links.ids), f"a label without its field in {path}"
        for address in links.addresses:
            if address.startswith("/"):
                found = urlsplit(address).path
                waiting |= {found} - seen
                seen.add(found)
            else:
                assert address.startswith("#") or address in snippet + consent, f"{address} in {path} leads elsewhere"
    assert pages >= 12 + 4 + 7


async def test_what_is_not_there_is_404_and_looks_like_the_shop(shop: TestClient) -> None:
    for path in ("/nope", "/lamps/nope", "/plants/harbour-lamp", "/account/reset/a/b", "/LAMPS", "/lamps/"):
        answer = await shop.get(path, headers=HOST)
        assert answer.status == 404, path
        assert "The tide took it" in await answer.text()


@pytest.mark.parametrize(
    "path",
    ["/site/../app.py", "/site/%2e%2e/app.py", "/site/..%2fwakeline.toml", "/site//etc/passwd"],
    ids=["dots", "encoded dots", "encoded slash", "absolute"],
)
async def test_files_outside_the_site_are_not_served(shop: TestClient, path: str) -> None:
    answer = await shop.get(URL(path, encoded=True), headers=HOST)
    assert answer.status in (403, 404)
    assert "secret" not in await answer.text()


def texts() -> Iterator[tuple[str, str]]:
    for file in sorted(SITE.rglob("*.*")):
        yield str(file.relative_to(SITE)), file.read_text(encoding="utf-8").replace(NAMESPACE, "")


def test_the_site_names_no_address_elsewhere() -> None:
    for name, text in texts():
        assert not re.search(r"(https?:)?//[a-z0-9-]+(\.[a-z]|:\d)", text), name
        assert "@import" not in text, name


def test_the_pages_keep_to_their_own_policy() -> None:
    """No inline script, style or handler: the Content-Security-Policy forbids them. A mail has one of its own."""
    for name, text in texts():
        if name.endswith(".html") and name != "pages/mail.html":
            assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:|<script(?![^>]*\ssrc=)", text), name


def test_the_policy_allows_the_collector_alone() -> None:
    rules = dict(rule.strip().split(" ", 1) for rule in policy("https://stats.example/path").split(";"))
    assert rules["connect-src"] == rules["script-src"] == "'self' https://stats.example"
    assert rules["default-src"] == "'none'"
    assert "unsafe" not in policy("https://stats.example")


def test_every_product_has_its_drawing_and_every_drawing_is_well_formed() -> None:
    drawings = {file.stem for file in (SITE / "art").glob("*.svg")}
    assert drawings == {product.id for product in catalogue().products}
    for file in SITE.rglob("*.svg"):
        ElementTree.parse(file)


def test_every_category_has_three_products_and_an_interest_rule(config: Config) -> None:
    rules = config.sites["demo"].interests
    for category in catalogue().categories:
        products = catalogue().of(category.id)
        assert len(products) == 3
        for path in (f"/{category.id}", *(product.path for product in products)):
            assert [rule.interest for rule in rules if fnmatch(path, rule.path)] == [category.id]
    assert len(catalogue().products) == 12


def test_a_product_page_declares_its_interests() -> None:
    page = page_at("/textiles/pebble-cushion", {})
    assert page is not None
    assert page.interests == ("linen", "gifts")
    assert '<meta name="wakeline:interest" content="linen, gifts">' in html(page, "/textiles/pebble-cushion", "")


def test_only_links_within_a_category_go_without_a_page_load() -> None:
    for path, soft in (("/", 0), ("/search", 0), ("/lamps", 3), ("/lamps/harbour-lamp", 3)):
        page = page_at(path, {"q": "wool"})
        assert page is not None
        assert page.main.count("data-soft") == soft, path
        for link in re.findall(r'href="(\S+)" data-soft', page.main):
            assert link.startswith("/lamps")


@pytest.mark.parametrize(
    ("words", "found"),
    [
        pytest.param("wool", {"breaker-throw", "sandbar-rug"}, id="a material"),
        pytest.param("BRASS lamp", {"harbour-lamp", "pilot-pendant"}, id="two words, any case"),
        pytest.param("", set(), id="none"),
        pytest.param("   ", set(), id="blank"),
        pytest.param("zzz", set(), id="unknown"),
    ],
)
def test_search(words: str, found: set[str]) -> None:
    assert {product.id for product in catalogue().matching(words)} == found


def test_what_is_searched_for_is_shown_as_text() -> None:
    page = page_at("/search", {"q": '"><script>alert(1)</script>$main'})
    assert page is not None
    assert "<script" not in page.main
    assert "&lt;script&gt;" in page.main


def test_a_secret_in_the_path_is_shown_as_text() -> None:
    page = page_at("/account/reset/<img src=x>", {})
    assert page is not None
    assert "<img" not in page.main


# ---- whom the server answers


@pytest.mark.parametrize(
    ("host", "status"),
    [
        pytest.param(f"localhost:{PORT}", 200, id="localhost"),
        pytest.param(f"127.0.0.1:{PORT}", 200, id="loopback"),
        pytest.param(f"evil.example:{PORT}", 421, id="another name for this address"),
        pytest.param("localhost", 421, id="another port"),
    ],
)
async def test_it_answers_to_its_own_names_only(shop: TestClient, host: str, status: int) -> None:
    for path in ("/", "/site/shop.js"):
        assert (await shop.get(path, headers={"Host": host})).status == status
    assert (await shop.get("/healthz", headers={"Host": host})).status == 200


@pytest.mark.parametrize(("path", "text", "lasts"), [("sign-in", identified, DAY_MS), ("forget", forgotten, 600_000)])
async def test_the_server_signs_and_keeps_the_secret(
    shop: TestClient, config: Config, path: str, text: Callable[[str, int], str], lasts: int
) -> None:
    secret = config.sites["demo"].secret
    answer = await shop.post(f"/account/{path}", json={"id": "C-1042"}, headers=OURS)
    body = await answer.json()
    assert body["id"] == "C-1042"
    assert is_signed(secret, text("C-1042", body["expires"]), body["signature"])
    assert lasts - 60_000 < body["expires"] - now_ms() <= lasts
    assert secret not in await answer.text()


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        pytest.param({"Wakeline-Demo": "1", "Sec-Fetch-Site": "cross-site"}, b'{"id":"C-1"}', 403, id="another site"),
        pytest.param({"Wakeline-Demo": "1", "Sec-Fetch-Site": "same-site"}, b'{"id":"C-1"}', 403, id="another port"),
        pytest.param({"Sec-Fetch-Site": "same-origin"}, b'{"id":"C-1"}', 403, id="a form"),
        pytest.param(OURS, b"{", 400, id="no JSON"),
        pytest.param(OURS, b'{"id":7}', 400, id="a number"),
        pytest.param(OURS, b"[]", 400, id="a list"),
        pytest.param(OURS, b"{}", 400, id="nobody"),
        pytest.param(OURS, b'{"id":"a b"}', 400, id="a space"),
        pytest.param(OURS, b'{"id":"\\ud800"}', 400, id="half a character"),
        pytest.param(OURS, b'{"id":"' + b"x" * 33 + b'"}', 400, id="too long"),
        pytest.param(OURS, b'{"id":"' + b"x" * 9_000 + b'"}', 413, id="far too long"),
    ],
)
async def test_it_does_not_sign(shop: TestClient, headers: dict[str, str], body: bytes, status: int) -> None:
    for path in ("/account/sign-in", "/account/forget"):
        answer = await shop.post(path, data=body, headers={**HOST, **headers})
        assert answer.status == status
        assert "signature" not in await answer.text()
