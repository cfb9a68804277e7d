"""A path has one stored, one shown and one matched form, and a pattern matches every spelling."""

from __future__ import annotations

import time
from unicodedata import normalize
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wakeline.labels import cut
from wakeline.paths import MAX_PATH, decoded, literal, normal, page_label, pattern, readable, shortened

NORMAL = {
    "as it is": ("/a/b.html;v=1", "/a/b.html;v=1"),
    "nothing": ("", "/"),
    "hex in upper case": ("/caf%c3%a9", "/caf%C3%A9"),
    "letters as such": ("/café", "/caf%C3%A9"),
    "escapes of what needs none": ("/%7euser%2dx", "/~user-x"),
    "an escaped slash is none": ("/a%2fb", "/a%2Fb"),
    "a space": ("/a b", "/a%20b"),
    "dot segments": ("/a/./b/../c/..", "/a/"),
    "dot segments that are escaped": ("/a/%2e%2E/b", "/b"),
    "more dots than folders": ("/../../a", "/a"),
    "repeated slashes are another page": ("//a//b", "//a//b"),
    "a percent sign that escapes nothing": ("/100%/%zz/%4", "/100%25/%25zz/%254"),
    "bytes that are no UTF-8": ("/caf%e9", "/caf%E9"),
    "a route": ("/app/./x#/caf%c3%a9/../%7e", "/app/x#/caf%C3%A9/../~"),
    "joiners": ("/می\u200cخواهم", "/%D9%85%DB%8C%E2%80%8C%D8%AE%D9%88%D8%A7%D9%87%D9%85"),
}


@pytest.mark.parametrize(("path", "expected"), NORMAL.values(), ids=NORMAL)
def test_a_path_is_kept_in_one_spelling(path: str, expected: str) -> None:
    assert normal(path) == expected


READABLE = {
    "as it is": ("/shoes", "/shoes"),
    "Cyrillic": ("/%D0%BE%D0%B1%D1%83%D0%B2%D1%8C", "/обувь"),
    "an older record": ("/caf%c3%a9", "/café"),
    "joiners are seen in what they join": ("/%D9%85%DB%8C%E2%80%8C%D8%AE", "/می\u200cخ"),
    "a text that reads backwards stays escaped": ("/a%E2%80%AEb", "/a%E2%80%AEb"),
    "an invisible space too": ("/a%E2%80%8Bb%C2%A0", "/a%E2%80%8Bb%C2%A0"),
    "ASCII too": ("/a%20b%3Cscript%3E%22", "/a%20b%3Cscript%3E%22"),
    "bytes that are no UTF-8 too": ("/%E9%C3%A9%FF", "/%E9é%FF"),
}


@pytest.mark.parametrize(("path", "expected"), READABLE.values(), ids=READABLE)
def test_a_path_is_shown_as_people_read_it(path: str, expected: str) -> None:
    assert page_label(path) == expected


FITS = {
    "as browsers send it": ("/schuhe-für-kinder/*", "/schuhe-f%C3%BCr-kinder/roter-schuh", True),
    "in lower case hex": ("/schuhe-für-kinder/*", "/schuhe-f%c3%bcr-kinder/x", True),
    "in a pattern of escapes": ("/schuhe-f%C3%BCr-kinder/*", "/schuhe-für-kinder/x", True),
    "with a letter and its mark (NFD)": ("/schuhe-für-kinder/*", "/schuhe-fu%CC%88r-kinder/x", True),
    "in a pattern of NFD": (normalize("NFD", "/schuhe-für-kinder/*"), "/schuhe-f%C3%BCr-kinder/x", True),
    "another path": ("/schuhe-für-kinder/*", "/schuhe-fur-kinder/x", False),
    "with slashes twice": ("/shoes/*", "//shoes//x", True),
    "with dot segments": ("/shoes/*", "/a/../shoes/./x", True),
    "encoded twice": ("/shoes/*", "/%2573hoes/x", True),
    "case matters": ("/shoes/*", "/Shoes/x", False),
    "a star crosses slashes": ("/shoes/*/red", "/shoes/a/b/red", True),
    "a star may be nothing": ("/shoes*", "/shoes", True),
    "the end counts": ("/*.html", "/a.html/b", False),
    "what follows a star may come early too": ("/*ab", "/abab", True),
    "one character": ("/p/?", "/p/é", True),
    "one character, not two": ("/p/?", "/p/ab", False),
    "one of these": ("/p/[0-9]", "/p/7", True),
    "none of these": ("/p/[!0-9]", "/p/7", False),
    "brackets as such": ("/p%5B1%5D/*", "/p[1]/x", True),
    "a star as such": ("/a%2Ab", "/a*b", True),
    "a star as such, and no other": ("/a%2Ab", "/axb", False),
    "an open bracket": ("/p[/*", "/p%5B/x", True),
    "a percent sign": ("/100%25/*", "/100%25/x", True),
}


@pytest.mark.parametrize(("text", "path", "fits"), FITS.values(), ids=FITS)
def test_a_pattern_fits_however_it_and_the_path_are_spelt(text: str, path: str, fits: bool) -> None:
    assert (pattern(text)(decoded(path)) is not None) is fits


PATHS = st.text("/.%aAéu\u0308\u200dя#?;\\ 0129CcEeDdB8*[", max_size=40) | st.text(max_size=40)
ANY = st.text(st.characters(), max_size=20)  # lone surrogates too


@given(PATHS | ANY)
@example("%%341")
@example("/.//..//.")
def test_a_normal_path_stays_itself(path: str) -> None:
    once = normal(path)
    assert once.isascii()
    assert normal(once) == once


@given(PATHS | ANY)
def test_no_two_pages_are_shown_as_one(path: str) -> None:
    """What is shown leads back to what was kept, and nothing in it is invisible but joiners."""
    once = normal(path)
    shown = readable(once)
    assert normal(shown) == once
    assert all(char.isprintable() or char in "\u200c\u200d" for char in shown)


def test_an_escape_stays_unless_it_needs_none() -> None:
    for code in range(256):
        char = chr(code)
        is_unreserved = char.isascii() and (char.isalnum() or char in "-._~")
        assert normal(f"/a%{code:02X}b") == (f"/a{char}b" if is_unreserved else f"/a%{code:02X}b")


@given(st.binary(max_size=30))
def test_every_byte_survives(data: bytes) -> None:
    escaped = "/" + "".join(f"%{byte:02x}" for byte in data)
    kept = normal(escaped)
    if b"." not in data:
        assert unquote_to_bytes(kept) == b"/" + data


@given(PATHS, PATHS)
def test_a_literal_pattern_fits_its_own_path(path: str, more: str) -> None:
    path = "/" + path.replace("%", "")
    assert pattern(literal(path))(decoded(path)) is not None or "//" in path or "/." in path


@given(st.text("aя%/0é", max_size=2_000))
def test_a_long_path_is_cut_and_stays_normal(path: str) -> None:
    kept = shortened(normal("/" + path))
    assert len(readable(kept).encode()) <= MAX_PATH
    assert normal(kept) == kept
    assert shortened(kept) == kept


def test_long_paths_that_begin_alike_stay_apart() -> None:
    folder = normal("/" + "каталог/" * 60)
    kept = [shortened(f"{folder}{n}") for n in range(6)]
    assert len(set(kept)) == 6
    assert len({page_label(path) for path in kept}) == 6


CUT = {
    "short": ("обувь", "обувь"),
    "as long as it may be": ("я" * 20, "я" * 20),
    "too long": ("я" * 21, "я" * 9 + "…"),
    "families": ("👩‍👩‍👧" * 30, "👩‍👩‍👧" * 3 + "…"),
    "letters with marks": ("e\u0301" * 20, "e\u0301" * 20),
    "half an escape is left out": ("a" * 8 + "%20" * 9, "a" * 8 + "…"),
    "one letter, all marks": ("e" + "\u0301" * 500, "e" + "\u0301" * 33 + "…"),
}


@pytest.mark.parametrize(("text", "begins"), CUT.values(), ids=CUT)
def test_text_is_cut_by_what_people_see(text: str, begins: str) -> None:
    found = cut(text, 20)
    assert found.startswith(begins)
    assert found == begins or len(found) == len(begins) + 10
    assert len(found.encode()) <= 80
    assert cut(found, 20) == found


@given(ANY | st.text("ab\u0301👩\u200dी%2", max_size=300), st.integers(12, 40))
def test_what_is_cut_is_short_and_cut_once(text: str, most: int) -> None:
    found = cut(text, most)
    assert len(found.encode(errors="surrogatepass")) <= 4 * most
    assert cut(found, most) == found


@given(st.text("ab", max_size=60), st.text("ab", max_size=60))
def test_no_two_texts_become_one(one: str, other: str) -> None:
    assert (cut(one, 15) == cut(other, 15)) is (one == other)


HEAVY = {
    "normal, all escapes": lambda n: normal("/%C3%A9" * n),
    "normal, all dots": lambda n: normal("/a/.." * n),
    "normal, all percent signs": lambda n: normal("%" * n),
    "decoded, encoded again and again": lambda n: decoded("%25" * n),
    "decoded, all slashes": lambda n: decoded("/" * n),
    "readable": lambda n: readable("%C3%A9%FF" * n),
    "cut, ASCII": lambda n: cut("a" * n, 200),
    "cut, letters": lambda n: cut("я" * n, 200),
    "cut, all marks": lambda n: cut("e" + "\u0301" * n, 200),
    "a pattern of many stars": lambda n: pattern("/*a*b*c*d*e*f*g*h*")("/" + "abcdefg" * n),
    "a pattern whose piece nearly fits": lambda n: pattern("/*aaab*aaab*aaab*c")("/" + "a" * n),
    "a pattern of classes": lambda n: pattern("/*[a-f][a-f]?g*[!x]h*z")("/" + "abcdef" * n),
}


@pytest.mark.parametrize("work", HEAVY.values(), ids=HEAVY)
def test_four_times_the_length_takes_four_times_the_time(work) -> None:  # type: ignore[no-untyped-def]
    """Far less than the 16 or 64 of a square or a cube: the least of several, since others work here too."""

    def least(length: int) -> float:
        found = []
        for _ in range(7):
            began = time.process_time_ns()
            for _ in range(8):
                work(length)
            found.append(time.process_time_ns() - began)
        return max(min(found), 20_000)

    assert least(8_000) / least(2_000) < 9
