"""The contract shared by all parts of Wakeline, and the public API for applications.

event.py          events that a page may send; surrogates.py lone surrogates in JSON
definitions.py    definitions of a visit, a bounce, activity; durations.py lengths of time
numbers.py        every number of a site: counts, top lists, windows
commerce.py       a shop's fields; amounts.py parsing of amounts
record.py         records in the log; applied.py definitions: what was applied, and what lanes have met of it
keys.py           every Redis key
lanes.py          assignment of ids to lanes, and the deployment
log/              the log; history/ the archived log; dead_letters.py records that could not be folded
profiles.py       profiles and their readers; profile_fields.py their fields; decay.py interest scores
identity.py       hashes of customer ids
salts.py          the daily salts of anonymous ids, as they lie in their folder
paths.py          how a page's path is spelt; labels.py how long text is cut; hosts.py how a host is spelt
normalization.py  Unicode normalization in linear time; escape.py text made harmless to look at
countries.py      countries of addresses
settings.py       every setting; config/ reads and checks them
redis/            connections to Redis; memory.py how full a server may be
scripts.py        what pages load; tag.py what a site pastes into them
internal_port.py  /metrics and /healthz of a process; ports.py whether a port can be listened on
extras.py         how to install what is not there
process.py        what every process does first; data_folder.py closes its files to others
logs.py           how processes log; traces.py what they say of an exception
stopping.py       how a process is told to end; children.py those it started, which end with it by parent_death.py
patience.py       waits for what is not there yet
"""
