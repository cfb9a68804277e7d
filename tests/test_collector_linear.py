"""Processing time grows linearly with the length of any text in any field of an event."""

from __future__ import annotations

import gc
import itertools
import json
import time
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from collector.agents import agent_of
from collector.budget import NewProfiles
from collector.context import RequestContext
from collector.memory import Memory
from collector.policy import Policy
from collector.salts import Salts
from collector.steps import cleaned
from tests.collector_stand import CHROME, NOON, ORIGIN, SITE, event
from wakeline.event import ConsentLevel, decode_event
from wakeline.record import Event

SHORT, LONG = 4_000, 16_000  # characters, or things in a list
FLOOR_S = 0.0005  # a shorter time says nothing
MOST = 9  # times the time; what is quadratic takes 16 times

PIECES = {
    "letters": "a",
    "marks": "\u0301\u0316",
    "marks in falling order": "\u0345\u035d\u0301\u0316",  # each is sorted past all of the others; see `written`
    "marks of half width": "\uff9e\u0301",  # a letter until it is decomposed
    "marks and at signs": "\u0301@\u0316:",  # which `urlsplit` takes out
    "escaped marks": "%CC%81%CC%96",
    "letters that become many": "\ufdfa",
    "ideographs": "".join(chr(0x4E00 + 977 * index % 20_000) for index in range(50)),
    "joiners": "\U0001f468\u200d",
    "flags": "\U0001f1e6",
    "invisible": "\u200b\u00ad",
    "digits": "4",
    "groups of digits": "4111 ",
    "digits of another script": "\u0664",
    "at signs": "a@",
    "addresses": "a@b.c.",
    "escapes": "%25",
    "half an escape": "%",
    "dots": ".",
    "dot segments": "/..",
    "slashes": "/",
    "backslashes": "\\",
    "brackets": "[",
    "parameters": ";=&",
    "blanks": " \t",
}


def written(piece: str, length: int) -> str:
    return "".join(char * (length // len(piece)) for char in piece) if piece[0] == "\u0345" else _times(piece, length)


def _times(piece: str, length: int) -> str:
    return piece * (length // len(piece))


def in_props(**props: Any) -> dict[str, Any]:
    return {"type": "purchase", "props": {"transaction_id": "A-1", "value": 1, "currency": "EUR", **props}}


FIELDS: dict[str, Callable[[str], dict[str, Any]]] = {
    "the type": lambda text: {"type": text},
    "the host": lambda text: {"url": f"https://{text}/"},
    "the host behind a tab": lambda text: {"url": f"https:/\t/{text}/"},
    "the host behind a backslash": lambda text: {"url": f"https:/\\a\\{text}/"},
    "the user": lambda text: {"url": f"https://{text}@shop.example/"},
    "the path": lambda text: {"url": f"{ORIGIN}/{text}"},
    "the route": lambda text: {"url": f"{ORIGIN}/#/{text}"},
    "a relative address": lambda text: {"url": text},
    "a relative address behind a slash": lambda text: {"url": f"/{text}"},
    "a host without a scheme": lambda text: {"url": f"shop.example/{text}"},
    "a parameter": lambda text: {"url": f"{ORIGIN}/?ref={text}"},
    "a parameter's name": lambda text: {"url": f"{ORIGIN}/?utm_{text}=1"},
    "the title": lambda text: {"title": text},
    "the referrer's host": lambda text: {"referrer": f"https://{text}/"},
    "the referrer's host behind a backslash": lambda text: {"referrer": f"https://a\\{text}/"},
    "the referrer's path": lambda text: {"referrer": f"https://other.example/{text}"},
    "an app": lambda text: {"referrer": f"android-app://{text}"},
    "an interest": lambda text: {"interests": [text]},
    "the interests in one text": lambda text: {"interests": text},
    "the interests in a text of JSON": lambda text: {"interests": f"[{text}"},
    "many interests": lambda text: {"interests": text.split("a") if "a" in text else list(text)},
    "a property": lambda text: in_props(text=text),
    "a list": lambda text: in_props(list=[text[:200]] * (len(text) // 200)),
    "many properties": lambda text: in_props(
        **{f"{text[:40]}{index}": text[:200] for index in range(len(text) // 200)}
    ),
    "an address": lambda text: in_props(url=text, path=f"/{text}", href=text),
    "the order": lambda text: in_props(transaction_id=text),
    "the amount": lambda text: in_props(value=text),
    "the currency": lambda text: in_props(currency=text),
    "relative addresses on a page of a long path": lambda text: {
        **in_props(items=[{"url": "a"}] * (len(text) // 10)),
        "url": f"{ORIGIN}/{text}/",
    },
    "relative addresses on a page of a long query": lambda text: {
        **in_props(items=[{"url": "a"}] * (len(text) // 10)),
        "url": f"{ORIGIN}/?{text}",
    },
    "the fields of a form": lambda text: {"type": "form_submit", "props": {"fields": [text[:9], *text, ""]}},
    "products in a text": lambda text: in_props(items=json.dumps([{"name": text}] + [{}] * (len(text) // 4))),
    "products": lambda text: in_props(items=[{"id": text, "name": text}]),
}


async def no_answer() -> None:
    return None


@pytest.fixture
def arrival(tmp_path: Path) -> RequestContext:
    return RequestContext(
        policy=Policy(replace(SITE, masks=("/reset/*", "/*a*a*b"))),
        salts=Salts(tmp_path, {SITE.key: ZoneInfo("UTC")}, clock=lambda: NOON),
        profiles=NewProfiles(0, memory=Memory(no_answer)),
        consent=ConsentLevel.ANONYMOUS,
        is_capped=False,
        origin=ORIGIN,
        sent=NOON,
        received=NOON,
        address="203.0.113.7",
        user_agent=CHROME,
        agent=agent_of(CHROME),
        country="",
        is_own=False,
    )


def test_long_texts_are_not_remembered(arrival: RequestContext) -> None:
    """Of 50 requests with 240 KB each, some of it beyond the letters that take a byte, next to nothing is left."""

    def clean(number: int) -> None:
        long = f"{number}\U0001f45f" + "x" * 15_000
        url = f"{ORIGIN}/{long}?utm_{long}=1&ref={long}"
        props = in_props(url=[f"/{long}", long, f"data:{long}"], items=json.dumps([{"name": long}]))
        view = event(time=NOON, url=url, title=long, referrer=f"https://other.example/{long}?{long}", interests=long)
        for sent in (view, event(time=NOON, url=url, **props), event(time=NOON, url=f"{long}?{long}")):
            assert isinstance(cleaned(decode_event(json.dumps(sent).encode()), arrival), Event)

    clean(0)
    tracemalloc.start()
    for number in range(1, 51):
        clean(number)
    gc.collect()
    left, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert left < 2_000_000


@pytest.mark.parametrize("field", FIELDS.values(), ids=FIELDS)
def test_each_field_takes_linear_time(arrival: RequestContext, field: Callable[[str], dict[str, Any]]) -> None:
    number = itertools.count()  # each text is another one: some are remembered

    def least(piece: str, length: int) -> float:
        found = []
        for _ in range(3):
            sent = event(**{"time": NOON, **field(f"{next(number)}{written(piece, length)}"[:length])})
            raw = json.dumps(sent, ensure_ascii=False).encode()
            began = time.process_time()
            with suppress(ValueError):  # too long: that is an answer too
                cleaned(decode_event(raw), arrival)
            found.append(time.process_time() - began)
        return min(found)

    times = {name: (least(piece, SHORT), least(piece, LONG)) for name, piece in PIECES.items()}
    slow = {name: pair for name, pair in times.items() if pair[1] > MOST * max(pair[0], FLOOR_S)}
    assert not slow
