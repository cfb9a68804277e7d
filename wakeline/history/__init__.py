"""The history: what was in the log, kept as compressed files after the log has trimmed it.

names.py     the tree: date=YYYY-MM-DD/lane=NNN/<first>-<end>.jsonl.gz, and which of its files count
lines.py     a record as a line of JSON
members.py   lines as a compressed file, and back, checked
store.py     what a place for the files can do
folder.py    where the files lie: a local folder
remote.py    the same at any URL that fsspec knows
opening.py   the one that the settings name
reading.py   `History`: lanes, bounds, entries
log.py       `HistoryLog`: what the log has trimmed from the history, the rest from the log
identity.py  which log it is of; `archived`: how far it reaches, as published for who trims the log

One line a record: {"offset": 17, "at": 1795000000000, "record": {...}}; `at` is its append time in ms. A file that is
not sealed, by a rename or by one put, does not exist. Ids are pseudonymous, and each site's `archive_days` bounds how
long they are kept: then a tick stands in the record's place, so that offsets have no holes.
"""

from wakeline.history.log import HistoryLog
from wakeline.history.names import Segment
from wakeline.history.opening import archive_url
from wakeline.history.reading import History
from wakeline.history.store import HistoryDamaged, HistoryUnavailable

__all__ = ["History", "HistoryDamaged", "HistoryLog", "HistoryUnavailable", "Segment", "archive_url"]
