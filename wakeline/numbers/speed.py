"""How fast pages were, as browsers measured them, and errors that visitors met.

Bounds contain the limits of good and of poor on https://web.dev/articles/vitals; of the server's own times there are
none. Nobody waits for ten minutes, and no page shifts by a hundred times its height: such values are made up.
"""

from __future__ import annotations

from wakeline.numbers.kinds import Count, Histogram

MOST_MS = 600_000
MOST_SHIFTS = 1_000_000  # of 0.0001

LCP = Histogram(
    *("lcp", "largest_contentful_paint_seconds", "Time until the largest part of a page was shown (LCP)"),
    *((1_200, 2_500, 4_000, 6_000, 10_000), MOST_MS),
)
INP = Histogram(
    *("inp", "interaction_to_next_paint_seconds", "Time until a page answered a click, a tap or a key (INP)"),
    *((100, 200, 500, 1_000, 2_000), MOST_MS),
)
CLS = Histogram(
    *("cls", "cumulative_layout_shift", "How much a page jumped about while it was open, 0: not at all (CLS)"),
    *((500, 1_000, 2_500, 5_000, 10_000), MOST_SHIFTS, 0.0001),
)
FCP = Histogram(
    *("fcp", "first_contentful_paint_seconds", "Time until the first part of a page was shown (FCP)"),
    *((900, 1_800, 3_000, 5_000, 10_000), MOST_MS),
)
TTFB = Histogram(
    *("ttfb", "time_to_first_byte_seconds", "Time from the click to the first byte of a page (TTFB)"),
    *((300, 800, 1_800, 3_000, 6_000), MOST_MS),
)
SERVER = Histogram(
    *("server", "server_response_seconds", "Time from the request to the first byte of a page: the server and the way"),
    *((100, 200, 500, 1_000, 3_000), MOST_MS),
)
SERVER_TOTAL = Histogram(
    *("server_total", "server_timing_seconds", "Time that the server itself tells for a page: total of Server-Timing"),
    *((100, 200, 500, 1_000, 3_000), MOST_MS),
)

SERVER_ERRORS = Count(
    "pages_5xx", "pages_server_error", "Pages that the server answered with an error (5xx), as visitors met them"
)
TIMEOUTS = Count(
    "pages_timeout",
    "pages_timeout",
    "Pages that a server waited for in vain (408, 504, 522, 524), as visitors met them",
)
GONE = Count("pages_404", "pages_answered_404", "Pages that the server answered with 404, as visitors met them")
