"""`wakeline check`: checks the configuration, the server and the snippet on a page, and suggests fixes.

finding.py        the result of one check
configuration.py  the settings and the sites
server.py         Redis, a single server or a cluster
node.py           one server: gathers facts, then judges them
cluster.py        each node of a Redis Cluster, and its slots
kafka.py          the log on Kafka, the same way
sites.py          whether the data contain sites that are not configured
cards.py          whether the key of customers' cards is there
salts.py          whether all collectors have the same daily salts
definitions.py    whether the configured definitions were applied
clock.py          whether the log's time is right
history.py        whether there is a history of this log
data.py           whether other users can read the data folder
page.py           the script tag in a page's HTML
script.py         the script that the tag loads
csp.py            the page's Content-Security-Policy
run.py            fetches, checks, prints
"""
