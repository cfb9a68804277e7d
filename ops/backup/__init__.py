"""A backup of a deployment whose data lie in one folder, made while it runs, and its way back.

manifest.py    what a backup holds: written last, checked first
making.py      `make`: the spool, then one snapshot, then the history
snapshot.py    the server's data at one moment, by the replication protocol
spooled.py     what waits in the spool while all goes on
restoring.py   `restore`: stage, forget, swap
staged.py      the snapshot on a server of its own, made a new link of the log's chain
ancestry.py    of whose log it is: up to where the log and the history that are there now are the same
forgotten.py   who was erased or withdrew after the backup
past.py        the history brought in line with the restored place
swap.py        the new in the place of the old; a cut one is ended by the next `restore`

The daily salts are in no backup: who has them can tell which anonymous id an address had, and they are thrown away for
good after two days. Nor are the settings, for they hold the sites' secrets.
"""
