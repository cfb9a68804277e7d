"""Redis and Valkey: how all of Wakeline reaches them.

url.py       the URL that a setting holds
connect.py   connections; cluster.py to a cluster; packed.py packs commands
failures.py  what a server raises, and which of it passes
lease.py     of several processes one works
embedded.py  the server that `wakeline up` starts
"""
