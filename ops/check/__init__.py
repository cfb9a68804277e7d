"""`wakeline check`: is a configuration, the server it names and the snippet on a page fit, and how to fix what is not.

finding.py        one thing that was looked at
configuration.py  the settings and the sites
server.py         Redis, be it a server or a cluster
node.py           one server: facts gathered, then judged
cluster.py        each node of a Redis Cluster, and its slots
kafka.py          the log on Kafka, the same way
sites.py          whether the data hold sites that are not configured
salts.py          whether all collectors have the same
clock.py          whether the log's time is right
history.py        is there one, and of this log
data.py           who else may read the data folder
page.py           a page's HTML: is the tag right
script.py         what its src brought
csp.py            what a Content-Security-Policy allows
run.py            fetches, asks, prints
"""
