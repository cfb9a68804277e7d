"""How fast pages were, as browsers measured them, and errors that visitors met.

`good` and `poor` are those of https://web.dev/articles/vitals, which names none for the server's own time. Nobody waits
for ten minutes, and no page shifts by a hundred times its height: such values are made up.
"""

from __future__ import annotations

from wakeline.numbers.kinds import Count, Histogram

GOOD_SHARE = 0.75  # of page views: a page is as good as what so many of its views keep to
MOST_MS = 600_000
MOST_SHIFTS = 1_000_000  # of 0.0001

LCP = Histogram(
    *("lcp", "largest_contentful_paint_seconds", "Time until the largest part of a page was shown (LCP)"),
    bounds=(1_200, 2_500, 4_000, 6_000, 10_000), most=MOST_MS, good=2_500, poor=4_000,
)  # fmt: skip
INP = Histogram(
    *("inp", "interaction_to_next_paint_seconds", "Time until a page answered a click, a tap or a key (INP)"),
    bounds=(100, 200, 500, 1_000, 2_000), most=MOST_MS, good=200, poor=500,
)  # fmt: skip
CLS = Histogram(
    *("cls", "cumulative_layout_shift", "How much of a page jumped about while it was open, 0: nothing (CLS)"),
    bounds=(500, 1_000, 2_500, 5_000, 10_000), most=MOST_SHIFTS, good=1_000, poor=2_500, unit=0.0001,
)  # fmt: skip
FCP = Histogram(
    *("fcp", "first_contentful_paint_seconds", "Time until the first part of a page was shown (FCP)"),
    bounds=(900, 1_800, 3_000, 5_000, 10_000), most=MOST_MS, good=1_800, poor=3_000,
)  # fmt: skip
TTFB = Histogram(
    *("ttfb", "time_to_first_byte_seconds", "Time from the click to the first byte of a page (TTFB)"),
    bounds=(300, 800, 1_800, 3_000, 6_000), most=MOST_MS, good=800, poor=1_800,
)  # fmt: skip
VITALS = (LCP, INP, CLS, FCP, TTFB)

SERVER = Histogram(
    *("server", "server_response_seconds", "Time from the request to the first byte of a page: the server and the way"),
    bounds=(100, 200, 500, 1_000, 3_000), most=MOST_MS,
)  # fmt: skip
SERVER_TOTAL = Histogram(
    *("server_total", "server_timing_seconds", "Time that the server itself tells for a page: total of Server-Timing"),
    bounds=(100, 200, 500, 1_000, 3_000), most=MOST_MS,
)  # fmt: skip

SERVER_ERRORS = Count(
    "pages_5xx", "pages_server_error", "Pages that the server answered with an error (5xx), as visitors met them"
)
TIMEOUTS = Count(
    "pages_timeout",
    "pages_timeout",
    "Pages that a server waited for in vain (408, 504, 522, 524), as visitors met them",
)
