"""The read side: profiles and cards over HTTP for applications, the business /metrics for Prometheus; from Redis.

app.py         wires two ports and the connections to Redis
profiles.py    GET /v1/profiles/...
cards.py       /v1/cards/...: personal values of customers
access.py      the API keys that may read
answers.py     the answers and refusals of both
numbers.py     reads the lanes' numbers and adds them up; lists.py those lists that changed
budget.py      how many of them are shown
figures.py     what campaigns brought, as it was computed from the history
periods.py     the numbers of each day, added up by week or month; long.py keeps what is shown of them,
               long_metrics.py their metrics and those of targets
ledger.py      the lanes' ledgers: the outcome of each record
metrics.py     every metric with its meaning
exposition.py  GET /metrics: one shared read, rendered; latest.py while reading is slow, every few seconds
health.py      GET /readyz
"""
