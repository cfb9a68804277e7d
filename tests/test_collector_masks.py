"""A mask hides its part of a path in every spelling, and no path makes it slow."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.policy import Policy
from collector.urls import clean_path, mask
from wakeline.settings import Site

SITE = Site(
    key="shop",
    origins=("https://shop.example",),
    masks=("/reset/*", "/user/*/orders", "/geheim/für-*/x", "/t/*.html", "/odd[1]?/*"),
)
POLICY = Policy(SITE)

HIDDEN = {
    "as it is": ("/reset/SECRET", "/reset/*"),
    "with slashes twice": ("//reset/SECRET", "/reset/*"),
    "with slashes twice behind": ("/reset//SECRET", "/reset/*"),
    "in capitals": ("/RESET/SECRET", "/reset/*"),
    "encoded": ("/%72eset/SECRET", "/reset/*"),
    "encoded twice": ("/%2572eset/SECRET", "/reset/*"),
    "with an encoded slash": ("/reset%2FSECRET", "/reset/*"),
    "by dots": ("/./reset/SECRET", "/reset/*"),
    "by a detour": ("/a/../reset/SECRET", "/reset/*"),
    "by an encoded detour": ("/a/%2e%2e/reset/SECRET", "/reset/*"),
    "by a detour behind an encoded slash": ("/a/..%2freset/SECRET", "/reset/*"),
    "by a detour out of it": ("/reset/SECRET/..%2f..%2fx", "/reset/*"),
    "by backslashes": ("/a\\..\\reset\\SECRET", "/reset/*"),
    "by encoded backslashes": ("/reset%5CSECRET", "/reset/*"),
    "with parameters": ("/reset;id=1/SECRET", "/reset/*"),
    "in parameters": ("/reset/;SECRET", "/reset/*"),
    "with invisible characters": ("/re%E2%80%8Bset/SECRET", "/reset/*"),
    "with a line break": ("/re%0Aset/SECRET", "/reset/*"),
    "in the middle": ("/user/SECRET/orders", "/user/*/orders"),
    "beyond ASCII": ("/geheim/f%C3%BCr-SECRET/x", "/geheim/f%C3%BCr-*/x"),
    "beyond ASCII, in capitals": ("/GEHEIM/F%C3%9CR-SECRET/X", "/geheim/f%C3%BCr-*/x"),
    "beyond ASCII, letter and mark": ("/geheim/fu%CC%88r-SECRET/x", "/geheim/f%C3%BCr-*/x"),
    "a question mark and brackets are no wildcards": ("/odd[1]%3F/SECRET", "/odd%5B1%5D?/*"),
    "a route": ("/#/reset/SECRET", "/#/reset/*"),
    "a route as it was spelt once": ("/#!/reset/SECRET", "/#!/reset/*"),
    "a route without its slash": ("/#!reset/SECRET", "/#!/reset/*"),
    "a route of a page": ("/app/#//%72eset/SECRET", "/app/#/reset/*"),
    "a route that leads on": ("/app#/a/../reset/SECRET", "/app#/reset/*"),
    "a route in a route": ("/app#/a#/reset/SECRET", "/app#/reset/*"),
    "an encoded route": ("/app/%23/reset/SECRET", "/reset/*"),
    "a page with a route": ("/user/SECRET/orders#/x", "/user/*/orders#/x"),
}


@pytest.mark.parametrize(("path", "kept"), HIDDEN.values(), ids=HIDDEN)
def test_a_mask_hides_its_part_however_it_is_spelt(path: str, kept: str) -> None:
    page = POLICY.page(f"https://shop.example{path}")
    assert page is not None
    assert page.path == kept
    assert POLICY.props({"path": path}, [])["path"] == kept
    assert POLICY.props({"url": f"https://shop.example{path}"}, [])["url"] == f"https://shop.example{kept}"


SHOWN = {
    "another page": ("/resets/a", "/resets/a"),
    "below another folder": ("/a/reset/b", "/a/reset/b"),
    "a route to another page": ("/#/resets/a", "/#/resets/a"),
    "a dot is a dot": ("/t/xhtml", "/t/xhtml"),
    "a bracket is no wildcard": ("/odd1x/a", "/odd1x/a"),
}


@pytest.mark.parametrize(("path", "kept"), SHOWN.values(), ids=SHOWN)
def test_a_mask_leaves_other_pages_alone(path: str, kept: str) -> None:
    page = POLICY.page(f"https://shop.example{path}")
    assert page is not None
    assert page.path == kept


URLS = {
    "scheme and host in capitals": "HTTPS://SHOP.example/reset/SECRET",
    "a path alone": "/reset/SECRET?x",
    "without scheme": "//shop.example/reset/SECRET",
    "backslashes": "https:\\\\shop.example\\reset\\SECRET",
    "spaces around it": " https://shop.example/reset/SECRET ",
    "user and password": "https://SECRET:SECRET@shop.example/reset/SECRET",
    "query and fragment": "https://shop.example/?SECRET#SECRET",
}


@pytest.mark.parametrize("url", URLS.values(), ids=URLS)
def test_a_url_among_the_props_hides_it_too(url: str) -> None:
    assert "SECRET" not in POLICY.props({"url": url}, [])["url"]


WHOLE, PAGE = "https://shop.example/reset/*", "https://shop.example/shop/boots?a#b"
LINKS = {
    "invisible": ({"url": "\u200b/reset/SECRET"}, {"url": "/reset/*"}),
    "a space": ({"url": " /reset/SECRET", "path": " /reset/SECRET"}, {"url": "/reset/*", "path": "/reset/*"}),
    "a line break": ({"url": "/re\nset/SECRET"}, {"url": "/reset/*"}),
    "a route": ({"url": "#/reset/SECRET"}, {"url": "/#/reset/*"}),
    "a route of the old kind": ({"path": "#!/reset/SECRET"}, {"path": "/#!/reset/*"}),
    "the dot of the root": ({"url": "https://shop.example./reset/SECRET"}, {"url": WHOLE}),
    "an encoded host": ({"url": "https://shop%2Eexample/reset/SECRET"}, {"url": WHOLE}),
    "one slash": ({"url": "https:/shop.example/reset/SECRET"}, {"url": WHOLE}),
    "no slash": ({"url": "https:shop.example/reset/SECRET"}, {"url": WHOLE}),
    "three slashes": ({"url": "https:///shop.example/reset/SECRET"}, {"url": WHOLE}),
    "one slash and no host": ({"url": "https:/reset/SECRET"}, {"url": "/reset/*"}),
    "no scheme": ({"url": "shop.example/reset/SECRET"}, {"url": "shop.example/reset/*"}),
    "no scheme, in a path": ({"path": "//shop.example/reset/SECRET"}, {"path": WHOLE}),
    "two slashes and no host": ({"url": "//reset/SECRET"}, {"url": "/reset/*"}),
    "two slashes in a path": ({"path": "//reset/SECRET"}, {"path": "/reset/*"}),
    "a route behind a query": ({"url": "boots?a#/reset/SECRET"}, {"url": "/boots#/reset/*"}),
    "no slash at the start": ({"url": "reset/SECRET"}, {"url": "/reset/*"}),
    "from the page": ({"url": "../reset/SECRET"}, {"url": "/reset/*"}),
    "from the page, below": ({"href": "bag/SECRET"}, {"href": "/shop/bag/*"}),
    "encoded": ({"url": "%2Freset%2FSECRET"}, {"url": "/reset/*"}),
    "backslashes": ({"path": "\\reset\\SECRET"}, {"path": "/reset/*"}),
    "a whole URL for a path": ({"path": "https://shop.example/reset/SECRET"}, {"path": WHOLE}),
    "href": ({"href": "https://shop.example/reset/SECRET"}, {"href": WHOLE}),
    "lists": (
        {"url": ["/reset/SECRET", 7], "path": ["/reset/SECRET"]}, {"url": ["/reset/*", 7], "path": ["/reset/*"]}
    ),
    "items": ({"items": [{"url": "https://shop.example/reset/SECRET"}]}, {"items": [{"url": WHOLE}]}),
    "an invisible letter in the name": ({"u\u200brl": "/reset/SECRET"}, {"url": "/reset/*"}),
    "a short one": ({"url": "/r/S"}, {"url": "/r/*"}),
    "a long one": ({"url": f"/{'a' * 60_000}/../reset/SECRET"}, {"url": "/reset/*"}),
    "a path that looks like a file of the page": ({"path": "data:/../reset/SECRET"}, {"path": "/reset/*"}),
}  # fmt: skip


@pytest.mark.parametrize(("props", "kept"), LINKS.values(), ids=LINKS)
def test_masks_hold_for_every_address_among_the_props(props: dict[str, Any], kept: dict[str, Any]) -> None:
    policy = Policy(Site(key="shop", origins=("https://shop.example",), masks=("/reset/*", "/shop/bag/*", "/r/*")))
    assert policy.props(props, [], PAGE) == kept


@pytest.mark.parametrize(
    "props",
    [
        {"url": "https://other.example/reset/a?b=c#d"},
        {"url": "https:/other.example/reset/a"},
        {"url": "mailto:reset/a"},
        {"url": "a text, not an address"},
        {"path": "Checkout"},
        {"url": ""},
        {"url": "#top"},
        {"url": "https:"},
        {"url": "https://["},
        {"url": "blob:prices.csv"},
        {"url": "data:report.pdf"},
        {"url": "Blob:Preise (für alle) 100%.csv"},
        {"url": "data:a/b.pdf?c#d"},
    ],
    ids=str,
)
def test_addresses_that_no_mask_is_about_stay(props: dict[str, Any]) -> None:
    assert POLICY.props(props, [], PAGE) == props


@pytest.mark.parametrize("scheme", ["blob:", "data:"])
def test_a_file_that_the_page_made_is_a_text_and_lies_in_no_folder(scheme: str) -> None:
    """Its name is no address: a mask for the page's folder is not about it."""
    policy = Policy(Site(key="shop", origins=("https://shop.example",), masks=("/shop/*",)))
    kept = {f"{scheme}prices.csv": f"{scheme}prices.csv"}
    kept[f"{scheme}who@mail.example 4111/1111/1111/1111\n.csv"] = f"{scheme}(redacted) (redacted).csv"
    for url, wanted in kept.items():
        assert policy.props({"url": url, "items": [{"href": url}]}, [], PAGE) == {
            "url": wanted,
            "items": [{"href": wanted}],
        }


def test_of_more_relative_addresses_than_can_be_read_nothing_is_kept() -> None:
    """Each may lie in the page's folder, for which a mask may hold."""
    urls = ["a", "bag/SECRET", "/boots", "reset/SECRET"]
    folder = "/shop/" + "a" * 40_000
    props = POLICY.props({"url": urls * 2}, [], f"https://shop.example{folder}/boots")
    first = ["a", "bag/SECRET", "/boots", "/reset/*"]
    assert props == {"url": [*first, "(redacted)", "(redacted)", *first[2:]]}


def test_a_page_is_read_with_its_backslashes_as_slashes() -> None:
    policy = Policy(Site(key="shop", origins=("https://shop.example",), masks=("/shop/bag/*",)))
    for page in ("https:\\\\shop.example\\shop\\boots", "https://shop.example\\shop\\[boots"):
        assert policy.props({"url": "bag/SECRET"}, [], page) == {"url": "/shop/bag/*"}


def test_a_referrer_with_the_dot_of_the_root_is_of_the_site() -> None:
    assert POLICY.referrer("http://shop.example./reset/SECRET") == "internal"
    assert POLICY.referrer("https://other.example./a") == "other.example/a"


# ---- whatever spelling ----------------------------------------------------------------------------

SECRET = "SECRET77"


def spelt(word: str) -> st.SearchStrategy[str]:
    """A word each of whose letters is as it is, in capitals, or encoded up to three times."""

    def char(one: str) -> st.SearchStrategy[str]:
        code = f"{ord(one):02x}"
        return st.sampled_from([one, one.upper(), f"%{code}", f"%{code.upper()}", f"%25{code}", f"%2525{code}"])

    return st.tuples(*map(char, word)).map("".join)


SLASH = st.sampled_from(
    ["/", "//", "/./", "/x/../", "\\", "%2f", "%5C", "/%2e/", "///", "/a/b/../../", "%252F", "/;p=1/"]
)
START = st.sampled_from(["", "/#", "/#!", "/app#", "/app/#!", "/app#/a#"])


BEFORE = st.sampled_from(
    ["", " ", "\u200b", "https:/shop.example", "//shop.example.", "HTTP:shop.example", "shop.example"]
)


@given(START, SLASH, spelt("reset"), st.sampled_from(["", ";id=7", "%3Bid"]), SLASH, BEFORE)
def test_no_spelling_of_a_masked_path_keeps_the_secret(
    start: str, one: str, word: str, more: str, other: str, before: str
) -> None:
    page = POLICY.page(f"https://shop.example{start}{one}{word}{more}{other}{SECRET}")
    if page is not None:  # without a slash behind it the host is another one
        assert SECRET not in page.path
    path = f"/{start}{one}{word}{more}{other}{SECRET}"
    props = {"path": path, "url": f"https://shop.example{path}", "href": [f"{before}{path}"]}
    assert SECRET not in json.dumps(POLICY.props(props, [], PAGE))


# ---- whatever it costs ----------------------------------------------------------------------------

MANY_STARS = tuple(map(mask, ("/*a*a*a*a*b", "/*/*/*/*/*/x", "/*-*-*-*-*-y*", "/*ab*ab*ab*c")))
ATTACKS = {
    "the first letter again and again": "a",
    "slashes": "/",
    "slashes and letters": "a/",
    "hyphens": "-",
    "what nearly fits": "ab",
    "routes": "#",
    "parameters": ";a",
    "dots": "/..",
}


@pytest.mark.parametrize("piece", ATTACKS.values(), ids=ATTACKS)
def test_masks_of_many_stars_take_linear_time(piece: str) -> None:
    """Four times the path takes about four times the time; with a cube it was 64 times."""

    def least(length: int) -> float:
        path = "/" + piece * (length // len(piece))
        found = []
        for _ in range(7):
            began = time.process_time_ns()
            for _ in range(4):
                clean_path(path, MANY_STARS)
            found.append(time.process_time_ns() - began)
        return min(found)

    assert least(16_000) / least(4_000) < 9
