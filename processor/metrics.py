"""Every metric of the processor with its help and labels. The business numbers are the API service's."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

RECORDS = Counter(
    "wakeline_processor_records",
    "Records of the log by the outcome this process wrote: applied, duplicate, conflict, too_late, erased, "
    "dead, derived",
    ["outcome"],
)
DEAD_LETTERS = Counter(
    "wakeline_processor_dead_letters",
    "Records that could not be folded: malformed, unknown_site, conflict, bug",
    ["reason"],
)
FACTS_CUT = Counter(
    "wakeline_processor_facts_cut",
    "What a bound cut: facts of a thing or a customer (facts), or remembered ids of a person's facts (ids)",
    ["what"],
)
ODD_FACTS = Counter(
    "wakeline_processor_odd_facts",
    "Implausible facts, by what is odd about them: an order that has a customer names another one (other_customer)",
    ["what"],
)
BATCH_RECORDS = Histogram(
    "wakeline_processor_batch_records",
    "Records per write to Redis",
    buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000),
)
WRITE_SECONDS = Histogram(
    "wakeline_processor_write_seconds",
    "Time of one write to Redis, retries included",
    buckets=(0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2, 10),
)
EVENT_AGE_SECONDS = Histogram(
    "wakeline_processor_event_age_seconds",
    "From the collector's receipt of an event to its readable profile, one sample per write",
    buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.3, 0.5, 1, 2, 5, 10, 60, 600),
)
RULE_SECONDS = Counter(
    "wakeline_processor_rule_seconds", "Time that rules took for the events that were timed", ["rule"]
)
RULE_EVENTS = Counter("wakeline_processor_rule_timed_events", "Events that were timed, one in 64")
WAITING = Gauge("wakeline_processor_waiting", "Lanes that wait for Redis to come back")
LANES_OWNED = Gauge("wakeline_processor_lanes_owned", "Lanes that this process owns; 0 for one that stands by")
HOP_GAPS = Counter("wakeline_processor_hop_gaps", "Deltas for customers that never came: their numbers are too low")
DEADLINE_FAILURES = Counter(
    "wakeline_processor_deadline_failures", "Deadlines that raised: their persons' deadlines wait for another hour"
)
TICKS = Counter("wakeline_processor_ticks", "Records appended to let deadlines fall due in an idle lane")
MESSAGES_SAID = Counter("wakeline_processor_messages_said", "Messages about people that this process's lanes said")
MESSAGES_TOLD = Counter("wakeline_processor_messages_told", "Messages put into the stream that others read")
MESSAGES_WAITING = Gauge(
    "wakeline_processor_messages_waiting",
    "Messages that are not in that stream yet, as the process that fills it last saw; at most 500 of a lane count",
)
MESSAGES_TRIMMED = Counter(
    "wakeline_processor_messages_trimmed",
    "Messages removed: after 7 days (age), because the stream is full (length), or what waits of a lane is (lane)",
    ["reason"],
)
UNARCHIVED = Gauge(
    "wakeline_processor_unarchived_records",
    "Records that the log keeps only until they are archived",
)
