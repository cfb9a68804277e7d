"""E-mail addresses and card numbers in every field of the wire: they are neither stored nor shown anywhere."""

from __future__ import annotations

import gzip
import lzma
import urllib.parse
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.waiting import until
from tests.abuse.stage import SERVICES, Stage
from tests.abuse.wire import ORIGIN, SECRET, envelope, event, flood, post, request
from tests.faults.outcome import Outcome
from wakeline.identity import signature

EMAIL = "jane.roe@mail.example"
CARD = "4111111111111111"
CARDS = (CARD, "4111 1111 1111 1111", "4111-1111-1111-1111", "5500005555555559", "340000000000009")
SAID = ("jane.roe", "4111111111111111", "4111 1111", "4111-1111", "4111%20", "5500005555555559", "340000000000009")
WRITTEN = (EMAIL, urllib.parse.quote(EMAIL), urllib.parse.quote(urllib.parse.quote(EMAIL, safe="")), *CARDS)
MARK = "harmless-mark"  # is found everywhere, or we looked in the wrong places


async def nowhere(stage: Stage, outcome: Outcome) -> None:
    """Not in the log, the history, Redis and its files, the spool, process logs or metrics."""
    await stage.start(*SERVICES)
    sent = list(_requests())
    answers = await flood(stage.port, sent)
    dropped = [await post(stage.port, each) for each in _broken()]
    stage.server.kill()
    spooled = await flood(stage.port, [request(envelope(*_events(each))) for each in WRITTEN])
    kept = _found_in("spool", _files(stage.data / "spool"))
    stage.server.start()
    await until(lambda: stage.collected("spool_records") == 0, "the spool is empty")
    await stage.settle()
    await until(lambda: any((stage.data / "archive").rglob("*lane=*/*")), "the history is sealed")
    await until(lambda: MARK in _shown(stage), "the metrics show it")
    places = {
        "Redis": list(_redis(stage)),
        "files of Redis": _files(stage.folder / "redis"),
        "history": _files(stage.data / "archive"),
        "other files": _files(stage.data),
        "what processes say": [words.encode() for words in stage.logs().values()],
        "metrics": [_shown(stage).encode()],
    }
    outcome.shows("requests", len(sent) + len(dropped) + spooled.total())
    outcome.at_least("of them taken", answers[202] + spooled[202], len(WRITTEN))
    outcome.is_exactly("spooled", spooled[202], len(WRITTEN))
    for place, contents in places.items():
        kept += _found_in(place, contents)
    for place in ("Redis", "files of Redis", "history", "metrics"):
        outcome.is_exactly(
            f"{place}: bytes that we looked for are there", any(MARK.encode() in one for one in places[place]), 1
        )
    outcome.is_exactly("e-mails and cards found", len(kept), 0)
    for words in kept[:8]:
        outcome.note(words)


def _events(secret: str) -> list[dict[str, Any]]:
    """Events of all types with `secret` in every field."""
    quoted = urllib.parse.quote(secret)
    # Digits in the name of a thing stay: a page's program fills it, see SECURITY.md. An address goes there too.
    named_by = secret if "@" in secret or "%40" in secret else "none"
    url = f"{ORIGIN}/{MARK}/{secret}/{quoted}?utm_source={quoted}&utm_{quoted}=1&q={quoted}&x={quoted}#/{quoted}"
    seen = {"visitor": "visitor-personal", "url": url}
    props: dict[str, Any] = {
        "mark": MARK, "text": f"call {secret} now", secret[:60]: secret,
        "list": [secret, {"deep": secret, secret[:60]: 1}], "category": secret,
        "url": f"{ORIGIN}/{secret}", "path": f"/{secret}",
        "items": [{"category": secret, "name": secret}], "card_id": secret,
    }  # fmt: skip
    props |= {"order": named_by, "sku": named_by, "ids": [named_by], "things": [{"item_id": named_by}]}
    if secret.isdigit():
        number = int(secret)
        props |= {"number": number, "float": float(number), "numbers": [number, {"deep": number}], "price": number}
    referrer = f"https://elsewhere.example/{secret}?mail={quoted}"
    named = secret.replace("-", " ") if "@" not in secret and "%" not in secret else "nothing"
    events = [
        event(title=f"{secret} {MARK}", referrer=referrer, interests=[secret, f"{MARK} {secret}"], **seen),
        event(title=secret, referrer=f"https://{secret}/", **seen),
        event(title=secret, referrer=f"https://{secret}@elsewhere.example/", **seen),
        event(type="search", props=props, **seen),
        event(type="purchase", props=props, **seen),
        event(type=f"said {named}", props=props, **seen),
        event(type="engagement", engaged_ms=int(CARD), scroll=int(CARD), **seen),
        event(type="ping", **seen),
        event(type="identify", id=secret, signature=signature(SECRET, secret), **seen),
        event(type="identify", id=secret, signature=secret, **seen),
        event(type="search", extra=secret, email=secret, card=secret, **seen),
        event(time=int(CARD), **seen),
        event(type="consent", level="full", title=secret, **seen),
    ]
    plain_id = "".join(char for char in secret if char.isalnum() or char in "-_")[:36]
    events += [event(**(seen | {"page": plain_id})), event(**(seen | {"visitor": plain_id}))]
    return events


def _requests() -> Iterator[bytes]:
    for secret in WRITTEN:
        ascii_only = secret.replace("\n", " ")
        headers = {
            "User_Agent": f"Mozilla/5.0 ({ascii_only}) {ascii_only}/1.0 {CARD}bot/2.0", "Referer": f"{ORIGIN}/{secret}",
            "Cookie": f"mail={secret}", "X_Forwarded_For": f"{secret}, 198.51.100.7", "From": secret,
            "Authorization": f"Basic {secret}",
        }  # fmt: skip
        for each in _events(secret):
            yield request(envelope(each), **headers)
            anonymous = {name: value for name, value in each.items() if name != "visitor"}
            yield request(envelope(anonymous), **headers)
        yield request(envelope(event(title=MARK), sent=int(CARD)), **headers)


def _broken() -> Iterator[bytes]:
    """Rejected requests must leave nothing behind either."""
    for secret in (EMAIL, CARD):
        yield request(envelope(site=secret))
        yield request(f"{{{secret}".encode())
        yield request(envelope(), Origin=f"https://{secret}")
        yield request(envelope(), target=f"/{secret}?{secret}")
        yield request(envelope(), Content_Type=secret)
        yield request(envelope(), Content_Encoding=secret)
        yield request(envelope()).replace(b"HTTP/1.1", secret.encode(), 1)
        yield secret.encode() + b"\r\n\r\n"


def _shown(stage: Stage) -> str:
    """All names and labels of metrics."""
    return "\n".join(f"{name} {labels}" for service in SERVICES for name, labels in stage.told(service))


def _redis(stage: Stage) -> Iterator[bytes]:
    """Every key with its value, of any type, except for the server's own words and names."""
    for key in stage.redis.scan_iter(count=10_000):
        yield key
        yield stage.redis.dump(key) or b""
        kind = stage.redis.type(key)
        if kind == b"string":
            yield stage.redis.get(key) or b""
        elif kind == b"hash":
            yield repr(stage.redis.hgetall(key)).encode()
        elif kind == b"zset":
            yield repr(stage.redis.zrange(key, 0, -1)).encode()
        elif kind == b"stream":
            yield repr(stage.redis.xrange(key)).encode()


def _files(folder: Path) -> list[bytes]:
    """Every file's name and unpacked content."""
    return [str(path).encode() + b"\n" + _unpacked(path.read_bytes()) for path in folder.rglob("*") if path.is_file()]


def _unpacked(content: bytes) -> bytes:
    for unpack in (gzip.decompress, zlib.decompress, lzma.decompress):
        try:
            return content + unpack(content)
        except (OSError, EOFError, zlib.error, lzma.LZMAError):
            continue
    return content


def _found_in(place: str, contents: list[bytes]) -> list[str]:
    found = []
    for content in contents:
        for said in SAID:
            at = content.find(said.encode())
            if at >= 0:
                found.append(f"{place}: {content[max(0, at - 60) : at + 40]!r}")
    return found
