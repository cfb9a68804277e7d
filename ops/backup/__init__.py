"""Backup and restore of a deployment whose data are in one folder; the backup is made while it runs.

manifest.py    the list of a backup's files: written last, checked first
making.py      `make`: copies the spool, then a snapshot, then the history
snapshot.py    the server's data at one moment, through the replication protocol
cards.py       takes the cards out of the snapshot, into a file of their own, and puts them back
spooled.py     copies the spool while it is in use
restoring.py   `restore`: stage, apply later erasures, swap
staged.py      runs a temporary server on the snapshot, and adds a link to the log's chain
ancestry.py    the common records of the backup's log and another log or history
forgotten.py   erasures and withdrawals made after the backup
past.py        cuts or fills the history to match the restored log
swap.py        swaps old and new data; the next `restore` completes an interrupted swap

The daily salts are in no backup: with them anonymous ids could be traced back to IP addresses, so they are destroyed
after two days. Nor are the settings, since they contain the sites' secrets.
"""
