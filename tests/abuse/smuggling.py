"""Requests whose end is ambiguous, so that a second one is hidden in the first."""

from __future__ import annotations

from tests.abuse.stage import Stage, pages_of
from tests.abuse.wire import envelope, event, post, request, said, statuses
from tests.faults.outcome import Outcome

HEAD = "POST /v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: https://shop.example\r\nContent-Type: text/plain\r\n"


def hidden_in(framing: str, *, body: str = "0\r\n\r\n", head: str = HEAD) -> tuple[bytes, str]:
    """A request with this framing and another hidden behind its ambiguous end; and the hidden one's page id."""
    made = event()
    behind = request(envelope(made))
    sent = head + framing.replace("LENGTH", str(len(body) + len(behind))).replace("SHORT", str(len(body)))
    return sent.encode("latin-1") + b"\r\n" + body.encode() + behind, made["page"]


CHUNKED = "Transfer-Encoding: chunked\r\n"
SHAPES = {
    "CL.TE": hidden_in(f"Content-Length: LENGTH\r\n{CHUNKED}"),
    "TE.CL": hidden_in(f"{CHUNKED}Content-Length: SHORT\r\n"),
    "TE.0": hidden_in(f"{CHUNKED}Content-Length: 0\r\n"),
    "TE misspelt": hidden_in("Content-Length: LENGTH\r\nTransfer-Encoding: xchunked\r\n"),
    "TE misspelt, alone": hidden_in("Transfer-Encoding: xchunked\r\n"),
    "TE after a vertical tab": hidden_in("Content-Length: LENGTH\r\nTransfer-Encoding: \x0bchunked\r\n"),
    "TE before a space": hidden_in("Content-Length: LENGTH\r\nTransfer-Encoding : chunked\r\n"),
    "TE folded": hidden_in("Content-Length: LENGTH\r\nTransfer-Encoding:\r\n chunked\r\n"),
    "TE after a space": hidden_in("Content-Length: LENGTH\r\n Transfer-Encoding: chunked\r\n"),
    "TE behind a bare CR": hidden_in("Content-Length: LENGTH\r\nX: y\rTransfer-Encoding: chunked\r\n"),
    "TE behind a bare LF": hidden_in("Content-Length: LENGTH\r\nX: y\nTransfer-Encoding: chunked\r\n"),
    "TE twice": hidden_in(f"{CHUNKED}{CHUNKED}"),
    "TE chunked, identity": hidden_in("Transfer-Encoding: chunked, identity\r\n"),
    "TE in HTTP/1.0": hidden_in(f"Content-Length: LENGTH\r\n{CHUNKED}", head=HEAD.replace("/1.1", "/1.0")),
    "CL twice": hidden_in("Content-Length: SHORT\r\nContent-Length: LENGTH\r\n", body="{}"),
    "CL 2, 9": hidden_in("Content-Length: SHORT, LENGTH\r\n", body="{}"),
    "CL +2": hidden_in("Content-Length: +SHORT\r\n", body="{}"),
    "CL -1": hidden_in("Content-Length: -1\r\n", body=""),
    "CL 0x2": hidden_in("Content-Length: 0xSHORT\r\n", body="{}"),
    "a chunk's size as -1": hidden_in(CHUNKED, body="-1\r\n\r\n"),
    "a chunk's size as 0x0": hidden_in(CHUNKED, body="0x0\r\n\r\n"),
    "a chunk's size before a bare LF": hidden_in(CHUNKED, body="0\n\r\n"),
}
"""The bytes to send, and the page id of the event that must not be accepted."""


async def shapes(stage: Stage, outcome: Outcome) -> None:
    """Each is answered 400 once, its connection closed, and the hidden request is never served."""
    await stage.start()
    otherwise, still_open, served = [], [], []
    for name, (raw, _) in SHAPES.items():
        answer, is_closed = await said(stage.port, raw, within=5)
        if statuses(answer) != [400]:
            otherwise.append(f"{name}: {statuses(answer)}")
        if not is_closed:
            still_open.append(name)
    good = event()
    outcome.is_exactly("then a good one: answered", await post(stage.port, request(envelope(good))), 202)
    one, another = event(), event()
    both = request(envelope(one)) + request(envelope(another), Connection="close")
    outcome.is_exactly("two plain ones at once: answered", statuses((await said(stage.port, both))[0]).count(202), 2)
    found = pages_of(stage.records())
    assert {good["page"], one["page"], another["page"]} <= found
    served = [name for name, (_, page) in SHAPES.items() if page in found]
    outcome.shows("shapes", len(SHAPES))
    outcome.is_exactly("not answered 400 once", len(otherwise), 0)
    outcome.is_exactly("left open", len(still_open), 0)
    outcome.is_exactly("smuggled requests served", len(served), 0)
    for what, names in (("not 400", otherwise), ("left open", still_open), ("served", served)):
        if names:
            outcome.note(f"{what}: {', '.join(names)}")
