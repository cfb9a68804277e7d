"""The processor: reads the log, folds it, writes profiles and counters, one atomic call a batch.

app.py        wires
stream.py     the Faust app: batches of records in
transport.py  Faust over wakeline.log
lanes.py      the lanes of this process; ownership.py says which: all by a lease, or a share (group.py)
worker.py     one lane: load, fold, write, retry
batch.py      records decoded, and what they touch
fold.py       the pure fold; rules/ what it does with an event
state.py      what it remembers (loaded.py reads it); changes.py what a call changes; sites.py what it asks of a site
pages.py      page instances that a state has no room for; page_text.py how they are written
writes.py     changes as Redis commands
store.py      the one call that applies them; scripts.py what runs in Redis
dead.py       dead letters, and whom they are about
retention.py  how long the log keeps what was processed
replay.py     the log folded again, into another version of the keys; versions.py where that begins
switch.py     from the live version to that one; torn.py one lane made anew where it is
metrics.py    what Prometheus sees
"""
