"""The read side: profiles over HTTP for applications, and the business /metrics for Prometheus, both from Redis.

app.py         wires two ports and one Redis connection
profiles.py    GET /v1/profiles/..., and its error responses
numbers.py     reads the lanes' numbers and adds them up
ledger.py      the lanes' ledgers: the outcome of each record
metrics.py     every metric with its meaning
exposition.py  GET /metrics: one shared read, rendered
health.py      GET /readyz
"""
