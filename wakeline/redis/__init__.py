"""Redis and Valkey: connections and servers.

url.py       parsing of Redis URLs
connect.py   connections; cluster.py to a cluster; packed.py packs commands
reader.py    what the readers for applications have in common
failures.py  errors of a server, and which of them are temporary
lease.py     a lease: one of several processes is active
embedded.py  the server that `wakeline up` starts
"""
