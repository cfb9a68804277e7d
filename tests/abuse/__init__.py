"""Abuse tests: hostile input to the public port, and the guarantees that must hold.

`make test-abuse` runs all rows; `make test` the quick ones, see tests/integration/test_abuse.py.

In reading order: rows (the table), stage (the deployment under attack), wire (hostile requests), the rows by theme:
bodies, sockets, smuggling, odd, floods, kept, variety, heavy, masks, inert, personal, logs, outbound, joining; run and
__main__.
"""
