"""The demo shop with the live profile beside it, and the simulator of its visitors.

In reading order: catalogue (the products), pages (URL to HTML), orders (what became of them), newsletter (a mail with
links of ours), inbox (the mail server), inbox_pages (its HTML), letters (sends mails and shows them), panel (the live
profile, fetched on the page's behalf), known (the household and the best customers), guard (access control), app (the
server); people (kinds of visitors), browser (what their pages send), speed (how fast they are), annoyances (what
annoys there), visitors (their behaviour), departments (what till, service desk, newsletter and warehouse tell),
household (a story of two customers; all pure and seeded), delivery and server_events (over HTTP), key (the API key
for the latter), opening (tells the story at the first start), simulator (arrivals). The client side is in site/: no
build, no framework.
"""
