"""The contract that every part of Wakeline shares, and what a developer imports.

event.py     what a page sends          record.py     what the log holds
keys.py      every Redis key            lanes.py      which lane an id belongs to, the deployment
log/         the log                    connect.py    connections to Redis; cluster.py to a cluster
identity.py  hashes of customer ids     decay.py      scores of interests
profiles.py  the readable profile, and its readers
settings.py  every setting              embedded.py   the server that `wakeline up` starts
scripts.py   what pages load            tag.py        what a site pastes into them
history/     what the log has trimmed   lease.py      of several processes one works
sources.py   names of where visits come from
stopping.py  how a process is told to end
countries.py countries of addresses  inert.py      text from outside, made harmless to look at
traces.py    what a log may say of an exception
"""
