"""SQL queries over the history: its files are loaded into DuckDB, in memory, as `events`, `sessions` and `orders`.

asking.py   `ask`: runs a query and returns its result; readable error messages
reading.py  selects the files for a query and loads their lines, in chunks
events.py   from lines to events: deduplicated, with visit, customer and local time
forgetting.py  anonymises erased people
views.py    the three views
amounts.py  amounts that old records hold as text
clocks.py   local time of sites
sandbox.py  a database without access to files and network

Nothing is cached between queries. The numbers are those of the processor; docs/history.md lists the differences, and
tests/test_reports_query.py compares them.
"""

from reports.asking import (
    InvalidQuery,
    NoHistory,
    Query,
    Result,
    ask,
)

__all__ = ["InvalidQuery", "NoHistory", "Query", "Result", "ask"]
