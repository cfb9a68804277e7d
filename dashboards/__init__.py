"""Grafana dashboards as code, and the configuration and alerts of Prometheus.

queries.py   PromQL queries of the panels, by name
panels.py    kinds of panels, with legend, calculation and unit
live.py      the dashboard "Live"; `python -m dashboards.live` writes grafana/live.json
orders.py    its row of orders and carts
metrics.py   docs/metrics.md; `python -m dashboards.metrics` writes it
profiles.py  docs/profiles.md; `python -m dashboards.profiles` writes it
prometheus/  prometheus.yml, rules.yml (alerts) and what they must say: rules_test.yml
grafana/     the generated dashboard and the provisioning files
compose.yaml Prometheus and Grafana, with pinned versions
"""

import warnings

with warnings.catch_warnings():
    # Grafana reads the classic model from files in all versions; the SDK warns of its successor at import
    warnings.filterwarnings("ignore", "Prefer using dashboardv2", DeprecationWarning)
    import grafana_foundation_sdk.builders.bargauge
    import grafana_foundation_sdk.builders.dashboard  # noqa: F401
