"""Bodies that are larger than they look."""

from __future__ import annotations

import gzip
import zlib

from tests.abuse.stage import Stage
from tests.abuse.wire import envelope, flood, post, request
from tests.faults.outcome import Outcome

MEGABYTE = 1_048_576
UNPACKED = 64  # megabytes of one bomb
BOMBS = 200
AT_ONCE = 50
MOST_GROWTH_MB = 16.0


async def bombs(stage: Stage, outcome: Outcome) -> None:
    """All are answered 413 without being unpacked, including nested and announced but unsent bodies."""
    await stage.start()
    assert await post(stage.port, request(gzip.compress(envelope()), Content_Encoding="gzip")) == 202
    before = stage.megabytes("collector", "VmHWM")
    zeros = bytes(UNPACKED * MEGABYTE)
    packed = {"gzip": gzip.compress(zeros), "deflate": zlib.compress(zeros)}
    assert max(map(len, packed.values())) < 70_000
    refused = 0
    for coding, body in packed.items():
        body = body[:65_536]
        for _ in range(BOMBS // AT_ONCE):
            refused += (await _alone(stage, [request(body, Content_Encoding=coding)] * AT_ONCE))[413]
    nested = gzip.compress(gzip.compress(zeros))
    twice = await post(stage.port, request(nested, Content_Encoding="gzip, gzip"))
    once = await post(stage.port, request(nested, Content_Encoding="gzip"))
    announced = (
        b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 99999999999\r\n\r\n"
    )
    outcome.is_exactly("bombs not answered 413", 2 * BOMBS - refused, 0)
    outcome.is_exactly("a bomb in a bomb: answered", once, 400)
    outcome.is_exactly("coded twice: answered", twice, 400)
    outcome.is_exactly("100 GB announced: answered", await post(stage.port, announced), 413)
    outcome.at_most("memory at its peak, MB more", stage.megabytes("collector", "VmHWM") - before, MOST_GROWTH_MB)
    outcome.is_exactly("then a good one: answered", await post(stage.port, request(envelope())), 202)
    outcome.is_exactly("events in the log", stage.appended(), 2)


async def _alone(stage: Stage, requests: list[bytes]) -> dict[int, int]:
    """Each on its own connection, since one that is rejected for its size is closed."""
    return await flood(stage.port, requests, connections=len(requests))
