"""URLs and text are cleaned of personal data, and no input makes that fail."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.clean import clean_interests, clean_text
from collector.policy import Policy
from collector.urls import (
    MAX_QUERY_FIELDS,
    MAX_QUERY_VALUE,
    Page,
    clean_page,
    clean_query,
    clean_referrer,
    mask,
)
from wakeline.labels import REDACTED, cut
from wakeline.paths import MAX_PATH, readable, shortened
from wakeline.settings import Site
from wakeline.vocabulary.sources import CLICK_IDS

HOSTS = frozenset({"shop.example", "xn--bcher-kva.example"})
QUERY = frozenset({"ref"})
MASKS = tuple(map(mask, ("/reset/*", "/user/*/orders", "/t/*.html")))


def page(url: str) -> Page | None:
    return clean_page(url, hosts=HOSTS, query=QUERY, masks=MASKS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("Shoes", "Shoes", id="nothing to do"),
        pytest.param("Grüße 👩‍👩‍👧 灯", "Grüße 👩‍👩‍👧 灯", id="the world's letters, joined emoji"),
        pytest.param("write to me@mail.example now", f"write to {REDACTED} now", id="e-mail address"),
        pytest.param("jürgen.o'hara+x@bücher.example", REDACTED, id="e-mail address beyond ASCII"),
        pytest.param("a@b.xn--p1ai", REDACTED, id="e-mail address in punycode"),
        pytest.param("me%40mail.example", REDACTED, id="percent-encoded @"),
        pytest.param("me%2540mail.example", REDACTED, id="encoded twice"),
        pytest.param("m\u200be@mail.exa\u00admple", REDACTED, id="with invisible characters between"),
        pytest.param("react@18.2 is out", "react@18.2 is out", id="a version is no address"),
        pytest.param("@handle and a @ b", "@handle and a @ b", id="no address at all"),
        pytest.param("4111111111111111", REDACTED, id="card"),
        pytest.param("card 4111 1111 1111 1111 please", f"card {REDACTED} please", id="card in groups"),
        pytest.param("3782-822463-10005", REDACTED, id="card of 15 digits with hyphens"),
        pytest.param("order 12 4111 1111 1111 1111", f"order {REDACTED}", id="card after another number"),
        pytest.param("%34111111111111111", REDACTED, id="card with an encoded digit"),
        pytest.param("4111%201111%201111%201111", REDACTED, id="card with encoded spaces"),
        pytest.param("4111111111111112", "4111111111111112", id="16 digits that fail the check"),
        pytest.param("411111111111", "411111111111", id="12 digits"),
        pytest.param("tel. 0123 456", "tel. 0123 456", id="a short number"),
        pytest.param("1" * 60, "1" * 60, id="a number too long for a card"),
        pytest.param("a\u202eb\u2066c\u200fd", "abcd", id="text that reads backwards"),
        pytest.param("a\x00b\x1bc\x7fd\ufeff", "abcd", id="controls"),
        pytest.param("a\r\nb\u2028c\td", "a b c d", id="line breaks become spaces"),
        pytest.param("100 % sure, %zz", "100 % sure, %zz", id="percent signs that encode nothing"),
    ],
)
def test_text_is_cleaned(text: str, expected: str) -> None:
    assert clean_text(text) == expected


@pytest.mark.parametrize(
    ("url", "path"),
    [
        pytest.param("https://shop.example", "/", id="no path"),
        pytest.param("https://shop.example/a/b#c", "/a/b", id="fragment dropped"),
        pytest.param("https://shop.example/a#/b/42", "/a#/b/42", id="a fragment that is a route"),
        pytest.param("https://shop.example#!/b", "/#!/b", id="a fragment that is a route, as it was spelt once"),
        pytest.param("https://shop.example/#/b?token=1", "/#/b", id="the query of a route dropped"),
        pytest.param("https://shop.example/#/me@shop.example", "/#/(redacted)", id="a route with a person in it"),
        pytest.param("HTTPS://Shop.Example:443/A", "/A", id="host in capitals, with port"),
        pytest.param("https://user:secret@shop.example/a", "/a", id="user and password dropped"),
        pytest.param("https://shop.example/reset/abc", "/reset/*", id="masked"),
        pytest.param("https://shop.example/RESET/abc/def/", "/reset/*", id="masked across slashes, any case"),
        pytest.param("https://shop.example/%72eset/abc", "/reset/*", id="masked although encoded"),
        pytest.param("https://shop.example/user/7/orders", "/user/*/orders", id="masked in the middle"),
        pytest.param("https://shop.example/user/7/cart", "/user/7/cart", id="not masked"),
        pytest.param("https://shop.example/txhtml", "/txhtml", id="a dot in a mask is a dot"),
        pytest.param("https://shop.example/u/me@mail.example/x", f"/u/{REDACTED}/x", id="e-mail address"),
        pytest.param("https://shop.example/u/me%40mail.example", f"/u/{REDACTED}", id="encoded e-mail address"),
        pytest.param("https://shop.example/pay/4111111111111111", f"/pay/{REDACTED}", id="card"),
        pytest.param("https://shop.example/b%C3%BCcher", "/b%C3%BCcher", id="encoding kept where nothing hides"),
        pytest.param("https://shop.example/" + "a" * 3_000, shortened("/" + "a" * 3_000), id="cut"),
        pytest.param("https://shop.example/caf%c3%a9", "/caf%C3%A9", id="escapes in upper case"),
        pytest.param("https://shop.example/café", "/caf%C3%A9", id="letters beyond ASCII escaped"),
        pytest.param("https://shop.example/%7euser/a/./b/../c", "/~user/a/c", id="in normal form"),
        pytest.param("https://shop.example/100%/%zz", "/100%25/%25zz", id="percent signs that escape nothing"),
    ],
)
def test_a_path_is_cleaned(url: str, path: str) -> None:
    found = page(url)
    assert found is not None
    assert (found.host, found.path) == ("shop.example", path)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "shop.example/a",
        "//shop.example/a",
        "ftp://shop.example/",
        "javascript:alert(1)//shop.example",
        "data:text/html,shop.example",
        "file:///shop.example",
        "about:blank",
        "https://",
        "https:///a",
        "https://evil.example/",
        "https://shop.example.evil.example/",
        "https://shop.example@evil.example/",
        "https://[shop.example]/",
        "https://[::1",
        "https://shop.example\uff0fevil/",
    ],
)
def test_what_is_no_page_of_the_site_is_refused(url: str) -> None:
    assert page(url) is None


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        pytest.param("utm_source=a&utm_id=1&ref=b&q=secret&token=x", {"utm_source": "a", "utm_id": "1", "ref": "b"}),
        pytest.param("ref=first&ref=second", {"ref": "first"}),
        pytest.param("utm_source=me%40mail.example&ref=4111+1111+1111+1111", {"utm_source": REDACTED, "ref": REDACTED}),
        pytest.param("ref=" + "a" * 500, {"ref": cut("a" * 500, MAX_QUERY_VALUE)}),
        pytest.param("ref=" + "a" * 95 + "+me@mail.example", {"ref": cut("a" * 95 + f" {REDACTED}", 100)}),
        pytest.param("REF=a&ref", {}),
        pytest.param("UTM_Source=a&Utm_Campaign=Sale&utm_source=b", {"utm_source": "a", "utm_campaign": "Sale"}),
        pytest.param("ref=%ff%00a", {"ref": "\ufffda"}),
    ],
    ids=[
        "allow-list",
        "first one counts",
        "redacted",
        "cut",
        "redacted before it is cut",
        "own names are exact",
        "utm_ in capitals",
        "not UTF-8",
    ],
)
def test_a_query_is_reduced_to_the_allow_list(query: str, kept: dict[str, str]) -> None:
    found = page(f"https://shop.example/?{query}")
    assert found is not None
    assert found.query == kept


PIECES = st.sampled_from(
    ["ref", "utm_x", "a", "%72ef", "+", "%2B", "%", "=", "&", "&", ";", "é", "%C3%A9", "%FF", "?", "#"]
)


@given(st.lists(PIECES).map("".join))
def test_a_query_is_read_as_forms_write_it(query: str) -> None:
    wanted: dict[str, str] = {}
    for name, value in parse_qsl(query):
        if name in ("ref", "utm_x"):
            wanted.setdefault(name, value)
    found = clean_query(query, ("ref",))
    assert {name: value for name, value in found.items() if name in ("ref", "utm_x")} == wanted


def test_a_query_keeps_so_many_parameters_and_no_more() -> None:
    found = page("https://shop.example/?" + "&".join(f"utm_{n}={n}" for n in range(500)))
    assert found is not None
    assert len(found.query) == MAX_QUERY_FIELDS


@pytest.mark.parametrize(
    ("query", "click"),
    [
        pytest.param("?gclid=EAIaIQ&size=41", "gclid", id="of an advertisement"),
        pytest.param("?size=41&GCLID=EAIaIQ", "gclid", id="in any case"),
        pytest.param("?%67clid=EAIaIQ", "gclid", id="escaped"),
        pytest.param("?fbclid=1&gclid=2", "fbclid", id="the first of two"),
        pytest.param("?gclid=", "", id="without a value"),
        pytest.param("?xgclid=1&gclid_=2&q=gclid", "", id="a name within a name"),
        pytest.param("", "", id="none"),
        pytest.param("?" + "&".join(f"utm_{n}=1" for n in range(40)) + "&msclkid=1", "msclkid", id="behind many"),
    ],
)
def test_that_there_was_a_click_id_is_known_and_never_its_value(query: str, click: str) -> None:
    site = Site(key="shop", origins=("https://shop.example",), query=("gclid", "GCLID", "fbclid", "size"))
    page = Policy(site).page(f"https://shop.example/{query}")
    assert page is not None
    assert page.click == click
    assert not {name.lower() for name in page.query} & CLICK_IDS.keys()


@pytest.mark.parametrize(
    ("referrer", "expected"),
    [
        pytest.param("https://www.google.com/", "www.google.com/", id="search engine"),
        pytest.param("https://News.example:8443/a?q=secret#x", "news.example/a", id="host and path only"),
        pytest.param("https://shop.example/cart", "internal", id="the site itself"),
        pytest.param("https://mail.example/inbox/me@mail.example", f"mail.example/inbox/{REDACTED}", id="redacted"),
        pytest.param("", "", id="none"),
        pytest.param("android-app://com.example.app/", "android-app://com.example.app", id="an app of Android"),
        pytest.param("android-app://a\x1b/x", "", id="no name of an app"),
        pytest.param("ios-app://1/com.example", "", id="no web page"),
        pytest.param("https://Bücher.example/", "internal", id="the site itself, not in punycode"),
        pytest.param("https://straße.example/caf%c3%a9", "xn--strae-oqa.example/caf%C3%A9", id="in normal form"),
        pytest.param("https://[", "", id="broken"),
        pytest.param("https://a b/", "", id="no host name"),
        pytest.param("https://4111111111111111/", "(redacted)/", id="a card for a host"),
    ],
)
def test_a_referrer_is_host_and_path_of_another_site(referrer: str, expected: str) -> None:
    assert clean_referrer(referrer, hosts=HOSTS) == expected


INTERESTS = {
    "clean": (["lamps", "rugs"], ["lamps", "rugs"]),
    "with spaces": ([" lamps", "wall lamps "], ["lamps", "wall lamps"]),
    "nothing left": (["lamps", "\u202e", " ", ""], ["lamps"]),
    "more than eight": (list("abcdefghij"), list("abcdefgh")),
    "a long one": (["x" * 80], [cut("x" * 80, 64)]),
}


@pytest.mark.parametrize(("labels", "kept"), INTERESTS.values(), ids=INTERESTS)
def test_interests_are_made_clean_and_cut(labels: list[str], kept: list[str]) -> None:
    assert clean_interests(labels) == kept


# ---- whatever comes ----------------------------------------------------------------------------------

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=200) | st.text(
    "@.%4013- +\u200b/:[]a?=&#", max_size=200
)


@given(TEXT)
def test_cleaning_text_never_fails_and_is_done_at_once(text: str) -> None:
    """No control is left, and what was redacted stays so."""
    cleaned = clean_text(text)
    assert not any(ord(char) < 32 or char in "\u202e\u2066\u200b" for char in cleaned)
    assert clean_text(cleaned) == cleaned


@given(TEXT, st.sampled_from(["", "https://", "https://shop.example", "https://shop.example/?ref=", "http://["]))
def test_cleaning_an_address_never_fails(text: str, start: str) -> None:
    found = page(start + text)
    if found is not None:
        assert found.host in HOSTS
        assert found.path
        assert len(readable(found.path).encode()) <= MAX_PATH
        assert all(len(value) <= MAX_QUERY_VALUE for value in found.query.values())
    assert "?" not in clean_referrer(start + text, hosts=HOSTS) or "%" in text


@given(st.text("abc", min_size=1, max_size=80), st.integers(0, 3))
def test_an_address_is_found_however_often_it_is_encoded(name: str, times: int) -> None:
    at = "@"
    for _ in range(times):
        at = "".join(f"%{ord(char):02x}" for char in at) if at == "@" else at.replace("%", "%25")
    assert clean_text(f"x {name}{at}mail.example y") == f"x {REDACTED} y"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("a" * 65_000 + "@", id="an endless local part"),
        pytest.param("a@" * 32_000, id="nothing but @"),
        pytest.param("a@" + "b." * 32_000, id="an endless domain"),
        pytest.param("1 " * 32_000, id="digits apart"),
        pytest.param("1" * 65_000, id="digits together"),
        pytest.param("%25" * 21_000, id="encoded percent signs"),
        pytest.param("1234 5678 " * 6_500, id="groups"),
    ],
)
@pytest.mark.timeout(10)
def test_the_worst_text_takes_no_endless_time(text: str) -> None:
    clean_text(text)
