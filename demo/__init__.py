"""The demo shop with the live profile beside it, and the simulator of its visitors.

In reading order: catalogue (the products), pages (URL to HTML), panel (the live profile, fetched on the page's behalf),
guard (access control), app (the server); people (kinds of visitors), browser (what their pages send), visitors (their
behaviour; all pure and seeded), delivery (over HTTP), simulator (arrivals). The client side is in site/: no build, no
framework.
"""
