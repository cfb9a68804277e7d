"""The archiver: reads the log at its own pace and seals it into the history, exactly once.

app.py           wires
loop.py          the lease, then work until it is told to stop; what is away is waited for
archiving.py     read, collect, seal what is due, publish how far the history reaches
segment.py       a file in the making: the records of one lane and one UTC day, compressed as they come
resume.py        what a former run, another archiver or another log has left: seams, gaps, overlaps
housekeeping.py  once a day:
merging.py       a day that is over: many small files of a lane become one
retention.py     records that a site no longer wants kept become ticks, files of nothing else go
metrics.py       what Prometheus sees

Where it stands is what the history holds: nothing else is stored, and what was not sealed is read again.
"""
