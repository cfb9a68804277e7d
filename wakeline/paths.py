"""Spellings of a page's path: for storage, display and matching. Pure, never raises, linear in the input's length.

normal    as stored in records: a unique spelling of each page, RFC 3986
readable  as displayed: percent-encoded letters are decoded
decoded   as matched against patterns
pattern   a pattern in any spelling

A page of an app that routes in the fragment is "path#route".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from fnmatch import translate
from urllib.parse import quote, unquote, unquote_to_bytes

from wakeline.labels import JOINERS, cut
from wakeline.normalization import nfc

MAX_PATH = 500  # bytes of a readable path in UTF-8; its escapes take at most three times that
STEP = " → "  # between two paths, of which none contains it
MAX_DECODINGS = 3  # how often "%2525..." is decoded, to find nested escapes

KEPT = r"A-Za-z0-9\-._~!$&'()*+,;=:@/?"  # a URL's path contains no "?", but a path in a page's props may
ESCAPED = "%(?:[0189A-F][0-9A-F]|2[0-9A-CF]|3[A-F]|40|5[B-E]|60|7[B-DF])"  # escapes of all but unreserved characters
NORMAL = re.compile(rf"[{KEPT}]*(?:{ESCAPED}[{KEPT}]*)*")  # matches nearly all paths that browsers send
ODD = re.compile(rf"%[0-9A-Fa-f]{{2}}|%|[^{KEPT}%]+")
UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
BEYOND_ASCII = re.compile("(?:%[89A-Fa-f][0-9A-Fa-f])+")
IN_ASCII = re.compile("%(?![89A-Fa-f][0-9A-Fa-f])")
ESCAPES = re.compile("(?:%[0-9A-Fa-f]{2})+")
SLASHES = re.compile("//+")


def normal(path: str) -> str:
    """RFC 3986, section 6.2.2: only necessary escapes, in upper case; no dot segments. Idempotent.

    Bytes that are not UTF-8 stay escaped, a stray "%" becomes "%25", and repeated slashes stay, since a server may
    distinguish them.
    """
    if path and NORMAL.fullmatch(path):
        return without_dots(path)
    path, hash, route = path.partition("#")
    path = without_dots(ODD.sub(_spelt, path)) or "/"
    return f"{path}#{ODD.sub(_spelt, route)}" if hash else path


def _spelt(found: re.Match[str]) -> str:
    text = found[0]
    if text[0] != "%":
        return quote(text, safe="", errors="surrogatepass")
    if len(text) == 1:
        return "%25"
    char = chr(int(text[1:], 16))
    return char if char in UNRESERVED else text.upper()


def without_dots(path: str) -> str:
    """`path` with the segments "." and ".." removed, as in RFC 3986, section 5.2.4."""
    if "/." not in path:
        return path
    first, *segments = path.split("/")
    kept: list[str] = []
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")
    return "/".join((first, *kept))


def readable(path: str) -> str:
    """A normal path with non-ASCII letters decoded; `normal` restores it, so different paths stay different.

    ASCII and invisible characters stay escaped, except for the joiners that Persian, Hindi and emoji need.
    """
    if "%" not in path:
        return path
    if not IN_ASCII.search(path):  # fast path for the whole text
        with suppress(UnicodeDecodeError):
            text = unquote_to_bytes(path).decode()
            if text.isprintable():
                return text
    return BEYOND_ASCII.sub(_shown, path)


def _shown(found: re.Match[str]) -> str:
    text = unquote_to_bytes(found[0]).decode(errors="surrogateescape")
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() or char in JOINERS else quote(char, errors="surrogateescape") for char in text
    )


def shortened(path: str) -> str:
    """A normal path whose readable form has at most MAX_PATH bytes; a longer one is shortened like a label."""
    if len(path) <= MAX_PATH:
        return path
    shown = readable(path)
    kept = cut(shown, MAX_PATH, size=MAX_PATH)
    return path if kept == shown else normal(kept)


def page_label(path: str) -> str:
    """The readable path of a record, as shown everywhere, including for records that are not in normal form."""
    return readable(normal(path))


def unquoted(text: str) -> str:
    """`text` percent-decoded until it no longer changes, at most MAX_DECODINGS times."""
    for _ in range(MAX_DECODINGS):
        plain = unquote(text)
        if plain == text:
            break
        text = plain
    return text


def decoded(path: str) -> str:
    """A path for matching with patterns: letters composed (NFC), single slashes, no dot segments."""
    return resolved(nfc(unquoted(path)))


def resolved(path: str) -> str:
    return without_dots(SLASHES.sub("/", path))


def pattern(text: str, spelling: Callable[[str], str] = nfc) -> Callable[[str], re.Match[str] | None]:
    """A matcher for decoded paths: `*` is any text including slashes, `?` one character, `[...]` one of these.

    The pattern may be escaped or not; an escaped `*`, `?` or `[` means that character. Each `*` matches up to the first
    occurrence of what follows, without backtracking, so matching takes linear time.
    """
    for _ in range(MAX_DECODINGS):
        text = ESCAPES.sub(lambda found: literal(unquote(found[0])), text)
    return re.compile(translate(resolved(spelling(text)))).match


def literal(text: str, wild: str = "*?[") -> str:
    """A pattern that matches `text` literally, for the characters in `wild`."""
    return "".join(f"[{char}]" if char in wild else char for char in text)
