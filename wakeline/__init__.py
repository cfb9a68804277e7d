"""The contract that every part of Wakeline shares, and what a developer imports.

event.py          what a page sends; surrogates.py halves of emoji
definitions.py    what a visit, a bounce, activity mean; durations.py lengths of time
numbers.py        every number of a site: counts, top lists, windows
commerce.py       a shop's fields; amounts.py how amounts are read
record.py         what the log holds
keys.py           every Redis key
lanes.py          which lane an id belongs to, and the deployment
log/              the log; history/ what it has trimmed; dead_letters.py what could not be folded
profiles.py       the readable profile, and its readers; decay.py scores of interests
identity.py       hashes of customer ids
salts.py          the daily salts of anonymous ids, as they lie in their folder
paths.py          how a page's path is spelt; labels.py how long text is cut; hosts.py how a host is spelt
normalization.py  Unicode normalization in linear time; inert.py text made harmless to look at
sources.py        where visits come from, by name; referrers.py the list of known sites
countries.py      countries of addresses
settings.py       every setting; config/ reads and checks them
connect.py        connections to Redis; cluster.py to a cluster; packed.py packs commands; redis_url.py reads the URL
embedded.py       the server that `wakeline up` starts; memory.py how full a server may be
scripts.py        what pages load; tag.py what a site pastes into them
process.py        what every process does first; data_folder.py closes its files to others
logs.py           how processes log; traces.py what they say of an exception
lease.py          of several processes one works; stopping.py how a process is told to end
patience.py       waits for what is not there yet
cli/              the command line; up/ starts all; check/, query/ and backup/ are its larger commands
"""
