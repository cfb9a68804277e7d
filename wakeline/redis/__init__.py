"""Redis and Valkey: connections and servers.

url.py       parsing of Redis URLs
connect.py   connections; cluster.py to a cluster; packed.py packs commands
failures.py  what a server raises, and which of it passes
lease.py     of several processes one works
embedded.py  the server that `wakeline up` starts
"""
