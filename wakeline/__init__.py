"""The contract shared by all parts of Wakeline, and the public API for applications.

event.py          events that a page may send; surrogates.py lone surrogates in JSON
definitions.py    definitions of a visit and a bounce; durations.py lengths of time,
                  clock.py the time now
vocabulary/       every event type and its fields, things with an id of their own, money
numbers/          every number of a site: counts, top lists, windows
commerce.py       a shop's fields; amounts.py parsing of amounts
mailing/          signed links in mails and letters
server_events.py  what servers may send; api_keys.py the keys that they send it with
record.py         records in the log; named.py whom they name;
                  applied.py definitions: what was applied, and what lanes have met of it;
                  planned.py campaigns that are planned over HTTP
keys.py           every Redis key; thing_keys.py those of things, number_keys.py those of numbers
lanes.py          assignment of ids to lanes, and the deployment
log/              the log; history/ the archived log; dead_letters.py records that could not be folded
profiles.py       profiles and their readers; profile_fields.py their fields; decay.py interest scores
thing_fields.py   orders, contacts and more, as readers give them; told.py what is stored of them, kept.py of one fact;
                  orders.py of orders
record_fields.py  what is told of customers, as readers give it
account.py        what a customer bought and what it cost, as it is stored; purchases.py as readers give it
campaign_figures.py  what campaigns brought, as the boards show it
messages.py       messages about people, and their readers
stored_profile.py the stored forms of a visit and of a cart in a profile, and what readers make of them
stored_state.py   the form of stored states, and what readers need of a customer's; aliases.py all ids of a customer
identity.py       hashes of customer ids; keyed.py keyed hashes of all that has an id
cards/            personal values of customers; card_keys.py their keys in Redis, card_ending.py deletes them
salts.py          the daily salts of anonymous ids, as files in their folder
paths.py          normal forms of paths; labels.py shortens long text; hosts.py normal forms of hosts
normalization.py  Unicode normalization in linear time; escape.py makes untrusted text safe to display
personal.py       keeps addresses of mail and telephone numbers out of what all see; telephones.py finds the latter
countries.py      countries of addresses
segments/         rules over what is known of a person
settings.py       every setting; config/ reads and checks them
redis/            connections to Redis; memory.py limits for a server's memory
server/           clients that tell what happened on a shop's servers
scripts.py        the scripts that pages load; tag.py the tag that a site pastes into pages
internal_port.py  /metrics and /healthz of a process; ports.py checks whether a port is free
extras.py         how to install missing packages
process.py        setup of every process; data_folder.py protects its files from other users
disk.py           what has to be on disk before one goes on
logs.py           logging of processes; traces.py logging of exceptions
stopping.py       stops a process on a signal; children.py child processes, which end with it (parent_death.py)
patience.py       waits for unavailable services
"""
