"""The shop that `make run` shows, with the live profile beside it, and the simulator of its visitors.

In reading order: catalogue (what is sold), pages (URL in, HTML out), panel (the live profile, read on the
page's behalf), guard (who may ask), app (the server); people (who comes), browser (what their pages send), visitors
(how they behave; all pure and seeded), delivery (over HTTP), simulator (who arrives when).
The page side is in site/: no build, no framework.
"""
