"""The history: the log's records, kept as compressed files after the log has trimmed them.

names.py     the tree: date=YYYY-MM-DD/lane=NNN/<first>-<end>.jsonl.gz, and which of its files to read
lines.py     a record as a line of JSON
members.py   lines as a compressed file, and back, with checksums
store.py     the interface of a place for the files
folder.py    a store in a local folder
remote.py    a store at any URL that fsspec supports
opening.py   the store named in the settings
reading.py   `History`: lanes, bounds, entries
log.py       `HistoryLog`: sealed records from the history, the others from the log
identity.py  the log that a history belongs to; `archived`: how far it reaches, so that the log can be trimmed

One line per record: {"offset": 17, "at": 1795000000000, "record": {...}}; `at` is its append time in ms. A file becomes
visible when it is sealed, by a rename or a single put. Ids are pseudonymous. After a site's `archive_days` its records
are replaced by ticks, so that offsets have no gaps.
"""

from wakeline.history.log import HistoryLog
from wakeline.history.names import Segment
from wakeline.history.opening import archive_url
from wakeline.history.reading import History
from wakeline.history.store import HistoryDamaged, HistoryUnavailable

__all__ = ["History", "HistoryDamaged", "HistoryLog", "HistoryUnavailable", "Segment", "archive_url"]
