"""Fault tests: each fault hits a real deployment under load; events answered 2xx must be applied exactly once.

`make test-faults` runs all rows; `make test` one seed of the quick ones, see tests/integration/test_kill.py. The
deployment, its visitors and their ledger are in tests/integration/kill/.

In reading order: rows (the table), stage (what a row happens on), audit and numbers (the comparison at its end),
outcome (what was measured), lag; the rows by theme: killed, orders, power, away, disks, workers, records, repeats,
history, backups, soaking, watching, generated; run, table, and command, which the command line shares with that of
tests/abuse/.
"""
