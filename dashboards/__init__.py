"""Grafana dashboards as code, and the configuration and alerts of Prometheus.

boards/      the boards: tables of panels; board.py what they are made of, declare.py panels in one line
texts/       their titles and sentences, one file per language
queries.py   PromQL queries of the panels, by name; operators.py those of all sites and processes together
panels.py    panels as Grafana's model has them
build.py     `python -m dashboards.build` writes grafana/<language>/<board>.json, and docs/numbers.md (guide.py)
metrics.py   docs/metrics.md; `python -m dashboards.metrics` writes it
profiles.py  docs/profiles.md; `python -m dashboards.profiles` writes it
rules.py     the table in docs/segments.md; `python -m dashboards.rules` writes it
prometheus/  prometheus.yml, alerts for operators (rules.yml) and marketers (rules_marketing.yml), and what they
             must say (rules*_test.yml)
grafana/     the generated boards and the provisioning files
pictures.py  `make dashboard-pictures` draws the boards, with Grafana's components in drawn/, for looking at them
schema/      which fields Grafana knows, as JSON Schema; tests compare the boards with it
compose.yaml Prometheus and Grafana, with pinned versions
"""

import warnings

with warnings.catch_warnings():
    # Grafana reads the classic model from files in all versions; the SDK warns of its successor at import
    warnings.filterwarnings("ignore", "Prefer using dashboardv2", DeprecationWarning)
    import grafana_foundation_sdk.builders.bargauge
    import grafana_foundation_sdk.builders.dashboard  # noqa: F401
