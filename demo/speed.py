"""How fast a simulated page is, as wakeline.vitals.js would tell it. Pure: each page has chances of its own."""

from __future__ import annotations

import math
import random

from wakeline.event import Props

SERVER_MS, SERVER_SPREAD = 90.0, 0.5  # median, and sigma of the lognormal distribution around it
SLOWER = {"/search": 2.5, "/order": 3.0}  # how many times as long the server takes
NETWORK_MS = (15, 250)  # on the way
PAINT_MS = (300, 1_400)  # from the first byte to the first text
LARGEST_MS = (100, 1_600)  # from there to the largest picture
BROKEN = 0.003  # of pages: the server answers with an error, and yet the page comes


def vitals(path: str, page: str) -> Props:
    """The props of `web_vitals` of a page instance."""
    chance = random.Random(page)
    total = chance.lognormvariate(math.log(SERVER_MS), SERVER_SPREAD) * SLOWER.get(path, 1.0)
    server = total + chance.uniform(*NETWORK_MS)
    ttfb = server + chance.uniform(*NETWORK_MS)
    fcp = ttfb + chance.uniform(*PAINT_MS)
    told: Props = {
        "path": path,
        "navigation": "navigate",
        "server_ms": round(server),
        "server_timing": [{"name": "total", "ms": round(total)}],
        "ttfb_ms": round(ttfb),
        "fcp_ms": round(fcp),
        "lcp_ms": round(fcp + chance.uniform(*LARGEST_MS)),
        "cls": round(chance.betavariate(0.6, 9), 4),
    }
    if chance.random() < 0.6:  # somebody clicked something
        told["inp_ms"] = round(chance.lognormvariate(math.log(90), 0.7))
    if chance.random() < BROKEN:
        told["status"] = chance.choice((500, 502, 503, 504))
    return told
