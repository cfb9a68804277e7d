"""The table of abuses: what anybody may send to the public port, and what must hold whatever they send.

`make test-abuse` runs all rows; `make test` the quick ones, see tests/integration/test_abuse.py.

In reading order: rows (the table), stage (a whole deployment that is attacked), wire (what is sent), the rows by theme:
bodies, sockets, smuggling, odd, floods, kept, variety, heavy, masks, inert, personal, logs, outbound, joining; run and
__main__.
"""
