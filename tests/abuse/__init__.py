"""The table of abuse: what a hostile page, sender or network does to the public port, and what must hold then.

`make test-abuse` runs all rows against real processes; `make test` the quick ones, see tests/integration/test_abuse.py.

In reading order: rows (the table), port (how rows speak to the public port), the rows by theme: slow, requests,
bounds, markup, people; and __main__, which runs and prints them.
"""
