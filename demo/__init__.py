"""The shop that `make run` shows, with the live profile beside it, and the simulator of its visitors.

In reading order: catalogue (what is sold), pages (URL in, HTML out), panel (the live profile, read on the
page's behalf), app (the server); visitors (how people behave, pure and seeded), simulator (sends it).
The page side is in site/: no build, no framework.
"""
