"""Paths in spellings that evade masks; paths that are slow to match, and text that is slow to normalize."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from tests.abuse.stage import Stage
from tests.abuse.wire import ORIGIN, envelope, event, flood, request
from tests.faults.outcome import Outcome

SECRET = "s3cretOfTheMask"
SLASHES = ("/", "//", "/./", "/x/../", "/%2e/", "\\", "%2f", "%5C", "%252F", "/;p=1/", "/x/%2E%2e/")
WORDS = ("reset", "RESET", "%72eset", "%2572eset", "r%65s%45t", "reset;id=7", "re%E2%80%8Bset", "re%0Aset")
STARTS = ("", "/#", "/#!", "/app#", "/app/%23")
STARS = ("/reset/*", "/*a*a*a*a*b", "/*/*/*/*/*/x", "/*-*-*-*-*-y*", "/*ab*ab*ab*c")
PIECES = ("a", "/", "a/", "-", "ab", "#", ";a", "/..", "%2561", "/%2e")
MARKS = ("\u0301\u0316", "%CC%81%CC%96")  # to be sorted, in a path, and where a host should be
PLACES = ({"url": f"{ORIGIN}/%s"}, {"url": "https://%s/"}, {"referrer": "https://%s/"}, {"referrer": "https://a\\%s/"})
LENGTH = 2_500  # four times as much fits into a body, six bytes a character
REQUESTS = 100


async def spelt(stage: Stage, outcome: Outcome) -> None:
    """The secret is not in the log; a path four times as long costs about four times as much, not 64 times."""
    masks = ", ".join(f'"{mask}"' for mask in STARS)
    stage.config.write_text(stage.config.read_text().replace('masks = ["/reset/*"]', f"masks = [{masks}]"))
    await stage.start()
    paths = [f"{start}{one}{word}/{SECRET}" for start in STARTS for one in SLASHES for word in WORDS]
    paths = [path if path[0] == "/" else f"/x/..{path}" for path in paths]  # or the host would be another one
    sent = [request(envelope(event(url=f"{ORIGIN}{path}"))) for path in paths]
    links = [{"url": f"{ORIGIN}{path}", "path": path, "href": [f"{ORIGIN}.{path}", f"\u200b{path}"]} for path in paths]
    sent += [request(envelope(event(type="search", props=props))) for props in links]
    answers = await flood(stage.port, sent)
    outcome.shows("spellings", len(paths))
    outcome.is_exactly("of their requests not taken", len(sent) - answers[202], 0)
    outcome.is_exactly("in the log with the secret", sum(SECRET.encode() in record for record in stage.records()), 0)
    places = [(PLACES[0], piece) for piece in PIECES] + [(place, marks) for place in PLACES for marks in MARKS]
    for place, piece in places:
        short, long = [await _cost(stage, place, piece, length) for length in (LENGTH, 4 * LENGTH)]
        outcome.at_most("text four times as long, times the cost [worst piece]", long / short, 9)


async def _cost(stage: Stage, place: Mapping[str, str], piece: str, length: int) -> float:
    """CPU seconds of the collector for REQUESTS different texts, so that none is cached."""
    before = _cpu_seconds(stage.services["collector"].pid)
    for start in range(0, REQUESTS, 20):
        texts = [
            f"{number}{'' if piece in MARKS else '/'}{piece * (length // len(piece))}"
            for number in range(start, start + 20)
        ]
        events = [event(**{field: form % text for field, form in place.items()}) for text in texts]
        await flood(stage.port, [request(envelope(each)) for each in events])
    return max(_cpu_seconds(stage.services["collector"].pid) - before, 0.05)


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
