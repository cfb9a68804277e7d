"""The archiver: copies the log into the history, exactly once, independently of the processor.

app.py           wires the parts
loop.py          acquires the lease, then works until it is stopped; waits for unavailable services
archiving.py     reads, collects, seals what is due, publishes how far the history reaches
segment.py       an unsealed file: the records of one lane and one UTC day, compressed as they arrive
resume.py        checks what an earlier run, another archiver or another log has left: seams, gaps, overlaps
housekeeping.py  once a day:
merging.py       merges many small files of a lane after the day is over
retention.py     replaces expired records with ticks, and deletes files that contain nothing else
rewriting.py     puts the records of erased persons under a random id
persons.py       who a record names and whom it erases; the same record under other ids
erased.py        who was rewritten, by which random id
ids.py           which ids a file holds, so that few files are read
figures.py       has the figures of campaigns computed for the boards
metrics.py       its metrics

Its position is derived from the history: nothing else is stored, and unsealed records are read again.
"""
