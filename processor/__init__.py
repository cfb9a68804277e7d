"""The processor: reads the log, folds it, and writes profiles and counters, one atomic call per batch.

app.py        wires the parts
stream.py     the Faust app, which receives batches of records
transport.py  Faust's transport over wakeline.log
lanes.py      the lanes of this process; ownership.py assigns them: all by a lease (lease.py), or a share (group.py)
worker.py     one lane: load, fold, write, retry; outbox.py sends what the lanes owe each other
reading.py    reads records, and refuses what no fold may see
batch.py      decodes records, and finds the people and numbers they touch
fold.py       applies the rules of `crm` to one lane's records; firing.py which deadlines fire before each,
              deadlines.py those at hand; clock.py whether the lane's time is to be believed; others.py applies facts
              and all other records; definitions.py the site definitions in effect; imports.py how far a lane is with
              each import; memory.py the cache of a lane, loaded.py and naming.py fill it
changes.py    the changes of one call; writes.py turns them into Redis commands (command.py), people.py those of
              people and things, deltas.py the records for other lanes
store.py      the one call that applies them; lane_protocol.py the scripts and fields of a lane in Redis,
              former_letters.py names people in dead letters of earlier versions
messages.py   turns messages of a call into commands; teller.py merges the lanes' messages
retention.py  how long the log keeps processed records
replay.py     folds the log again, into another key version; replay_lane.py one lane of a replay, crossing.py the
              shares between its lanes; versions.py where it begins
switch.py     switches from the live version to a replayed one; torn.py rebuilds a torn lane in place;
              replay_protocol.py the scripts of both
rewriting.py  has the file of Redis rewritten after cards were erased
metrics.py    metrics for Prometheus; observing.py what is said of each call
"""
