"""The read side: profiles over HTTP for developers, and the business /metrics for Prometheus, from Redis.

app.py         wires it: two ports, one Redis
profiles.py    GET /v1/profiles/..., with its refusals
numbers.py     reads and adds up what the lanes hold
ledger.py      the books of the lanes: what became of each record
metrics.py     every metric with its meaning
exposition.py  GET /metrics: one shared read, rendered
health.py      GET /readyz
"""
