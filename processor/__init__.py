"""The processor: reads the log, folds it, and writes profiles and counters, one atomic call per batch.

app.py        wires the parts
stream.py     the Faust app, which receives batches of records
transport.py  Faust's transport over wakeline.log
lanes.py      the lanes of this process; ownership.py assigns them: all by a lease (lease.py), or a share (group.py)
worker.py     one lane: load, fold, write, retry
batch.py      records decoded, and what they touch
fold.py       one lane's records through the rules of `crm`, deadlines.py what falls due before them, definitions.py
              which rules of a site hold there; memory.py what it remembers, loaded.py reads that
changes.py    all that one call changes; writes.py makes Redis commands of it (command.py), people.py those of
              visitors and customers, deltas.py what customers are told
store.py      the one call that applies them; lane_protocol.py the scripts and fields of a lane in Redis
retention.py  how long the log keeps what was processed
replay.py     the log folded again, into another version of the keys; replay_lane.py one lane of that, crossing.py
              what lanes tell each other; versions.py where it begins
switch.py     from the live version to that one; torn.py one lane made anew where it is
metrics.py    what Prometheus sees
"""
