"""The shop that `make run` shows, with the live profile beside it, and the simulator of its visitors.

In reading order: catalogue (what is sold), pages (URL in, HTML out), panel (the live profile, read on the
page's behalf), guard (who may ask), app (the server); people and browser (who visits, and with what), visitors
(how they behave, pure and seeded), delivery and simulator (how it is sent).
The page side is in site/: no build, no framework.
"""
