"""The history asked in SQL: its files read into DuckDB, in memory, as `events`, `sessions` and `orders`.

asking.py   `ask`: a question in, an answer out; what goes wrong is said in words
reading.py  which files a question needs, and their lines into the database, chunk by chunk
events.py   what is kept of a line: each event once, with its visit, its customer and the site's own clock
forgetting.py  who was forgotten is counted and nobody
views.py    what can be asked: the three views
amounts.py  amounts in old records that are text
clocks.py   the wall clocks of sites
sandbox.py  a database that reaches no file and no network

Nothing is kept between two questions. The numbers are those of the processor's counters; docs/history.md says where
the two differ, and tests/test_reports_query.py compares them.
"""

from reports.asking import (
    InvalidQuery,
    NoHistory,
    Query,
    Result,
    ask,
)

__all__ = ["InvalidQuery", "NoHistory", "Query", "Result", "ask"]
