"""The effect of a site's settings on the events of its pages."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from collector.policy import Policy
from collector.urls import Page
from wakeline.settings import Site


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        pytest.param("/reset/s3cret", "/reset/*", id="masked"),
        pytest.param("/to/a@b.example", "/to/(redacted)", id="redacted"),
        pytest.param("/shoes", "/shoes", id="as it is"),
        pytest.param("reset/s3cret", "/reset/*", id="without its slash"),
        pytest.param("boots / sale", "boots / sale", id="no path"),
        pytest.param(7, 7, id="no text"),
    ],
)
def test_a_path_among_the_props_is_masked_as_in_a_url(path: Any, kept: Any) -> None:
    policy = Policy(Site(key="shop", masks=("/reset/*",)))
    assert policy.props({"path": path, "other": "/reset/s3cret"}, []) == {"path": kept, "other": "/reset/s3cret"}


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        pytest.param(
            "https://shop.example/reset/s3cret.pdf?a=1#b", "https://shop.example/reset/*", id="of the site: masked"
        ),
        pytest.param("https://other.example/reset/a.pdf", "https://other.example/reset/a.pdf", id="elsewhere"),
        pytest.param("https://other.example/to/a@b.example", "https://other.example/to/(redacted)", id="redacted"),
        pytest.param("https://[", "https://[", id="no URL"),
        pytest.param(["https://shop.example/"], ["https://shop.example/"], id="no text"),
    ],
)
def test_a_url_among_the_props_is_masked_where_it_is_of_the_site(url: Any, kept: Any) -> None:
    policy = Policy(Site(key="shop", masks=("/reset/*",), origins=("https://shop.example",)))
    assert policy.props({"url": url}, []) == {"url": kept}


ORIGIN = "https://shop.example"

OF_THE_SITE = {
    "a path": ("/orders/*", "/orders/*"),
    "a path without its slash": ("orders", "/orders"),
    "a path that begins with a slash of the other kind": ("\\orders", "/orders"),
    "dots": ("../a/./orders", "/a/orders"),
    "a query": ("?ref=b", "/?ref=b"),
    "a path and a query": ("orders?ref=b", "/orders?ref=b"),
    "a query with an address": ("?ref=//evil.example", "/?ref=//evil.example"),
    "a route": ("#/route?ref=b", "/#/route?ref=b"),
    "a route that reads like a host": ("#//evil.example", "/#//evil.example"),
    "nothing": ("", "/"),
    "nothing that is seen": (" \t\u200b", "/"),
    "a time": ("12:30/x", "/12:30/x"),
    "a page of a wiki": ("/Special:Search", "/Special:Search"),
    "a page of a wiki in a folder": ("wiki/File:Shoe", "/wiki/File:Shoe"),
    "controls": ("/or\x00d\ners", "/orders"),
    "what could be a user": ("@evil.example/x", "/@evil.example/x"),
    "what could be a user and a port": (":8080@evil/", "/:8080@evil/"),
    "what could go on with the host": (".evil.example", "/.evil.example"),
    "an open bracket": ("[", "/%5B"),
    "an escaped host of others": ("%2F%2Fevil.example", "/%2F%2Fevil.example"),
    "a host of others behind dots": ("..//evil.example", "//evil.example"),
    "a person": ("/to/who@mail.example", "/to/(redacted)"),
    "a secret": ("/reset/s3cret", "/reset/*"),
    "a secret without its slash": ("reset/s3cret", "/reset/*"),
    "a secret, escaped": ("%2Freset%2Fs3cret", "/reset/*"),
    "a secret behind dots": ("../x/../reset/s3cret", "/reset/*"),
    "a secret behind a lost scheme": ("shop.example/reset/s3cret", "/reset/*"),
    "a secret behind a host and slashes": ("//shop.example/reset/s3cret", "/reset/*"),
    "a secret behind a host and backslashes": ("\\\\shop.example\\reset\\s3cret", "/reset/*"),
    "a secret behind a host and one slash": ("/shop.example/reset/s3cret", "/reset/*"),
    "a secret behind a host and a port": ("shop.example:443/reset/s3cret", "/reset/*"),
    "a secret behind a user": ("//user:word@shop.example/reset/s3cret", "/reset/*"),
    "a secret in an escaped address": ("https%3A%2F%2Fshop.example%2Freset%2Fs3cret", "/reset/*"),
    "a secret in an address behind a slash": ("/https://shop.example/reset/s3cret", "/reset/*"),
    "a secret in an address behind what is not seen": ("\u200bhttps://shop.example/reset/s3cret", "/reset/*"),
    "what is escaped in a page that lost its scheme": ("shop.example/a%23b", "/a%23b"),
    "what is escaped in a path": ("/a%23b", "/a%23b"),
    "an address in capitals": ("HTTPS://SHOP.EXAMPLE/orders", "/orders"),
    "an address": ("https://shop.example/orders", "/orders"),
}


@pytest.fixture
def policy() -> Policy:
    return Policy(Site(key="shop", masks=("/reset/*",), query=("ref",), origins=(ORIGIN, "http://[::1]:8080", "null")))


def shown(page: Page | None) -> str | None:
    return page and page.path + "".join(f"?{name}={value}" for name, value in page.query.items())


@pytest.mark.parametrize(("url", "kept"), OF_THE_SITE.values(), ids=OF_THE_SITE)
def test_a_relative_url_is_of_the_origin(policy: Policy, url: str, kept: str) -> None:
    page = policy.page(policy.whole(url, ORIGIN))
    assert (page and page.host, shown(page)) == ("shop.example", kept)


NOT_OF_THE_SITE = {
    "a host": "//evil.example/x",
    "a host behind backslashes": "\\\\evil.example",
    "a host behind slashes of both kinds": "/\\evil.example",
    "a host behind three slashes": "///evil.example",
    "a host behind a tab": "/\t/evil.example",
    "a host behind a blank": " //evil.example",
    "a host behind what is not seen": "/\u200b/evil.example",
    "a host behind a user": "//shop.example@evil.example/x",
    "a host behind a backslash and a user": "//evil.example\\@shop.example/x",
    "a host that is none": "//[",
    "no host": "//",
    "a script": "javascript:alert(1)",
    "a script behind a line break": "java\nscript:alert(1)",
    "a script behind a control": "\x01javascript:alert(1)",
    "a script behind what is not seen": "\u200bjavascript:alert(1)",
    "an escaped script": "%6Aavascript:alert(1)",
    "what the page made itself": "blob:https://shop.example/0-1",
    "a file": "file:///etc/passwd",
    "a frame": "about:srcdoc",
    "a scheme without slashes": "https:orders",
    "a scheme with one slash": "http:/orders",
    "a scheme with one slash and a host": "https:/shop.example/x",
    "a scheme without slashes and a host": "http:shop.example/x",
    "another host": "https://evil.example/orders",
    "another host, escaped": "https%3A%2F%2Fevil.example",
    "another host and a port": "evil.example:443/x",
}


@pytest.mark.parametrize("url", NOT_OF_THE_SITE.values(), ids=NOT_OF_THE_SITE)
def test_a_url_of_nobody_or_of_others_is_no_page(policy: Policy, url: str) -> None:
    assert policy.page(policy.whole(url, ORIGIN)) is None


@pytest.mark.parametrize("origin", [None, "null"])
@pytest.mark.parametrize("url", ["/orders", "", "//shop.example/orders", "shop.example/orders"])
def test_without_an_origin_a_relative_url_is_no_page(policy: Policy, url: str, origin: str | None) -> None:
    assert policy.page(policy.whole(url, origin)) is None


def test_an_address_of_version_6_is_an_origin_too(policy: Policy) -> None:
    page = policy.page(policy.whole("orders", "http://[::1]:8080"))
    assert page is not None
    assert (page.host, page.path) == ("::1", "/orders")


PIECES = (
    "/",
    "\\",
    ":",
    "@",
    "#",
    "?",
    "%25",
    "%2F",
    "[",
    "\t",
    " ",
    "\u200b",
    ".",
    "a",
    "HTTPS:",
    "shop.example",
    "evil",
)


@given(st.lists(st.sampled_from(PIECES)).map("".join))
@example("HTTPS://shop.example/a%23b%252525")
def test_whatever_a_url_is_only_the_sites_host_is_taken(url: str) -> None:
    """A page accepted without the origin is stored like the same page with it."""
    policy = Policy(Site(key="shop", origins=(ORIGIN,)))
    page, alone = policy.page(policy.whole(url, ORIGIN)), policy.page(url)
    assert page is None or page.host == "shop.example"
    assert alone is None or page == alone
