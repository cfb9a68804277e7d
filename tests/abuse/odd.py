"""Unexpected requests: invalid bytes, numbers of any length, expectations, invalid hops."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tests.abuse.stage import Stage
from tests.abuse.wire import HEADERS, ORIGIN, envelope, event, said, statuses
from tests.faults.outcome import Outcome

BYTES = (b"caf\xe9", b"\xff\xfe", b"\xed\xa0\x80", b"\xf0\x9f", bytes(range(128, 256)))
NUMBERS = ("9" * 309, "-" + "9" * 309, "1" * 4_300, "1" * 40_000, "1e999", "-1e999", "1e-999", "9" * 20)
FIELDS = (
    b"User-Agent", b"Origin", b"Cookie", b"X-Forwarded-For", b"Content-Type", b"Content-Encoding", b"Sec-GPC",
    b"Sec-Fetch-Site", b"Expect", b"Accept-Encoding", b"Referer", b"Upgrade", b"If-None-Match",
)  # fmt: skip


async def requests(stage: Stage, outcome: Outcome) -> None:
    """Each is answered, never with 500; valid events beside them are accepted; the ledger balances."""
    await stage.start()
    answers: Counter[int] = Counter()
    for raw in _made():
        found = statuses((await said(stage.port, raw, within=8))[0])
        answers[found[-1] if found else 0] += 1
    outcome.shows("requests", answers.total())
    outcome.at_least("of them taken", answers[202], 100)
    outcome.is_exactly("without an answer", answers[0], 0)
    outcome.is_exactly("answered 5xx", sum(count for status, count in answers.items() if status >= 500), 0)
    outcome.is_exactly("refused by a fault of ours", stage.collected("rejected_total", reason="internal"), 0)
    outcome.is_exactly("ledger difference", stage.collected("ledger_difference"), 0)
    taken, in_log = stage.collected("accepted_total"), stage.appended()
    outcome.is_exactly("taken and not in the log", taken - in_log, 0)


def _made() -> Iterator[bytes]:
    for content in BYTES:
        for field in FIELDS:
            yield _request({field: content}, envelope())
            yield _request({field: content}, envelope(event(visitor="visitor-odd-1")))
        yield _request({}, envelope(), path=b"/" + content)
        yield _request({}, envelope(), path=b"/v1/events?" + content)
        yield _request({}, envelope(event(title="?")).replace(b'"?"', b'"' + content + b'"'))
    for number in NUMBERS:
        for props in ('{"price": ?}', '{"a": [?]}', '{"items": [{"price": ?}]}'):
            bad = envelope(event(), event(type="purchase", props="?"), event())
            yield _request({}, bad.replace(b'"?"', props.replace("?", number).encode()))
        for name in ("n", "time", "engaged_ms"):
            yield _request({}, envelope(event(**{name: "?"})).replace(b'"?"', number.encode()))
    for hops in (b"198.51.100.7,", b",,", b"198.51.100.7, ,127.0.0.1,", b"unknown", b"[::1", b"::ffff:1.2.3.4%eth0"):
        yield _request({b"X-Forwarded-For": hops}, envelope())
    for expected in (b"100-continue", b"100-Continue", b"200-ok", b""):
        yield _request({b"Expect": expected}, envelope())


def _request(fields: dict[bytes, bytes], body: bytes, *, path: bytes = b"/v1/events") -> bytes:
    usual = {name.encode(): value.encode() for name, value in HEADERS.items()}
    lines = b"".join(b"%s: %s\r\n" % pair for pair in (usual | {b"Origin": ORIGIN.encode()} | fields).items())
    length = b"Connection: close\r\nContent-Length: %d" % len(body)
    return b"POST " + path + b" HTTP/1.1\r\n" + lines + length + b"\r\n\r\n" + body
